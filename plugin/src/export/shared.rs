// SPDX-License-Identifier: Apache-2.0
//! What all threads know at once: whether records can be sent, what time it is, and whether
//! messages under construction are wanted now.
//!
//! The main thread writes and workers read, single atomic words: no thread waits for another.

use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use flowmeter::metering::NoRoom;

use super::announcements::Announcements;
use super::pacing::Pacing;

/// Whether records can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// They can.
    Open,
    /// They can't, for this reason.
    Closed(NoRoom),
}

/// See the file.
pub(crate) struct Shared {
    /// 0 where open, else one more than the reason.
    gate: AtomicU8,
    /// Milliseconds from VPP's time to the Unix epoch's.
    wall: AtomicU64,
    /// How often workers were asked to send messages under construction.
    sends: AtomicU32,
    /// How many messages may leave.
    pub(super) pacing: Pacing,
    /// The templates of recorders.
    pub(crate) announcements: Announcements,
}

impl Shared {
    /// Without a collector yet.
    pub(crate) const fn new() -> Self {
        Self {
            gate: AtomicU8::new(NoRoom::NoCollector as u8 + 1),
            wall: AtomicU64::new(0),
            sends: AtomicU32::new(0),
            pacing: Pacing::new(),
            announcements: Announcements::new(),
        }
    }

    /// Whether records can be sent now.
    #[inline]
    pub(crate) fn gate(&self) -> Gate {
        match self.gate.load(Ordering::Relaxed) {
            0 => Gate::Open,
            why => Gate::Closed(NoRoom::ALL[usize::from(why - 1) % NoRoom::ALL.len()]),
        }
    }

    pub(crate) fn set_gate(&self, gate: Gate) {
        let gate = match gate {
            Gate::Open => 0,
            Gate::Closed(why) => why as u8 + 1,
        };
        self.gate.store(gate, Ordering::Relaxed);
    }

    /// Milliseconds from VPP's start to the Unix epoch, modulo 2⁶⁴.
    #[inline]
    pub(crate) fn wall(&self) -> u64 {
        self.wall.load(Ordering::Relaxed)
    }

    pub(crate) fn set_wall(&self, milliseconds: u64) {
        self.wall.store(milliseconds, Ordering::Relaxed);
    }

    /// How often workers were asked to send messages under construction.
    pub(crate) fn sends(&self) -> u32 {
        self.sends.load(Ordering::Relaxed)
    }

    /// Asks workers to send messages under construction at their next sweep.
    pub(crate) fn ask_to_send(&self) {
        self.sends.fetch_add(1, Ordering::Relaxed);
    }
}
