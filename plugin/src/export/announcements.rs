// SPDX-License-Identifier: Apache-2.0
//! Which layouts of recorded flows collectors know: the main thread announces their templates,
//! all threads send records in them.
//!
//! A thread that has a record of a layout without a template asks for it and keeps the flow, so
//! no record leaves before its template. A template that the main thread has made goes before the
//! main thread's own records at once, and before those of other threads when it has been sent.

use core::sync::atomic::{AtomicU32, Ordering};

use flowmeter::metering::{Layers, Layout, Recorded};

use crate::ffi::Thread;

/// Sets of layouts, a bit for each. Only the main thread clears bits, and only while all other
/// threads stand still.
pub(crate) struct Announcements {
    /// Some thread has records of it.
    wanted: AtomicU32,
    /// The main thread has made its template.
    made: AtomicU32,
    /// VPP's graph sends its template in this round of the main loop.
    leaving: AtomicU32,
    /// Its template has been sent.
    sent: AtomicU32,
}

/// Where the templates are that the main thread has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// All were sent in earlier rounds.
    Idle,
    /// Some are still in VPP's graph.
    Leaving,
    /// The last of them have just been sent.
    Sent,
}

impl Announcements {
    pub(super) const fn new() -> Self {
        Self {
            wanted: AtomicU32::new(0),
            made: AtomicU32::new(0),
            leaving: AtomicU32::new(0),
            sent: AtomicU32::new(0),
        }
    }

    /// Whether `thread` may send records of a layout now; if not, it will be announced.
    pub(super) fn admit(&self, thread: Thread, layout: Layout) -> bool {
        let admitted = if thread.is_main() {
            &self.made
        } else {
            &self.sent
        };
        let has = admitted.load(Ordering::Acquire) & bit(layout) != 0;
        if !has {
            self.want([layout].into_iter());
        }
        has
    }

    /// Asks for these layouts to be announced, and again from time to time.
    pub(crate) fn want(&self, layouts: impl Iterator<Item = Layout>) {
        self.wanted.fetch_or(bits(layouts), Ordering::Relaxed);
    }

    /// Announces only these layouts from now on. Others are announced anew when they are wanted.
    pub(crate) fn retain(&self, layouts: impl Iterator<Item = Layout>) {
        let bits = bits(layouts);
        for set in [&self.wanted, &self.made, &self.leaving, &self.sent] {
            set.fetch_and(bits, Ordering::Release);
        }
    }

    /// Forgets what was sent: another collector knows nothing yet.
    pub(crate) fn reset(&self) {
        for set in [&self.made, &self.leaving, &self.sent] {
            set.store(0, Ordering::Release);
        }
    }

    /// The layouts that are wanted and have no template yet, in the order of announcement.
    pub(crate) fn missing(&self) -> impl Iterator<Item = Layout> + use<> {
        let made = self.made.load(Ordering::Relaxed);
        layouts(self.wanted.load(Ordering::Relaxed) & !made)
    }

    /// The layouts whose templates were made.
    pub(crate) fn made(&self) -> impl Iterator<Item = Layout> + use<> {
        layouts(self.made.load(Ordering::Relaxed))
    }

    /// The main thread has handed a layout's template to VPP's graph.
    pub(crate) fn set_made(&self, layout: Layout) {
        self.made.fetch_or(bit(layout), Ordering::Relaxed);
    }

    /// Whether all templates that were made have been sent.
    pub(crate) fn all_were_sent(&self) -> bool {
        self.made.load(Ordering::Relaxed) == self.sent.load(Ordering::Relaxed)
    }

    /// Called once in a round of the main thread, before its graph sends what is pending: what
    /// was leaving in the round before has been sent.
    pub(crate) fn next_round(&self) -> Round {
        let made = self.made.load(Ordering::Relaxed);
        let leaving = self.leaving.swap(made, Ordering::Relaxed);
        let sent = self.sent.fetch_or(leaving, Ordering::Release);
        if leaving != made {
            Round::Leaving
        } else if sent != made {
            Round::Sent
        } else {
            Round::Idle
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
