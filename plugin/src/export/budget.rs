// SPDX-License-Identifier: Apache-2.0
//! How long a sweep works at a time, and what is left to do after it.

use flowmeter::metering::Swept;

use crate::ffi::Thread;

/// What is left to do after a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing for now.
    Done,
    /// More, at once.
    More,
    /// More, when records are taken again.
    Blocked,
}

impl From<Swept> for Progress {
    fn from(swept: Swept) -> Self {
        match swept {
            Swept::Done => Self::Done,
            Swept::More => Self::More,
            Swept::NoRoom(_) => Self::Blocked,
        }
    }
}

/// When a sweep ends.
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

    /// Never.
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
}
