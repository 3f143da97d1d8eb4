// SPDX-License-Identifier: Apache-2.0
//! When a flow's record is due (RFC 5470 §5.1.1: Flow Expiration).
//!
//! What happens to a flow depends only on its own packets' times and uptimes. Whether a packet or
//! the sweep comes first after a deadline changes neither the record nor its reason, so records do
//! not depend on the table's size, on batches, or on the number of workers.

use crate::flow::{EndReason, Flow, SYN};
use crate::time::{Timestamp, Uptime};

/// The active and the idle timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    active: u32,
    idle: u32,
}

/// What is due with a flow now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The reason of the record to export, if one is due.
    pub(super) record: Option<EndReason>,
    /// Whether the flow leaves the table.
    pub(super) leaves: bool,
}

impl Timeouts {
    /// The longest timeout, 7 days: uptime wraps after 49 days, and differences must stay far below
    /// that.
    pub const MAX_MILLIS: u32 = 7 * 24 * 3600 * 1000;

    /// How long after FIN or RST a TCP flow without packets ends: enough for the peer's last
    /// acknowledgements, far below any retransmission of a new connection.
    pub const LINGER_MILLIS: u32 = 1000;

    /// Each packet has a record of its own.
    pub const EVERY_PACKET: Self = Self { active: 0, idle: 0 };

    /// Timeouts in milliseconds. `None` unless each is from 1 to [`Self::MAX_MILLIS`].
    pub const fn from_millis(active: u32, idle: u32) -> Option<Self> {
        let is_valid =
            active >= 1 && idle >= 1 && active <= Self::MAX_MILLIS && idle <= Self::MAX_MILLIS;
        if is_valid {
            Some(Self { active, idle })
        } else {
            None
        }
    }

    /// The idle timeout in milliseconds.
    pub(super) fn idle_millis(&self) -> u32 {
        self.idle
    }

    /// The longer of the two, in milliseconds.
    pub fn longest_millis(&self) -> u32 {
        self.idle.max(self.active)
    }

    /// The test that the packet path makes, for a batch; `closed` says that all records are refused.
    #[inline(always)]
    pub(super) fn test(&self, closed: bool) -> Test {
        if closed {
            return Test::CLOSED;
        }
        Test {
            active: self.active,
            idle: self.idle,
            flags: Flow::UNUSUAL | Flow::ENDED,
        }
    }

    /// What is due at `now`. If several deadlines have passed, the earliest names the reason.
    pub(super) fn due(&self, flow: &Flow, now: Uptime) -> Due {
        let idle = now.since(flow.seen());
        let (limit, reason) = if flow.ended() {
            (self.idle.min(Self::LINGER_MILLIS), EndReason::EndOfFlow)
        } else {
            (self.idle, EndReason::IdleTimeout)
        };
        let leaves = idle >= limit;
        let overdue = idle.saturating_sub(limit);
        let age = now.since(flow.began());
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

    /// What is due before the flow counts a packet at `time` and `now` with these flags.
    ///
    /// A SYN after FIN or RST is the first packet of another connection with the same key. A record
    /// also ends before a packet whose time would make it longer than the active timeout, or is too
    /// far behind the record's times, as after a clock was set.
    pub(super) fn due_before(
        &self,
        flow: &Flow,
        tcp_flags: u8,
        time: Timestamp,
        now: Uptime,
    ) -> Due {
        let mut due = self.due(flow, now);
        if flow.ended() && tcp_flags & SYN != 0 {
            let owes = (flow.packets() > 0).then_some(EndReason::EndOfFlow);
            due = Due {
                record: due.record.or(owes),
                leaves: true,
            };
        }
        if due.record.is_none() && !flow.fits(time, now, self.active) {
            due.record = Some(EndReason::ActiveTimeout);
        }
        due
    }
}

/// Whether a packet of a flow may need more than counting.
#[derive(Clone, Copy)]
pub(super) struct Test {
    active: u32,
    idle: u32,
    /// A flow with any of these flags needs more.
    flags: u16,
}

impl Test {
    /// While all records are refused: packets are counted wherever that is simple.
    const CLOSED: Self = Self {
        active: u32::MAX,
        idle: u32::MAX,
        flags: Flow::UNUSUAL,
    };

    /// Whether a packet at `time` may need more than [`Flow::count`].
    #[inline(always)]
    pub(super) fn needs_more(self, flow: &Flow, time: Timestamp, now: Uptime) -> bool {
        let idle = now.since(flow.seen());
        let age = now.since(flow.began());
        (idle >= self.idle)
            | (age >= self.active)
            | flow.has_any(self.flags)
            | !flow.is_on_line(time, now)
    }
}

impl Default for Timeouts {
    /// 60 seconds active, 15 seconds idle.
    fn default() -> Self {
        Self {
            active: 60_000,
            idle: 15_000,
        }
    }
}
