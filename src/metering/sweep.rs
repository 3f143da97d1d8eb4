// SPDX-License-Identifier: Apache-2.0
//! The sweep: a cursor that visits every slot in turn, to export the records that are due.
//!
//! It decides how many groups a call visits, not when a flow expires. A flow leaves its table only
//! after its record was accepted; when one is refused, the cursor stops there.

use super::expiration::{Due, Timeouts};
use super::export::ExportRefused;
use crate::flow::{EndReason, FlowKey, Observed};
use crate::flow_table::Slot;
use crate::time::Uptime;

/// Milliseconds of a round, in which every slot is visited once, in tables for up to 1 M flows.
const ROUND_MILLIS: u32 = 1000;

/// Groups of a table for 1 M flows.
const GROUPS_IN_ROUND: usize = 73_750;

/// Milliseconds of the longest round. Larger tables have longer rounds, which bounds the time that
/// the sweep takes in a second.
const MAX_ROUND_MILLIS: u32 = 5000;

/// How far a call got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swept {
    /// Everything that was to be visited was visited.
    Done,
    /// The budget was used up before that.
    More,
    /// The exporter refused a record, for this reason.
    Refused(ExportRefused),
}

/// The position and schedule of the sweep through a table.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    last: Option<Uptime>,
    /// The number of groups to visit, times [`round_millis`].
    credit: u64,
    next_to_expire: usize,
}

/// The position of a flush. A host keeps it from call to call, and starts a new one for another
/// selection of flows.
#[derive(Debug, Default)]
pub struct Flush {
    next: usize,
    /// The generation of tables that it is in: when a table is replaced, flows move.
    generation: u32,
}

impl Sweep {
    /// Visits as many of `groups` as are due since the last call. Visits none while records are
    /// refused (`closed`); they are visited at once when records are accepted again.
    #[inline(always)]
    pub(super) fn advance(
        &mut self,
        groups: usize,
        now: Uptime,
        budget: usize,
        closed: Option<ExportRefused>,
        mut visit: impl FnMut(usize) -> Result<(), ExportRefused>,
    ) -> Swept {
        let elapsed = now.since(self.last.replace(now).unwrap_or(now));
        if groups == 0 {
            self.credit = 0;
            return Swept::Done;
        }
        let round = round_millis(groups);
        self.credit += groups as u64 * u64::from(elapsed).min(round);
        self.credit = self.credit.min(groups as u64 * round);
        if let Some(why) = closed {
            return Swept::Refused(why);
        }
        let wanted = (self.credit / round) as usize;
        for _ in 0..wanted.min(budget) {
            if let Err(why) = visit(self.next_to_expire) {
                return Swept::Refused(why);
            }
            self.next_to_expire = (self.next_to_expire + 1) % groups;
            self.credit -= round;
        }
        if wanted > budget {
            Swept::More
        } else {
            Swept::Done
        }
    }

    /// Milliseconds by which the cursor is behind its schedule, as of the last call; at most a round.
    pub(super) fn lag_millis(&self, groups: usize) -> u32 {
        let round = round_millis(groups);
        let undone = self.credit / round;
        (undone * round / groups.max(1) as u64) as u32
    }
}

/// Milliseconds in which so many groups are visited once.
fn round_millis(groups: usize) -> u64 {
    let round = groups as u64 * u64::from(ROUND_MILLIS) / GROUPS_IN_ROUND as u64;
    round.clamp(ROUND_MILLIS.into(), MAX_ROUND_MILLIS.into())
}

impl Flush {
    /// Visits the next of `groups`, at most `budget` of them, in tables of this generation.
    #[inline(always)]
    pub(super) fn advance(
        &mut self,
        groups: usize,
        generation: u32,
        budget: usize,
        mut visit: impl FnMut(usize) -> Result<(), ExportRefused>,
    ) -> Swept {
        if self.generation != generation {
            *self = Self {
                next: 0,
                generation,
            };
        }
        let end = groups.min(self.next.saturating_add(budget));
        while self.next < end {
            if let Err(why) = visit(self.next) {
                return Swept::Refused(why);
            }
            self.next += 1;
        }
        if end < groups {
            return Swept::More;
        }
        Swept::Done
    }
}

/// Decides what is due with a flow.
pub trait Decide {
    /// What is due with the flow in `slot` now.
    fn due<K: FlowKey>(&self, slot: &Slot<K>) -> Due;
}

/// Flows end when they expire.
pub(super) struct Expiring {
    pub(super) timeouts: Timeouts,
    pub(super) now: Uptime,
}

impl Decide for Expiring {
    fn due<K: FlowKey>(&self, slot: &Slot<K>) -> Due {
        self.timeouts.due(&slot.flow, self.now)
    }
}

/// Selected flows end, whether they have expired or not.
pub(super) struct Flushing<F> {
    pub(super) expiring: Expiring,
    pub(super) select: F,
}

impl<F: Fn(&Observed) -> bool> Decide for Flushing<F> {
    fn due<K: FlowKey>(&self, slot: &Slot<K>) -> Due {
        let due = self.expiring.due(slot);
        if !(self.select)(slot.key.observed()) {
            return due;
        }
        let owes = slot.flow.packets() > 0;
        Due {
            record: due.record.or(owes.then_some(EndReason::ForcedEnd)),
            leaves: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursors_lag_is_what_it_has_yet_to_visit() {
        const GROUPS: usize = 1000;
        let mut sweep = Sweep::default();
        let mut advance = |millis, budget| {
            sweep.advance(
                GROUPS,
                Uptime::from_millis(millis),
                budget,
                None,
                |_| Ok(()),
            );
            sweep.lag_millis(GROUPS)
        };
        // A group each millisecond.
        assert_eq!(advance(0, 8), 0);
        assert_eq!(advance(5, 8), 0);
        assert_eq!(advance(105, 8), 92);
        assert_eq!(advance(105, 1000), 0);
        // Never more than one round.
        assert_eq!(advance(60_000, 0), 1000);
    }

    #[test]
    fn a_table_of_one_group_has_no_lag_between_two_visits() {
        let mut sweep = Sweep::default();
        for millis in (0..5000).step_by(10) {
            sweep.advance(1, Uptime::from_millis(millis), 1, None, |_| Ok(()));
            assert_eq!(sweep.lag_millis(1), 0);
        }
    }

    #[test]
    fn a_round_takes_a_second_up_to_a_million_flows_and_five_beyond_five_million() {
        let millis = |flows: usize| round_millis((flows * 118).div_ceil(1600));
        assert_eq!(millis(1), 1000);
        assert_eq!(millis(1_000_000), 1000);
        assert_eq!(millis(3_000_000), 3000);
        assert_eq!(millis(5_000_000), 5000);
        assert_eq!(millis(16_000_000), 5000);
    }
}
