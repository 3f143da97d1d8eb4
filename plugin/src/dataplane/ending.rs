// SPDX-License-Identifier: Apache-2.0
//! Which flows are to be ended, whether they are due or not.

use std::collections::BTreeSet;

use flowmeter::flow::Observed;
use flowmeter::metering::Flush;
use flowmeter::observation::Direction;

/// Flows that are to be ended.
#[derive(Default)]
pub(crate) struct Ending {
    /// How far that has come.
    pub(super) flush: Flush,
    pub(super) chosen: Chosen,
}

/// Which flows are meant.
#[derive(Default)]
pub(super) struct Chosen {
    all: bool,
    interfaces: BTreeSet<(u32, Direction)>,
}

impl Ending {
    /// All flows, from the first one on.
    pub(super) fn add_all(&mut self) {
        self.chosen.all = true;
        self.flush = Flush::default();
    }

    /// Those that were observed at an interface, too; from the first one on.
    pub(super) fn add_interface(&mut self, sw_if_index: u32, direction: Direction) {
        self.chosen.interfaces.insert((sw_if_index, direction));
        self.flush = Flush::default();
    }
}

impl Chosen {
    /// Whether a flow is meant that was observed there.
    pub(super) fn has(&self, observed: &Observed) -> bool {
        let direction = observed.direction();
        let interface = match direction {
            Direction::Ingress => observed.ingress_interface,
            Direction::Egress => observed.egress_interface,
        };
        self.all || self.interfaces.contains(&(interface, direction))
    }
}
