// SPDX-License-Identifier: Apache-2.0
//! How a family gets a larger table while packets come: a host makes it elsewhere and the process
//! adopts it, or the process makes it itself.
//!
//! Flows move with their counts and their place in the accounts.

use super::deferred::evict;
use super::export::{Export, ExportAll};
use super::families::Families;
use super::family::{AnyFamily, Family, Flows, STARTER_FLOWS, Table};
use super::metered_table::{AnyTable, MeteredTable};
use super::process::MeteringProcess;
use super::shared::Shared;
use crate::flow::FlowKey;
use crate::flow_table::group::{Backend, GROUP, Instructions, Task};
use crate::flow_table::{Candidates, FlowTable, Place, SlotIndex, TableError};
use crate::time::Uptime;

impl MeteringProcess<Families> {
    /// Replaces its family's starter table by `table`. Flows move with their counts: none ends,
    /// unless `table` is so small that one is evicted. Returns the table that is of no use now,
    /// for the host to free: the starter table, or `table` itself if its family's table is no
    /// starter or if the process has no such family.
    ///
    /// Takes as long as two or three batches of new packets if the starter table is full.
    #[must_use]
    pub fn adopt<E: ExportAll>(&mut self, table: Table, now: Uptime, export: &mut E) -> Table {
        self.replace(table, STARTER_FLOWS, now, export)
    }

    /// As [`Self::adopt`], if the family's table has room for at most `most` flows.
    fn replace<E: ExportAll>(
        &mut self,
        mut table: Table,
        most: usize,
        now: Uptime,
        export: &mut E,
    ) -> Table {
        let Self {
            classifier: Families { ipv4, ipv6, l2 },
            shared,
            backend,
            generation,
            ..
        } = self;
        let moved = match &mut table.0 {
            AnyFamily::Ipv4(full) => {
                ipv4.capacity() <= most && replace(*backend, ipv4, full, now, shared, export)
            }
            AnyFamily::Ipv6(full) => {
                ipv6.capacity() <= most && replace(*backend, ipv6, full, now, shared, export)
            }
            AnyFamily::L2(full) => l2.as_mut().is_some_and(|l2| {
                l2.capacity() <= most && replace(*backend, l2, full, now, shared, export)
            }),
        };
        *generation = generation.wrapping_add(moved.into());
        table
    }

    /// Gives each family whose table is more than half full one of four times the room, but at
    /// most the room that `full` says. Flows move with their counts.
    ///
    /// For a host that starts with small tables, to take memory only for the flows that it
    /// meets. Call it before each frame: that costs a comparison for each family. If a table is
    /// replaced, it takes as long as its flows take to move.
    ///
    /// # Errors
    /// If the system has not enough memory. The flows stay where they are.
    pub fn grow<E: ExportAll>(
        &mut self,
        full: Flows,
        now: Uptime,
        export: &mut E,
    ) -> Result<(), TableError> {
        for family in Family::ALL {
            let Some(table) = self.classifier.of(family) else {
                continue;
            };
            let (capacity, full) = (table.capacity(), full.of(family));
            if table.live() > capacity / 2 && capacity < full {
                let table = Table::new(family, full.min(capacity.saturating_mul(4)))?;
                drop(self.replace(table, usize::MAX, now, export));
            }
        }
        Ok(())
    }

    /// The families that have flows, and a starter table that is smaller than `full` says.
    pub fn outgrown(&self, full: Flows) -> impl Iterator<Item = Family> {
        let tables = self.classifier.each();
        tables.filter_map(move |(family, table)| {
            let capacity = table.capacity();
            let is_outgrown =
                table.live() > 0 && capacity <= STARTER_FLOWS && capacity < full.of(family);
            is_outgrown.then_some(family)
        })
    }
}

/// Moves the flows of `starter` into `full` and exchanges the two, so that `full` is the empty one.
fn replace<K: FlowKey, E: Export<K>>(
    backend: Backend,
    starter: &mut MeteredTable<K>,
    full: &mut FlowTable<K>,
    now: Uptime,
    shared: &mut Shared,
    export: &mut E,
) -> bool {
    backend.run(Move {
        from: &starter.table,
        to: full,
        now,
        shared,
        export,
    });
    full.succeed(&mut starter.table);
    starter.swap(full);
    true
}

/// Moves all flows of one table into another.
struct Move<'a, K: FlowKey, E> {
    from: &'a FlowTable<K>,
    to: &'a mut FlowTable<K>,
    now: Uptime,
    shared: &'a mut Shared,
    export: &'a mut E,
}

impl<K: FlowKey, E: Export<K>> Task for Move<'_, K, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Instructions>(self, set: I) {
        let Self {
            from,
            to,
            now,
            shared,
            export,
        } = self;
        for group in 0..from.groups() {
            let mut moving = [None::<(SlotIndex, Candidates)>; GROUP];
            for (moving, index) in moving.iter_mut().zip(from.used(group)) {
                *moving = Some((index, to.candidates_of(set, &shared.seed, &from[index].key)));
            }
            for (_, candidates) in moving.iter().flatten() {
                to.prefetch_place(set, candidates, now);
            }
            for (index, candidates) in moving.iter().flatten() {
                let place = to.place(set, candidates, now);
                if let Place::Taken(taken) = place
                    && !evict(&to[taken], now, shared, export)
                {
                    to.count_eviction(candidates, now, shared.timeouts.idle_millis());
                }
                to.write(place, candidates, from[*index]);
            }
        }
    }
}
