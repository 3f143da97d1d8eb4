// SPDX-License-Identifier: Apache-2.0
//! The Metering Process: one worker's flow tables and the way of a batch through them.
//!
//! It owns the tables, the timeouts and the accounts, and knows nothing of messages: what
//! leaves a table is offered to an [`Export`], and stays if that has no room.
//! No packet is observed without standing in [`Statistics`] afterwards.

use alloc::boxed::Box;
use core::ops::Range;

use super::batch::Queues;
use super::deferred::give_way;
use super::expiration::Timeouts;
use super::export::{Export, ExportAll};
use super::family::{AnyTable, Family, Flows, STARTER_FLOWS, Table};
use super::queue::{BATCH, Batch};
use super::shared::Shared;
use super::statistics::{Records, Statistics};
use super::sweep::{self, Expiring, Flush, Flushing, Sweep, Sweeps, Swept};
use super::tables::{Tables, count, show};
use crate::flow::{FlowKey, Observed, Tally};
use crate::flow_table::group::{Backend, GROUP, Instructions, Seed, Task};
use crate::flow_table::{Candidates, FlowTable, OutOfMemory, Place, SlotIndex, Usage};
use crate::packet::{Dissection, Packet, Packets, dissect};
use crate::time::Uptime;

/// How a metering process is set up.
#[derive(Clone, Copy, Debug)]
pub struct Configuration {
    /// Flows that each family's table has room for; [`STARTER_FLOWS`] for a family that may
    /// never come, which is given a full table later ([`MeteringProcess::adopt`]).
    ///
    /// [`STARTER_FLOWS`]: super::STARTER_FLOWS
    pub flows: Flows,
    /// Whether frames that are not IP make flows too; else they are ignored.
    pub l2: bool,
    /// When flows expire.
    pub timeouts: Timeouts,
    /// What the hash is keyed with.
    pub seed: Seed,
    /// The instruction set.
    pub backend: Backend,
}

impl Configuration {
    /// Room for `flows` flows of each family, a seed, which should be [random](Seed::random), and the
    /// defaults for the rest: no L2 flows, 60 and 15 seconds, the best instruction set.
    pub fn new(flows: usize, seed: Seed) -> Self {
        Self {
            flows: Flows::each(flows),
            l2: false,
            timeouts: Timeouts::default(),
            seed,
            backend: Backend::detect(),
        }
    }
}

/// A Metering Process for one worker.
pub struct MeteringProcess {
    pub(super) tables: Tables,
    /// Boxed, so that a process is cheap to move.
    queues: Box<Queues>,
    pub(super) shared: Shared,
    pub(super) sweeps: Sweeps,
    /// How many tables were replaced.
    pub(super) generation: u32,
    backend: Backend,
}

impl MeteringProcess {
    /// The most flows that one of [`Self::groups`] shows: a group's in each table.
    pub const FLOWS_IN_GROUP: usize = 3 * GROUP;

    /// A process with empty tables.
    ///
    /// # Errors
    /// Where the system has not the memory.
    pub fn new(configuration: &Configuration) -> Result<Self, OutOfMemory> {
        let flows = configuration.flows;
        Ok(Self {
            tables: Tables {
                ipv4: FlowTable::new(flows.ipv4)?,
                ipv6: FlowTable::new(flows.ipv6)?,
                l2: configuration
                    .l2
                    .then(|| FlowTable::new(flows.l2))
                    .transpose()?,
            },
            queues: Box::default(),
            shared: Shared {
                timeouts: configuration.timeouts,
                seed: configuration.seed,
                statistics: Statistics::default(),
            },
            sweeps: Sweeps::default(),
            generation: 0,
            backend: configuration.backend,
        })
    }

    /// Takes all memory of the tables from the system now; else that happens flow by flow,
    /// and each time a new page is needed a packet waits for it.
    pub fn populate(&mut self) {
        let Tables { ipv4, ipv6, l2 } = &mut self.tables;
        ipv4.populate();
        ipv6.populate();
        if let Some(table) = l2 {
            table.populate();
        }
    }

    /// Meters `packets`, in batches of up to 256. Their uptimes never step back, here or from
    /// call to call.
    ///
    /// A record that a packet finds due is offered to `export`; where that takes none, the
    /// flow goes on, unless its slot is needed: then it is counted as lost.
    #[inline]
    pub fn observe<P: Packets, E: ExportAll>(&mut self, packets: P, export: &mut E) {
        let count = packets.count();
        for start in (0..count).step_by(BATCH) {
            self.backend.run(Observe {
                process: self,
                packets,
                numbers: start..count.min(start + BATCH),
                export,
            });
        }
    }

    /// Whether a packet would be counted into a flow that is already there. For tracing a few
    /// packets: it reads headers and looks into the table once more.
    pub fn is_known(&self, packet: &Packet<'_>) -> bool {
        self.backend.run(IsKnown {
            process: self,
            packet,
        })
    }

    /// Sets when flows expire, those that live as well as those that come.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) {
        self.shared.timeouts = timeouts;
    }

    /// Makes the records that are due at `now`, looking at no more than `budget` groups of
    /// 16 slots in each table.
    ///
    /// Call it often: a share of the tables is looked at that grows with the time since the
    /// call before, so that each flow is visited once a second, or once in up to five seconds
    /// in a table of more than 1 M flows.
    pub fn expire<E: ExportAll>(&mut self, now: Uptime, budget: usize, export: &mut E) -> Swept {
        let Self {
            tables,
            sweeps,
            shared,
            ..
        } = self;
        sweep::expire((tables, sweeps), now, budget, shared, export)
    }

    /// Ends the flows that `select` chooses (end reason 4, or what was due anyway), looking
    /// at no more than `budget` groups in all; call it with the same `flush` until nothing
    /// remains.
    pub fn flush<E: ExportAll>(
        &mut self,
        flush: &mut Flush,
        now: Uptime,
        budget: usize,
        select: impl Fn(&Observed) -> bool,
        export: &mut E,
    ) -> Swept {
        let Self {
            tables,
            shared,
            generation,
            ..
        } = self;
        let timeouts = shared.timeouts;
        let flushing = Flushing {
            expiring: Expiring { timeouts, now },
            select,
        };
        let tables = (tables, *generation);
        sweep::flush(tables, flush, budget, &flushing, shared, export)
    }

    /// Begins the accounts anew. What stands in live flows counts as observed just now, so
    /// that the accounts stay balanced.
    pub fn clear_statistics(&mut self) {
        self.shared.clear_statistics(self.live_flows());
        let Tables { ipv4, ipv6, l2 } = &mut self.tables;
        ipv4.clear_usage();
        ipv6.clear_usage();
        if let Some(table) = l2 {
            table.clear_usage();
        }
    }

    /// Puts `table` in the place of its family's starter table, whose flows move with their
    /// counts: none ends by it, unless `table` is so small that one has to make room. What is
    /// given back has no use now, and is for the host to free: the starter table, or `table`
    /// itself where its family's is no starter, or where the process has none.
    ///
    /// Takes as long as two or three batches of new packets where the starter table is full.
    #[must_use]
    pub fn adopt<E: ExportAll>(&mut self, table: Table, now: Uptime, export: &mut E) -> Table {
        self.replace(table, STARTER_FLOWS, now, export)
    }

    /// As [`Self::adopt`], where the family's table has room for `most` flows at most.
    fn replace<E: ExportAll>(
        &mut self,
        table: Table,
        most: usize,
        now: Uptime,
        export: &mut E,
    ) -> Table {
        let Self {
            tables,
            sweeps,
            shared,
            backend,
            generation,
            ..
        } = self;
        let mut table = table;
        let moved = match &mut table.0 {
            AnyTable::Ipv4(full) => {
                let sweep = &mut sweeps.ipv4;
                tables.ipv4.capacity() <= most
                    && replace(*backend, &mut tables.ipv4, full, sweep, now, shared, export)
            }
            AnyTable::Ipv6(full) => {
                let sweep = &mut sweeps.ipv6;
                tables.ipv6.capacity() <= most
                    && replace(*backend, &mut tables.ipv6, full, sweep, now, shared, export)
            }
            AnyTable::L2(full) => tables.l2.as_mut().is_some_and(|table| {
                table.capacity() <= most
                    && replace(*backend, table, full, &mut sweeps.l2, now, shared, export)
            }),
        };
        *generation = generation.wrapping_add(moved.into());
        table
    }

    /// Gives each family whose table is more than half full one of four times the room, of the
    /// room that `full` says at most. Flows move with their counts.
    ///
    /// For a host that begins with small tables, to take memory for the flows that it meets. Call
    /// it before each frame: that takes a comparison for each family. Where a table is replaced it
    /// takes as long as its flows take to move.
    ///
    /// # Errors
    /// Where the system has not the memory. The flows stay where they are.
    pub fn grow<E: ExportAll>(
        &mut self,
        full: Flows,
        now: Uptime,
        export: &mut E,
    ) -> Result<(), OutOfMemory> {
        for family in Family::ALL {
            let Tables { ipv4, ipv6, l2 } = &self.tables;
            let (capacity, live) = match family {
                Family::Ipv4 => (ipv4.capacity(), ipv4.live()),
                Family::Ipv6 => (ipv6.capacity(), ipv6.live()),
                Family::L2 => l2
                    .as_ref()
                    .map_or((0, 0), |table| (table.capacity(), table.live())),
            };
            let full = full.of(family);
            if live > capacity / 2 && capacity < full {
                let table = Table::new(family, full.min(capacity.saturating_mul(4)))?;
                drop(self.replace(table, usize::MAX, now, export));
            }
        }
        Ok(())
    }

    /// How full the table of `family` is and was.
    pub fn usage(&self, family: Family) -> Usage {
        let Tables { ipv4, ipv6, l2 } = &self.tables;
        match family {
            Family::Ipv4 => ipv4.usage(),
            Family::Ipv6 => ipv6.usage(),
            Family::L2 => l2.as_ref().map_or_else(Usage::default, FlowTable::usage),
        }
    }

    /// The families that have flows, and a starter table which is smaller than `full` says.
    pub fn outgrown(&self, full: Flows) -> impl Iterator<Item = Family> {
        let Tables { ipv4, ipv6, l2 } = &self.tables;
        let l2 = l2
            .as_ref()
            .map_or((0, 0), |table| (table.capacity(), table.live()));
        Family::ALL.into_iter().filter(move |&family| {
            let (capacity, live) = match family {
                Family::Ipv4 => (ipv4.capacity(), ipv4.live()),
                Family::Ipv6 => (ipv6.capacity(), ipv6.live()),
                Family::L2 => l2,
            };
            live > 0 && capacity <= STARTER_FLOWS && capacity < full.of(family)
        })
    }

    /// The accounts so far.
    pub fn statistics(&self) -> &Statistics {
        &self.shared.statistics
    }

    /// Flows in the tables.
    pub fn live_flows(&self) -> usize {
        self.tables.live()
    }

    /// Groups of slots in all tables: what [`Self::show`] and [`Self::count`] count in. They
    /// have other numbers once a table was [adopted](Self::adopt).
    pub fn groups(&self) -> usize {
        self.tables.groups()
    }

    /// What stands in live flows, counted by looking at each of them.
    pub fn live_tally(&self) -> Tally {
        self.count(0..self.groups()).tally
    }

    /// The live flows of `groups` and what stands in them, counted by looking at each of them.
    pub fn count(&self, groups: Range<usize>) -> Records {
        let Tables { ipv4, ipv6, l2 } = &self.tables;
        let [of_ipv4, of_ipv6, of_l2] = self.tables.split(groups);
        let l2 = l2.as_ref().map(|table| count(table, of_l2));
        count(ipv4, of_ipv4) + count(ipv6, of_ipv6) + l2.unwrap_or_default()
    }

    /// Shows the live flows of `groups` that have had packets since their last record, each
    /// as the record that it would leave if it were ended now.
    pub fn show<E: ExportAll>(&self, groups: Range<usize>, viewer: &mut E) {
        let Tables { ipv4, ipv6, l2 } = &self.tables;
        let [of_ipv4, of_ipv6, of_l2] = self.tables.split(groups);
        show(ipv4, of_ipv4, viewer);
        show(ipv6, of_ipv6, viewer);
        if let Some(table) = l2 {
            show(table, of_l2, viewer);
        }
    }

    /// Flows that all tables together have slots for.
    pub fn slots(&self) -> usize {
        let Tables { ipv4, ipv6, l2 } = &self.tables;
        ipv4.slots() + ipv6.slots() + l2.as_ref().map_or(0, FlowTable::slots)
    }

    /// Milliseconds by which [`expire`](Self::expire) is behind its schedule, as of its last call:
    /// it has visited what was to be visited so long ago. At most the time of a round.
    pub fn sweep_lag_millis(&self) -> u32 {
        let Tables { ipv4, ipv6, l2 } = &self.tables;
        let Sweeps {
            ipv4: of_ipv4,
            ipv6: of_ipv6,
            l2: of_l2,
            ..
        } = &self.sweeps;
        let l2 = l2
            .as_ref()
            .map_or(0, |table| of_l2.lag_millis(table.groups()));
        let ip = of_ipv4
            .lag_millis(ipv4.groups())
            .max(of_ipv6.lag_millis(ipv6.groups()));
        ip.max(l2)
    }

    /// Octets of memory that all tables take once every slot has been used.
    pub fn octets(&self) -> usize {
        let Tables { ipv4, ipv6, l2 } = &self.tables;
        ipv4.octets() + ipv6.octets() + l2.as_ref().map_or(0, FlowTable::octets)
    }
}

/// Moves the flows of `starter` into `full` and exchanges the two, so that `full` is the empty one.
fn replace<K: FlowKey, E: Export<K>>(
    backend: Backend,
    starter: &mut FlowTable<K>,
    full: &mut FlowTable<K>,
    sweep: &mut Sweep,
    now: Uptime,
    shared: &mut Shared,
    export: &mut E,
) -> bool {
    backend.run(Move {
        from: starter,
        to: full,
        now,
        shared,
        export,
    });
    full.succeed(starter);
    core::mem::swap(starter, full);
    *sweep = Sweep::default();
    true
}

/// All flows of one table go into another.
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
                    && !give_way(&to[taken], now, shared, export)
                {
                    to.count_eviction(candidates, now, shared.timeouts.idle_millis());
                }
                to.write(place, candidates, from[*index]);
            }
        }
    }
}

/// One batch's way through the phases.
struct Observe<'a, P, E> {
    process: &'a mut MeteringProcess,
    packets: P,
    numbers: Range<usize>,
    export: &'a mut E,
}

impl<P: Packets, E: ExportAll> Task for Observe<'_, P, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Instructions>(self, set: I) {
        let Self {
            process,
            packets,
            numbers,
            export,
        } = self;
        let MeteringProcess {
            tables,
            queues,
            shared,
            ..
        } = process;
        let batch = Batch { packets, numbers };
        queues.meter(set, &batch, tables, shared, export);
    }
}

/// One packet's flow is looked for.
struct IsKnown<'a, 'p> {
    process: &'a MeteringProcess,
    packet: &'a Packet<'p>,
}

impl Task for IsKnown<'_, '_> {
    type Output = bool;

    #[inline(always)]
    fn run<I: Instructions>(self, set: I) -> bool {
        let Tables { ipv4, ipv6, l2 } = &self.process.tables;
        let seed = &self.process.shared.seed;
        match dissect(self.packet) {
            Dissection::Ipv4(headers) => ipv4.holds(set, seed, &headers.key),
            Dissection::Ipv6(headers) => ipv6.holds(set, seed, &headers.key),
            Dissection::NonIp(headers) => l2
                .as_ref()
                .is_some_and(|table| table.holds(set, seed, &headers.key)),
            Dissection::Ignored(_) => false,
        }
    }
}
