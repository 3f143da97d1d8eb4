// SPDX-License-Identifier: Apache-2.0
//! The time budget of a sweep, and the progress that it made.

use flowmeter::metering::Swept;

use crate::ffi::Thread;

/// What a sweep has left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing for now.
    Done,
    /// More work, which can continue at once.
    More,
    /// More work, once records are accepted again.
    Blocked,
}

impl From<Swept> for Progress {
    fn from(swept: Swept) -> Self {
        match swept {
            Swept::Done => Self::Done,
            Swept::More => Self::More,
            Swept::Refused(_) => Self::Blocked,
        }
    }
}

/// The time at which a sweep has to stop.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    thread: Thread,
    clocks: u64,
}

impl Deadline {
    /// The deadline `microseconds` from now.
    pub(crate) fn after(thread: Thread, microseconds: f64) -> Self {
        let clocks = microseconds * thread.clocks_per_microsecond();
        Self {
            thread,
            clocks: thread.clocks().saturating_add(clocks as u64),
        }
    }

    /// No deadline.
    pub(crate) fn none(thread: Thread) -> Self {
        Self {
            thread,
            clocks: u64::MAX,
        }
    }

    /// Calls `step` until it has nothing left to do or the deadline has passed.
    pub(crate) fn repeat(self, mut step: impl FnMut() -> Swept) -> Swept {
        loop {
            match step() {
                Swept::More if self.thread.clocks() < self.clocks => {}
                swept => return swept,
            }
        }
    }
}
