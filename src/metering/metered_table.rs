// SPDX-License-Identifier: Apache-2.0
//! One flow table with the queue of packets that go into it and the sweep through it.

use alloc::boxed::Box;
use core::ops::Range;

use super::export::{Export, ExportRefused};
use super::queue::Queue;
use super::shared::Shared;
use super::statistics::Records;
use super::sweep::{Decide, Expiring, Sweep, Swept};
use crate::flow::{EndReason, FlowKey};
use crate::flow_table::{FlowTable, Slot, TableError, Usage};
use crate::time::Uptime;

/// A table of flows with keys of type `K`.
pub(super) struct MeteredTable<K: FlowKey> {
    pub(super) table: FlowTable<K>,
    pub(super) queue: Box<Queue<K>>,
    sweep: Sweep,
}

impl<K: FlowKey> MeteredTable<K> {
    /// An empty table for `flows` flows.
    pub(super) fn new(flows: usize) -> Result<Self, TableError> {
        Ok(Self {
            table: FlowTable::new(flows)?,
            queue: Queue::new(),
            sweep: Sweep::default(),
        })
    }

    /// Exchanges the table for `other`. The sweep starts again.
    pub(super) fn swap(&mut self, other: &mut FlowTable<K>) {
        core::mem::swap(&mut self.table, other);
        self.sweep = Sweep::default();
    }

    /// Exports the records that are due. A table without flows takes no time.
    pub(super) fn expire<E: Export<K>>(
        &mut self,
        now: Uptime,
        budget: usize,
        shared: &mut Shared,
        export: &mut E,
    ) -> Swept {
        let Self { table, sweep, .. } = self;
        table.note_live();
        let groups = if table.live() > 0 { table.groups() } else { 0 };
        let timeouts = shared.timeouts;
        let expiring = Expiring { timeouts, now };
        sweep.advance(groups, now, budget, export.closed(), |group| {
            visit(table, group, &expiring, shared, export)
        })
    }

    /// Visits one group.
    pub(super) fn visit<E: Export<K>>(
        &mut self,
        group: usize,
        decide: &impl Decide,
        shared: &mut Shared,
        export: &mut E,
    ) -> Result<(), ExportRefused> {
        visit(&mut self.table, group, decide, shared, export)
    }

    /// Shows `viewer` the live flows in `groups` that have packets since their last record.
    pub(super) fn list<E: Export<K>>(&self, groups: Range<usize>, viewer: &mut E) {
        for slot in self.used(groups).filter(|slot| slot.flow.packets() > 0) {
            // A viewer takes nothing out of the table, so a refusal changes nothing.
            let _ = viewer.export(&slot.record(EndReason::ForcedEnd));
        }
    }

    fn used(&self, groups: Range<usize>) -> impl Iterator<Item = &Slot<K>> {
        groups
            .flat_map(|group| self.table.used(group))
            .map(|slot| &self.table[slot])
    }
}

fn visit<K: FlowKey, E: Export<K>>(
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

/// What can be asked of a table whatever its keys are.
pub trait AnyTable {
    /// Takes all its memory from the system now.
    fn populate(&mut self);

    /// The number of live flows.
    fn live(&self) -> usize;

    /// The number of flows that it was made for.
    fn capacity(&self) -> usize;

    /// The number of groups of slots.
    fn groups(&self) -> usize;

    /// The number of slots.
    fn slots(&self) -> usize;

    /// Its memory once every slot has been used, in octets.
    fn octets(&self) -> usize;

    /// How full it is and was.
    fn usage(&self) -> Usage;

    /// Resets the highest values in [`Self::usage`].
    fn clear_usage(&mut self);

    /// Milliseconds by which the sweep is behind its schedule.
    fn lag_millis(&self) -> u32;

    /// Counts the live flows in `groups`, their packets and octets, one by one.
    fn count(&self, groups: Range<usize>) -> Records;
}

impl<K: FlowKey> AnyTable for MeteredTable<K> {
    fn populate(&mut self) {
        self.table.populate();
    }

    fn live(&self) -> usize {
        self.table.live()
    }

    fn capacity(&self) -> usize {
        self.table.capacity()
    }

    fn groups(&self) -> usize {
        self.table.groups()
    }

    fn slots(&self) -> usize {
        self.table.slots()
    }

    fn octets(&self) -> usize {
        self.table.octets()
    }

    fn usage(&self) -> Usage {
        self.table.usage()
    }

    fn clear_usage(&mut self) {
        self.table.clear_usage();
    }

    fn lag_millis(&self) -> u32 {
        self.sweep.lag_millis(self.table.groups())
    }

    fn count(&self, groups: Range<usize>) -> Records {
        let mut flows = Records::default();
        for slot in self.used(groups) {
            flows.count(slot.flow.tally());
        }
        flows
    }
}
