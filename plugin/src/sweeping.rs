// SPDX-License-Identifier: Apache-2.0
//! Sweeps in small steps: how long one goes on, what it came to, and which flows are to be ended
//! whether their time has come or not.

use std::collections::BTreeSet;

use flowmeter::metering::flow_key::Observed;
use flowmeter::metering::{Flush, Swept};
use flowmeter::observation::Direction;

use crate::vlib::Thread;

/// Groups of slots that are visited between two looks at the clock: a few microseconds.
pub(crate) const SLICE: usize = 8;

/// What became of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing is left to do for now.
    Done,
    /// There is more to do, at once.
    More,
    /// There is more to do, when records are taken again.
    Waiting,
}

impl From<Swept> for Progress {
    fn from(swept: Swept) -> Self {
        match swept {
            Swept::Done => Self::Done,
            Swept::More => Self::More,
            Swept::NoRoom(_) => Self::Waiting,
        }
    }
}

/// Until when a sweep goes on.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    thread: Thread,
    clocks: u64,
}

impl Deadline {
    /// So many microseconds from now.
    pub(crate) fn after(thread: Thread, microseconds: f64) -> Self {
        let clocks = microseconds * thread.clocks_per_microsecond();
        Self {
            thread,
            clocks: thread.clocks().saturating_add(clocks as u64),
        }
    }

    /// For as long as it takes.
    pub(crate) fn none(thread: Thread) -> Self {
        Self {
            thread,
            clocks: u64::MAX,
        }
    }

    /// Calls `step` until it has nothing more to do or time is up.
    pub(crate) fn repeat(self, mut step: impl FnMut() -> Swept) -> Swept {
        loop {
            match step() {
                Swept::More if self.thread.clocks() < self.clocks => {}
                swept => return swept,
            }
        }
    }

    /// Repeats `step` for what expires, and then for what is to be ended, which is forgotten
    /// when that is done.
    pub(crate) fn sweep(
        self,
        ending: &mut Option<Ending>,
        mut step: impl FnMut(Option<&mut Ending>) -> Swept,
    ) -> Swept {
        let mut swept = self.repeat(|| step(None));
        if let Some(ending) = ending
            && swept == Swept::Done
        {
            swept = self.repeat(|| step(Some(ending)));
        }
        if swept == Swept::Done {
            *ending = None;
        }
        swept
    }
}

/// Flows that are to be ended.
#[derive(Default)]
pub(crate) struct Ending {
    /// How far that has come.
    pub(crate) flush: Flush,
    pub(crate) chosen: Chosen,
}

/// Which flows are meant.
#[derive(Default)]
pub(crate) struct Chosen {
    all: bool,
    interfaces: BTreeSet<(u32, Direction)>,
}

impl Ending {
    /// All flows, from the first one on.
    pub(crate) fn add_all(&mut self) {
        self.chosen.all = true;
        self.flush = Flush::default();
    }

    /// Those that were observed at an interface, too; from the first one on.
    pub(crate) fn add_interface(&mut self, sw_if_index: u32, direction: Direction) {
        self.chosen.interfaces.insert((sw_if_index, direction));
        self.flush = Flush::default();
    }
}

impl Chosen {
    /// Whether a flow is meant that was observed there.
    pub(crate) fn has(&self, observed: &Observed) -> bool {
        let direction = observed.direction();
        let interface = match direction {
            Direction::Ingress => observed.ingress_interface,
            Direction::Egress => observed.egress_interface,
        };
        self.all || self.interfaces.contains(&(interface, direction))
    }
}
