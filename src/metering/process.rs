// SPDX-License-Identifier: Apache-2.0
//! The Metering Process: one worker's flow tables and the way of a frame through them.
//!
//! It owns the tables, the timeouts and the accounts, and knows nothing of messages: what
//! leaves a table is offered to an [`Export`], and stays if that has no room.
//! No packet is observed without standing in [`Statistics`] afterwards.

use core::ops::Range;
use std::io;

use super::expiration::Timeouts;
use super::export::{Export, ExportAll, NoRoom};
use super::flow_key::{FlowKey, Ipv4Key, Ipv6Key, L2Key, Observed};
use super::flow_record::EndReason;
use super::flow_table::group::{Backend, GROUP, Instructions, Seed, Task};
use super::flow_table::{FlowTable, Slot};
use super::frame::{FRAME, Frame, Framed};
use super::statistics::{Records, Statistics, Tally};
use super::sweep::{Flush, Sweep, Swept};
use crate::packet::{Dissection, Packet, Packets, dissect};
use crate::time::Uptime;

/// How a metering process is set up.
#[derive(Clone, Copy, Debug)]
pub struct Configuration {
    /// Flows that each table (IPv4, IPv6, and not IP) has room for.
    pub flows: usize,
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
    /// Room for `flows` flows and the defaults for the rest: no L2 flows, 60 and 15 seconds,
    /// a random seed, the best instruction set.
    ///
    /// # Errors
    /// Where the system has no randomness to give.
    pub fn new(flows: usize) -> io::Result<Self> {
        Ok(Self {
            flows,
            l2: false,
            timeouts: Timeouts::default(),
            seed: Seed::random()?,
            backend: Backend::detect(),
        })
    }
}

/// A Metering Process for one worker.
pub struct MeteringProcess {
    pub(super) tables: Tables,
    /// Boxed, so that a process is cheap to move.
    frame: Box<Frame>,
    pub(super) shared: Shared,
    pub(super) sweep: Sweep,
    backend: Backend,
}

/// A table for each kind of flow.
pub(super) struct Tables {
    pub(super) ipv4: FlowTable<Ipv4Key>,
    pub(super) ipv6: FlowTable<Ipv6Key>,
    pub(super) l2: Option<FlowTable<L2Key>>,
}

/// What all tables share.
pub(super) struct Shared {
    pub(super) timeouts: Timeouts,
    pub(super) seed: Seed,
    pub(super) statistics: Statistics,
}

impl MeteringProcess {
    /// The most flows that one of [`Self::groups`] shows: a group's in each table.
    pub const FLOWS_IN_GROUP: usize = 3 * GROUP;

    /// A process with empty tables.
    ///
    /// # Errors
    /// Where the system has not the memory.
    pub fn new(configuration: &Configuration) -> io::Result<Self> {
        let flows = configuration.flows;
        Ok(Self {
            tables: Tables {
                ipv4: FlowTable::new(flows)?,
                ipv6: FlowTable::new(flows)?,
                l2: configuration
                    .l2
                    .then(|| FlowTable::new(flows))
                    .transpose()?,
            },
            frame: Box::default(),
            shared: Shared {
                timeouts: configuration.timeouts,
                seed: configuration.seed,
                statistics: Statistics::default(),
            },
            sweep: Sweep::default(),
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

    /// Meters `packets`, in frames of up to 256. Their uptimes never step back, here or from
    /// call to call.
    ///
    /// A record that a packet finds due is offered to `export`; where that takes none, the
    /// flow goes on, unless its slot is needed: then it is counted as lost.
    #[inline]
    pub fn observe<P: Packets, E: ExportAll>(&mut self, packets: P, export: &mut E) {
        let count = packets.count();
        for start in (0..count).step_by(FRAME) {
            self.backend.run(Observe {
                process: self,
                packets,
                numbers: start..count.min(start + FRAME),
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
        super::sweep::expire(self, now, budget, export)
    }

    /// Ends the flows that `select` chooses (end reason 4, or what was due anyway), looking
    /// at no more than `budget` groups in each table; call it with the same `flush` until
    /// nothing remains.
    pub fn flush<E: ExportAll>(
        &mut self,
        flush: &mut Flush,
        now: Uptime,
        budget: usize,
        select: impl Fn(&Observed) -> bool,
        export: &mut E,
    ) -> Swept {
        super::sweep::flush(self, flush, now, budget, select, export)
    }

    /// Begins the accounts anew. What stands in live flows counts as observed just now, so
    /// that the accounts stay balanced.
    pub fn clear_statistics(&mut self) {
        self.shared.clear_statistics(self.live_flows());
    }

    /// The accounts so far.
    pub fn statistics(&self) -> &Statistics {
        &self.shared.statistics
    }

    /// Flows in the tables.
    pub fn live_flows(&self) -> usize {
        let Tables { ipv4, ipv6, l2 } = &self.tables;
        ipv4.live() + ipv6.live() + l2.as_ref().map_or(0, FlowTable::live)
    }

    /// Groups of slots in each table: what [`Self::show`] and [`Self::count`] count in.
    pub fn groups(&self) -> usize {
        self.tables.ipv4.groups()
    }

    /// What stands in live flows, counted by looking at each of them.
    pub fn live_tally(&self) -> Tally {
        self.count(0..self.groups()).tally
    }

    /// The live flows of `groups` and what stands in them, counted by looking at each of them.
    pub fn count(&self, groups: Range<usize>) -> Records {
        let Tables { ipv4, ipv6, l2 } = &self.tables;
        let l2 = l2.as_ref().map(|table| count(table, groups.clone()));
        count(ipv4, groups.clone()) + count(ipv6, groups) + l2.unwrap_or_default()
    }

    /// Shows the live flows of `groups` that have had packets since their last record, each
    /// as the record that it would leave if it were ended now.
    pub fn show<E: ExportAll>(&self, groups: Range<usize>, viewer: &mut E) {
        let Tables { ipv4, ipv6, l2 } = &self.tables;
        show(ipv4, groups.clone(), viewer);
        show(ipv6, groups.clone(), viewer);
        if let Some(table) = l2 {
            show(table, groups, viewer);
        }
    }

    /// Octets of memory that the IPv4 table takes once every slot has been used; an IPv6 flow
    /// takes about twice as much, and any other as much.
    pub fn ipv4_octets(&self) -> usize {
        self.tables.ipv4.octets()
    }

    /// Octets of memory that all tables take once every slot has been used.
    pub fn octets(&self) -> usize {
        let Tables { ipv4, ipv6, l2 } = &self.tables;
        ipv4.octets() + ipv6.octets() + l2.as_ref().map_or(0, FlowTable::octets)
    }
}

impl Shared {
    /// See [`MeteringProcess::clear_statistics`].
    pub(super) fn clear_statistics(&mut self, live_flows: usize) {
        let live = self.statistics.live();
        self.statistics = Statistics {
            observed: live,
            metered: live,
            flows: live_flows as u64,
            ..Statistics::default()
        };
    }

    /// Offers the record of the flow in `slot`; it is counted if it is taken.
    pub(super) fn offer<K: FlowKey, E: Export<K>>(
        &mut self,
        slot: &Slot<K>,
        reason: EndReason,
        export: &mut E,
    ) -> Result<(), NoRoom> {
        export.export(&slot.record(reason))?;
        self.statistics.exported[reason as usize - 1].count(slot.flow.tally());
        Ok(())
    }
}

fn used<K: FlowKey>(table: &FlowTable<K>, groups: Range<usize>) -> impl Iterator<Item = &Slot<K>> {
    groups
        .flat_map(|group| table.used(group))
        .map(|slot| &table[slot])
}

pub(super) fn count<K: FlowKey>(table: &FlowTable<K>, groups: Range<usize>) -> Records {
    let mut flows = Records::default();
    for slot in used(table, groups) {
        flows.count(slot.flow.tally());
    }
    flows
}

pub(super) fn show<K: FlowKey, E: Export<K>>(
    table: &FlowTable<K>,
    groups: Range<usize>,
    viewer: &mut E,
) {
    for slot in used(table, groups).filter(|slot| slot.flow.packets() > 0) {
        // Who only looks has nowhere to put a refusal.
        let _ = viewer.export(&slot.record(EndReason::ForcedEnd));
    }
}

/// One frame's way through the phases.
struct Observe<'a, P, E> {
    process: &'a mut MeteringProcess,
    packets: P,
    numbers: Range<usize>,
    export: &'a mut E,
}

impl<P: Packets, E: ExportAll> Task for Observe<'_, P, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Instructions>(self) {
        let Self {
            process,
            packets,
            numbers,
            export,
        } = self;
        let MeteringProcess {
            tables,
            frame,
            shared,
            ..
        } = process;
        let framed = Framed { packets, numbers };
        frame.meter::<I, P, E>(&framed, tables, shared, export);
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
    fn run<I: Instructions>(self) -> bool {
        let Tables { ipv4, ipv6, l2 } = &self.process.tables;
        let seed = &self.process.shared.seed;
        match dissect(self.packet) {
            Dissection::Ipv4(headers) => ipv4.holds::<I>(seed, &headers.key),
            Dissection::Ipv6(headers) => ipv6.holds::<I>(seed, &headers.key),
            Dissection::NonIp(headers) => l2
                .as_ref()
                .is_some_and(|table| table.holds::<I>(seed, &headers.key)),
            Dissection::Ignored(_) => false,
        }
    }
}
