// SPDX-License-Identifier: Apache-2.0
//! Which layouts of layered flows have been announced to the collector. The main thread sends
//! their templates; all threads send records that use them.
//!
//! No record is sent before its template: a thread that has a record of a layout without a
//! template requests the template and keeps the flow. The main thread may use a template as soon as
//! it has encoded it, since its own messages follow; other threads wait until it has been sent.

use core::sync::atomic::{AtomicU32, Ordering};

use flowmeter::metering::{Layers, Layout, LayoutKind};

use crate::ffi::Thread;

/// Sets of layouts, with one bit for each layout. Only the main thread clears bits, and only while
/// it holds the barrier.
pub(crate) struct Announcements {
    /// Layouts that a thread has records of.
    wanted: AtomicU32,
    /// Layouts whose templates the main thread has encoded.
    made: AtomicU32,
    /// Layouts whose templates VPP's graph sends in this iteration of the main loop.
    leaving: AtomicU32,
    /// Layouts whose templates have been sent.
    sent: AtomicU32,
}

/// The progress of the templates that the main thread has encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// All were sent in earlier iterations of the main loop.
    Idle,
    /// Some are still in VPP's graph.
    Leaving,
    /// The last ones have just been sent.
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

    /// Whether `thread` may send records of a layout now; if not, its template is requested.
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

    /// Requests the templates of these layouts, which are then repeated in each interval.
    pub(crate) fn want(&self, layouts: impl Iterator<Item = Layout>) {
        self.wanted.fetch_or(bits(layouts), Ordering::Relaxed);
    }

    /// Announces only these layouts from now on. Others are announced again when requested.
    pub(crate) fn retain(&self, layouts: impl Iterator<Item = Layout>) {
        let bits = bits(layouts);
        for set in [&self.wanted, &self.made, &self.leaving, &self.sent] {
            set.fetch_and(bits, Ordering::Release);
        }
    }

    /// Clears what was sent, for a new collector.
    pub(crate) fn reset(&self) {
        for set in [&self.made, &self.leaving, &self.sent] {
            set.store(0, Ordering::Release);
        }
    }

    /// The layouts that are requested and have no template yet, in the order of announcement.
    pub(crate) fn missing(&self) -> impl Iterator<Item = Layout> + use<> {
        let made = self.made.load(Ordering::Relaxed);
        layouts(self.wanted.load(Ordering::Relaxed) & !made)
    }

    /// The layouts whose templates have been encoded.
    pub(crate) fn made(&self) -> impl Iterator<Item = Layout> + use<> {
        layouts(self.made.load(Ordering::Relaxed))
    }

    /// Records that a layout's template has been passed to VPP's graph.
    pub(crate) fn set_made(&self, layout: Layout) {
        self.made.fetch_or(bit(layout), Ordering::Relaxed);
    }

    /// Whether all encoded templates have been sent.
    pub(crate) fn all_were_sent(&self) -> bool {
        self.made.load(Ordering::Relaxed) == self.sent.load(Ordering::Relaxed)
    }

    /// Called once per iteration of the main thread's loop, before its graph sends what is pending:
    /// what was leaving in the previous iteration has been sent.
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
            [LayoutKind::Frame, LayoutKind::Ipv4, LayoutKind::Ipv6]
                .map(|kind| Layout::new(layers, kind))
        })
        .filter(move |layout| bits & bit(*layout) != 0)
}
