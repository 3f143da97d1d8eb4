// SPDX-License-Identifier: Apache-2.0
//! Export state that all threads share: whether records can be sent, the wall-clock time, and
//! requests to send messages under construction.
//!
//! The main thread writes and the workers read single atomic words: no thread waits for another.

use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use flowmeter::metering::ExportRefused;

use super::announcements::Announcements;
use super::pacing::Pacing;

/// Whether records can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// They can.
    Open,
    /// They cannot, for this reason.
    Closed(ExportRefused),
}

/// The shared state.
pub(crate) struct Shared {
    /// 0 if open, else the reason's number plus 1.
    gate: AtomicU8,
    /// The offset from VPP's time to Unix time, in milliseconds.
    wall: AtomicU64,
    /// Counts the requests to send messages under construction.
    flush_requests: AtomicU32,
    /// The limit of messages per millisecond.
    pub(super) pacing: Pacing,
    /// The templates of recorded flows.
    pub(crate) announcements: Announcements,
}

impl Shared {
    /// The state before a collector is set.
    pub(crate) const fn new() -> Self {
        Self {
            gate: AtomicU8::new(ExportRefused::NoCollector as u8 + 1),
            wall: AtomicU64::new(0),
            flush_requests: AtomicU32::new(0),
            pacing: Pacing::new(),
            announcements: Announcements::new(),
        }
    }

    /// Whether records can be sent now.
    #[inline]
    pub(crate) fn gate(&self) -> Gate {
        match self.gate.load(Ordering::Relaxed) {
            0 => Gate::Open,
            why => {
                Gate::Closed(ExportRefused::ALL[usize::from(why - 1) % ExportRefused::ALL.len()])
            }
        }
    }

    pub(crate) fn set_gate(&self, gate: Gate) {
        let gate = match gate {
            Gate::Open => 0,
            Gate::Closed(why) => why as u8 + 1,
        };
        self.gate.store(gate, Ordering::Relaxed);
    }

    /// The offset from VPP's time to Unix time, in milliseconds, modulo 2⁶⁴.
    #[inline]
    pub(crate) fn wall(&self) -> u64 {
        self.wall.load(Ordering::Relaxed)
    }

    pub(crate) fn set_wall(&self, milliseconds: u64) {
        self.wall.store(milliseconds, Ordering::Relaxed);
    }

    /// How often workers were asked to send messages under construction.
    pub(crate) fn flush_requests(&self) -> u32 {
        self.flush_requests.load(Ordering::Relaxed)
    }

    /// Asks workers to send messages under construction at their next sweep.
    pub(crate) fn request_flush(&self) {
        self.flush_requests.fetch_add(1, Ordering::Relaxed);
    }
}
