// SPDX-License-Identifier: Apache-2.0
//! Which layouts collectors know: the main thread announces them, all threads send in them.
//!
//! A thread that comes upon a flow whose layout nobody was told of asks for it and keeps the
//! flow; so no record goes out before its template, whoever has set what in between. A template
//! that the main thread has made is before its own records at once, and before those of other
//! threads when it has left.

use core::sync::atomic::{AtomicU32, Ordering};

use flowmeter::metering::{Layers, Layout, Recorded};

use crate::vlib::Thread;

/// What all threads share.
pub(super) static ANNOUNCED: Announced = Announced {
    wanted: AtomicU32::new(0),
    told: AtomicU32::new(0),
    leaving: AtomicU32::new(0),
    known: AtomicU32::new(0),
};

/// Sets of layouts, a bit for each. Only the main thread takes bits away, and only while all
/// others stand still.
pub(super) struct Announced {
    /// What somebody has records for.
    wanted: AtomicU32,
    /// What the main thread has made messages of.
    told: AtomicU32,
    /// What of that VPP's graph sends in this round.
    leaving: AtomicU32,
    /// What it has sent.
    known: AtomicU32,
}

/// Where templates are that the main thread has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// They have left long ago.
    Idle,
    /// On their way still.
    Under,
    /// They have left just now.
    Arrived,
}

/// Layouts that a thread may send in.
#[derive(Clone, Copy)]
pub(super) struct Known(u32);

impl Known {
    /// Whether `layout` is among them; if not, it will be announced.
    pub(super) fn has(self, layout: Layout) -> bool {
        let has = self.0 & bit(layout) != 0;
        if !has {
            ANNOUNCED.want([layout].into_iter());
        }
        has
    }
}

impl Announced {
    /// The layouts that records which `thread` sends may have.
    pub(super) fn known(&self, thread: Thread) -> Known {
        let layouts = if thread.is_main() {
            &self.told
        } else {
            &self.known
        };
        Known(layouts.load(Ordering::Acquire))
    }

    /// Has these layouts announced, and again from time to time.
    pub(super) fn want(&self, layouts: impl Iterator<Item = Layout>) {
        self.wanted.fetch_or(bits(layouts), Ordering::Relaxed);
    }

    /// Has only these layouts announced from now on: others are new when they are wanted again.
    pub(super) fn keep(&self, layouts: impl Iterator<Item = Layout>) {
        let bits = bits(layouts);
        for set in [&self.wanted, &self.told, &self.leaving, &self.known] {
            set.fetch_and(bits, Ordering::Release);
        }
    }

    /// Another collector knows nothing yet.
    pub(super) fn forget(&self) {
        for set in [&self.told, &self.leaving, &self.known] {
            set.store(0, Ordering::Release);
        }
    }

    /// What is wanted and not told yet, in the order in which it is announced.
    pub(super) fn missing(&self) -> impl Iterator<Item = Layout> + use<> {
        let told = self.told.load(Ordering::Relaxed);
        layouts(self.wanted.load(Ordering::Relaxed) & !told)
    }

    /// What was told.
    pub(super) fn told(&self) -> impl Iterator<Item = Layout> + use<> {
        layouts(self.told.load(Ordering::Relaxed))
    }

    /// The main thread has handed on a layout's template.
    pub(super) fn tell(&self, layout: Layout) {
        self.told.fetch_or(bit(layout), Ordering::Relaxed);
    }

    /// Whether everything that was told has left.
    pub(super) fn have_left(&self) -> bool {
        self.told.load(Ordering::Relaxed) == self.known.load(Ordering::Relaxed)
    }

    /// Called once in a round of the main thread, before its graph sends what waits there:
    /// what was leaving in the round before has left.
    pub(super) fn next_round(&self) -> Way {
        let told = self.told.load(Ordering::Relaxed);
        let leaving = self.leaving.swap(told, Ordering::Relaxed);
        let known = self.known.fetch_or(leaving, Ordering::Release);
        if leaving != told {
            Way::Under
        } else if known != told {
            Way::Arrived
        } else {
            Way::Idle
        }
    }
}

fn bit(layout: Layout) -> u32 {
    1 << layout.number()
}

fn bits(layouts: impl Iterator<Item = Layout>) -> u32 {
    layouts.fold(0, |bits, layout| bits | bit(layout))
}

fn layouts(bits: u32) -> impl Iterator<Item = Layout> + use<> {
    (1..8)
        .map(Layers::from_bits)
        .flat_map(|layers| {
            [Recorded::Frame, Recorded::Ipv4, Recorded::Ipv6]
                .map(|recorded| Layout::new(layers, recorded))
        })
        .filter(move |layout| bits & bit(*layout) != 0)
}
