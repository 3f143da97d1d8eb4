// SPDX-License-Identifier: Apache-2.0
//! The sweep: a cursor that visits every slot in turn and makes the records that are due.
//!
//! It decides how many groups a call visits, and nothing of when a flow expires. A flow
//! leaves its table only once its record was taken; where none is taken the cursor stands still.

use super::expiration::{Due, Timeouts};
use super::export::{Export, ExportAll, ExportRefused};
use super::shared::Shared;
use super::tables::Tables;
use crate::flow::{EndReason, FlowKey, Observed};
use crate::flow_table::{FlowTable, Slot};
use crate::time::Uptime;

/// Milliseconds in which every slot is visited once, budget permitting: up to 1 M flows.
const ROUND_MILLIS: u32 = 1000;

/// Groups of a table for 1 M flows.
const GROUPS_IN_ROUND: usize = 73_750;

/// The same for tables of any size: a larger one takes longer, so that what the sweep costs
/// in a second stays within bounds.
const MAX_ROUND_MILLIS: u32 = 5000;

/// How far a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swept {
    /// All that was to be visited was.
    Done,
    /// The budget ended first.
    More,
    /// The exporter took no more records, for this reason.
    Refused(ExportRefused),
}

/// Where the sweep of a table stands.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    last: Option<Uptime>,
    /// Groups that are to be visited, times [`round_millis`].
    credit: u64,
    next_to_expire: usize,
}

/// The sweeps of a process's tables.
#[derive(Debug, Default)]
pub(super) struct Sweeps {
    pub(super) ipv4: Sweep,
    pub(super) ipv6: Sweep,
    pub(super) l2: Sweep,
    /// Which of them is first in the next call: one that meets a lack of buffers does not keep
    /// the others from theirs.
    turn: usize,
}

/// How far one flush has come. A host keeps it from call to call, and begins another for
/// another choice of flows.
#[derive(Debug, Default)]
pub struct Flush {
    next: usize,
    /// The tables among which that is: flows have moved since to where it may have been already.
    generation: u32,
}

/// As [`MeteringProcess::expire`](super::MeteringProcess::expire).
pub(super) fn expire<E: ExportAll>(
    (tables, sweeps): (&mut Tables, &mut Sweeps),
    now: Uptime,
    budget: usize,
    shared: &mut Shared,
    export: &mut E,
) -> Swept {
    let first = sweeps.turn;
    sweeps.turn = (first + 1) % 3;
    let mut all = Swept::Done;
    for turn in first..first + 3 {
        let swept = match turn % 3 {
            0 => expire_table(
                &mut tables.ipv4,
                &mut sweeps.ipv4,
                now,
                budget,
                shared,
                export,
            ),
            1 => expire_table(
                &mut tables.ipv6,
                &mut sweeps.ipv6,
                now,
                budget,
                shared,
                export,
            ),
            _ => tables.l2.as_mut().map_or(Swept::Done, |table| {
                expire_table(table, &mut sweeps.l2, now, budget, shared, export)
            }),
        };
        match swept {
            Swept::Done => {}
            Swept::More => all = Swept::More,
            Swept::Refused(why) => return Swept::Refused(why),
        }
    }
    all
}

/// The same for one table. One without flows takes no time.
pub(super) fn expire_table<K: FlowKey, E: Export<K>>(
    table: &mut FlowTable<K>,
    sweep: &mut Sweep,
    now: Uptime,
    budget: usize,
    shared: &mut Shared,
    export: &mut E,
) -> Swept {
    table.note_live();
    let groups = if table.live() > 0 { table.groups() } else { 0 };
    let timeouts = shared.timeouts;
    let expiring = Expiring { timeouts, now };
    sweep.advance(groups, now, budget, export.closed(), |group| {
        visit_table(table, group, &expiring, shared, export)
    })
}

impl Sweep {
    /// Visits as many of `groups` as the time since the call before asks for; none where no record
    /// is taken, but then they are visited at once when records are taken again.
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
}

impl Sweep {
    /// Milliseconds by which the cursor is behind, as of the last call; at most one round.
    pub(super) fn lag_millis(&self, groups: usize) -> u32 {
        let round = round_millis(groups);
        let undone = self.credit / round;
        (undone * round / groups.max(1) as u64) as u32
    }
}

/// Milliseconds in which all of so many groups are visited.
fn round_millis(groups: usize) -> u64 {
    let round = groups as u64 * u64::from(ROUND_MILLIS) / GROUPS_IN_ROUND as u64;
    round.clamp(ROUND_MILLIS.into(), MAX_ROUND_MILLIS.into())
}

/// As [`MeteringProcess::flush`](super::MeteringProcess::flush), among tables of this generation.
pub(super) fn flush<E: ExportAll>(
    (tables, generation): (&mut Tables, u32),
    flush: &mut Flush,
    budget: usize,
    decide: &impl Decide,
    shared: &mut Shared,
    export: &mut E,
) -> Swept {
    if flush.generation != generation {
        *flush = Flush {
            next: 0,
            generation,
        };
    }
    flush.advance(tables.groups(), budget, |group| {
        visit(tables, group, decide, shared, export)
    })
}

impl Flush {
    /// Visits the next of `groups`, `budget` of them at most.
    #[inline(always)]
    pub(super) fn advance(
        &mut self,
        groups: usize,
        budget: usize,
        mut visit: impl FnMut(usize) -> Result<(), ExportRefused>,
    ) -> Swept {
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

/// Says what is due with a flow.
pub(super) trait Decide {
    fn due<K: FlowKey>(&self, slot: &Slot<K>) -> Due;
}

/// Flows end when their time has come.
pub(super) struct Expiring {
    pub(super) timeouts: Timeouts,
    pub(super) now: Uptime,
}

impl Decide for Expiring {
    fn due<K: FlowKey>(&self, slot: &Slot<K>) -> Due {
        self.timeouts.due(&slot.flow, self.now)
    }
}

/// Selected flows end, whether their time has come or not.
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

/// Visits one group, by its number among those of all tables.
fn visit<E: ExportAll>(
    tables: &mut Tables,
    group: usize,
    decide: &impl Decide,
    shared: &mut Shared,
    export: &mut E,
) -> Result<(), ExportRefused> {
    let Tables { ipv4, ipv6, l2 } = tables;
    if group < ipv4.groups() {
        return visit_table(ipv4, group, decide, shared, export);
    }
    let group = group - ipv4.groups();
    if group < ipv6.groups() {
        return visit_table(ipv6, group, decide, shared, export);
    }
    let group = group - ipv6.groups();
    match l2 {
        Some(table) if group < table.groups() => visit_table(table, group, decide, shared, export),
        _ => Ok(()),
    }
}

/// Visits one group of a table.
pub(super) fn visit_table<K: FlowKey, E: Export<K>>(
    table: &mut FlowTable<K>,
    group: usize,
    decide: &impl Decide,
    shared: &mut Shared,
    export: &mut E,
) -> Result<(), ExportRefused> {
    for index in table.used(group) {
        let slot = &mut table[index];
        let due = decide.due(slot);
        if let Some(reason) = due.record {
            shared.offer(slot, reason, export)?;
            slot.flow.clear();
        }
        let seen = slot.flow.seen();
        if due.leaves {
            table.remove(index);
        } else {
            table.stamp(index, seen);
        }
    }
    Ok(())
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
