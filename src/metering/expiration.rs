// SPDX-License-Identifier: Apache-2.0
//! When a flow's record is due (RFC 5470 §5.1.1: Flow Expiration).
//!
//! A flow's fate is a function of its own packets' times and uptimes alone. Whether a packet of
//! the flow or the sweep comes upon a passed deadline first changes neither the record nor
//! its reason, so records do not depend on table size, frames, or the number of workers.

use super::flow_record::{EndReason, Flow};
use crate::time::Uptime;

/// How long flows live, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// 64 bits wide, since it is compared with a sum of 32-bit times.
    active: u64,
    idle: u32,
}

/// What is to be done with a flow now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// The record to make, if one is due.
    pub(super) record: Option<EndReason>,
    /// Whether the flow leaves the table.
    pub(super) leaves: bool,
}

impl Timeouts {
    /// The longest timeout: uptime wraps after 49 days, and differences must stay clear of it.
    pub const MAX_MILLIS: u32 = 7 * 24 * 3600 * 1000;

    /// A TCP flow whose FIN or RST was seen ends when no packet came for so long: time for
    /// the peer's last acknowledgements, far below any retransmission of a new connection.
    pub const LINGER_MILLIS: u32 = 1000;

    /// Timeouts in milliseconds, each from 1 to [`Self::MAX_MILLIS`]; others are brought into
    /// that range.
    pub fn from_millis(active: u32, idle: u32) -> Self {
        Self {
            active: u64::from(active.clamp(1, Self::MAX_MILLIS)),
            idle: idle.clamp(1, Self::MAX_MILLIS),
        }
    }

    /// The idle timeout in milliseconds.
    pub(super) fn idle_millis(&self) -> u32 {
        self.idle
    }

    /// The longer of the two, in milliseconds.
    pub fn longest_millis(&self) -> u32 {
        self.idle.max(self.active as u32)
    }

    /// The packet path's one test, for a frame; `closed` says that no record is taken.
    #[inline(always)]
    pub(super) fn test(&self, closed: bool) -> Test {
        if closed {
            return Test::CLOSED;
        }
        Test {
            active: self.active,
            idle: self.idle,
            ended: Flow::ENDED,
        }
    }

    /// What is due at `now`. Where several deadlines have passed, the earliest names the
    /// reason.
    pub(super) fn due(&self, flow: &Flow, now: Uptime) -> Due {
        let idle = now.since(flow.seen());
        let (limit, reason) = if flow.ended() {
            (self.idle.min(Self::LINGER_MILLIS), EndReason::EndOfFlow)
        } else {
            (self.idle, EndReason::IdleTimeout)
        };
        let leaves = idle >= limit;
        let overdue = u64::from(idle.saturating_sub(limit));
        let age = u64::from(flow.duration()) + u64::from(idle);
        let record = if flow.packets() == 0 {
            None
        } else if age >= self.active && (!leaves || age - self.active > overdue) {
            Some(EndReason::ActiveTimeout)
        } else if leaves {
            Some(reason)
        } else {
            None
        };
        Due { record, leaves }
    }
}

/// Whether a flow may need more than counting when it has a packet.
#[derive(Clone, Copy)]
pub(super) struct Test {
    active: u64,
    idle: u32,
    /// The flags that say that it ended.
    ended: u16,
}

impl Test {
    /// Of a flow whose record is refused the packets are only counted. One without packets since
    /// its last record owes none, but begins anew: its duration is longer than any.
    const CLOSED: Self = Self {
        active: Flow::NO_PACKETS as u64,
        idle: u32::MAX,
        ended: 0,
    };

    /// Whether [`Timeouts::due`] may have something to say, or the flow's next record begins.
    #[inline(always)]
    pub(super) fn may_be_due(self, flow: &Flow, now: Uptime) -> bool {
        let idle = now.since(flow.seen());
        let age = u64::from(flow.duration()) + u64::from(idle);
        (idle >= self.idle) | (age >= self.active) | flow.has_any(self.ended)
    }
}

impl Default for Timeouts {
    /// 60 seconds active, 15 seconds idle.
    fn default() -> Self {
        Self::from_millis(60_000, 15_000)
    }
}
