// SPDX-License-Identifier: Apache-2.0
//! Which layouts collectors know: the main thread announces them, all threads send in them.
//!
//! A thread that comes upon a flow whose layout nobody was told of asks for it and keeps the
//! flow; so no record goes out before its template, whoever has set what in between.

use core::sync::atomic::{AtomicU32, Ordering};

use flowmeter::metering::{Layers, Layout, Recorded};

/// Sets of layouts, a bit for each.
pub(crate) struct Announced {
    wanted: AtomicU32,
    known: AtomicU32,
}

impl Announced {
    pub(super) const fn new() -> Self {
        Self {
            wanted: AtomicU32::new(0),
            known: AtomicU32::new(0),
        }
    }

    /// Whether collectors know `layout`; if not, it will be announced.
    pub(super) fn knows(&self, layout: Layout) -> bool {
        let bit = 1 << layout.number();
        let knows = self.known.load(Ordering::Acquire) & bit != 0;
        if !knows {
            self.wanted.fetch_or(bit, Ordering::Relaxed);
        }
        knows
    }

    /// Has these layouts announced, and again from time to time.
    pub(super) fn want(&self, layouts: impl Iterator<Item = Layout>) {
        let bits = layouts.fold(0, |bits, layout| bits | 1 << layout.number());
        self.wanted.fetch_or(bits, Ordering::Relaxed);
    }

    /// Has only these layouts announced from now on: others are new when they are wanted again.
    pub(super) fn keep(&self, layouts: impl Iterator<Item = Layout>) {
        let bits = layouts.fold(0, |bits, layout| bits | 1 << layout.number());
        self.wanted.fetch_and(bits, Ordering::Relaxed);
        self.known.fetch_and(bits, Ordering::Release);
    }

    /// Another collector knows nothing yet.
    pub(crate) fn forget(&self) {
        self.known.store(0, Ordering::Release);
    }

    /// What is wanted and not known yet, in the order in which it is announced.
    pub(super) fn missing(&self) -> impl Iterator<Item = Layout> + use<> {
        let known = self.known.load(Ordering::Relaxed);
        layouts(self.wanted.load(Ordering::Relaxed) & !known)
    }

    /// What collectors know.
    pub(super) fn known(&self) -> impl Iterator<Item = Layout> + use<> {
        layouts(self.known.load(Ordering::Relaxed))
    }

    /// A layout was announced.
    pub(super) fn tell(&self, layout: Layout) {
        self.known.fetch_or(1 << layout.number(), Ordering::Release);
    }
}

fn layouts(bits: u32) -> impl Iterator<Item = Layout> + use<> {
    (1..8)
        .map(Layers::from_bits)
        .flat_map(|layers| {
            [Recorded::Frame, Recorded::Ipv4, Recorded::Ipv6]
                .map(|recorded| Layout::new(layers, recorded))
        })
        .filter(move |layout| bits & 1 << layout.number() != 0)
}
