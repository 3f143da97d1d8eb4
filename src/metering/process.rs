// SPDX-License-Identifier: Apache-2.0
//! The Metering Process: one worker's flow tables and the way of a frame through them.
//!
//! It owns the tables, the timeouts and the accounts, and knows nothing of messages: what
//! leaves a table is offered to an [`Export`], and stays if that has no room.
//! No packet is observed without standing in [`Statistics`] afterwards.

use std::io;

use super::expiration::Timeouts;
use super::export::{Export, ExportAll, NoRoom};
use super::flow_key::{FlowKey, Ipv4Key, Ipv6Key, L2Key, Observed};
use super::flow_record::EndReason;
use super::flow_table::group::{Backend, Instructions, Seed, Task};
use super::flow_table::{FlowTable, Slot};
use super::frame::{FRAME, Frame};
use super::statistics::{Statistics, Tally};
use super::sweep::{Sweep, Swept};
use crate::packet::Packet;
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

    /// Meters `packets`, in frames of up to 256. Their uptimes never step back, here or from
    /// call to call.
    ///
    /// A record that a packet finds due is offered to `export`; where that takes none, the
    /// flow goes on, unless its slot is needed: then it is counted as lost.
    #[inline]
    pub fn observe<E: ExportAll>(&mut self, packets: &[Packet<'_>], export: &mut E) {
        for packets in packets.chunks(FRAME) {
            self.backend.run(Observe {
                process: self,
                packets,
                export,
            });
        }
    }

    /// Makes the records that are due at `now`, looking at no more than `budget` groups of
    /// 16 slots in each table.
    ///
    /// Call it often: a share of the tables is looked at that grows with the time since the
    /// call before, so that each flow is visited once a second.
    pub fn expire<E: ExportAll>(&mut self, now: Uptime, budget: usize, export: &mut E) -> Swept {
        super::sweep::expire(self, now, budget, export)
    }

    /// Ends the flows that `select` chooses (end reason 4, or what was due anyway), looking
    /// at no more than `budget` groups in each table; call it until nothing remains.
    pub fn flush<E: ExportAll>(
        &mut self,
        now: Uptime,
        budget: usize,
        select: impl Fn(&Observed) -> bool,
        export: &mut E,
    ) -> Swept {
        super::sweep::flush(self, now, budget, select, export)
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

    /// What stands in live flows, counted by looking at each of them.
    pub fn live_tally(&self) -> Tally {
        let Tables { ipv4, ipv6, l2 } = &self.tables;
        live_tally(ipv4) + live_tally(ipv6) + l2.as_ref().map_or(Tally::default(), live_tally)
    }

    /// Octets of memory that the IPv4 table takes once every slot has been used; an IPv6 flow
    /// takes about twice as much, and any other as much.
    pub fn ipv4_octets(&self) -> usize {
        self.tables.ipv4.octets()
    }
}

impl Shared {
    /// Offers the record of the flow in `slot`; it is counted if it is taken.
    pub(super) fn offer<K: FlowKey, E: Export<K>>(
        &mut self,
        slot: &Slot<K>,
        reason: EndReason,
        export: &mut E,
    ) -> Result<(), NoRoom> {
        export.export(&slot.flow.record(&slot.key, &slot.attributes, reason))?;
        self.statistics.exported[reason as usize - 1].count(slot.flow.tally());
        Ok(())
    }
}

fn live_tally<K: FlowKey>(table: &FlowTable<K>) -> Tally {
    (0..table.groups())
        .flat_map(|group| table.used(group))
        .map(|slot| table[slot].flow.tally())
        .sum()
}

/// One frame's way through the phases.
struct Observe<'a, 'p, E> {
    process: &'a mut MeteringProcess,
    packets: &'a [Packet<'p>],
    export: &'a mut E,
}

impl<E: ExportAll> Task for Observe<'_, '_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Instructions>(self) {
        let Self {
            process,
            packets,
            export,
        } = self;
        let MeteringProcess {
            tables,
            frame,
            shared,
            ..
        } = process;
        frame.parse(packets, tables.l2.is_some(), &mut shared.statistics);
        frame.ipv4.meter::<I, _>(&mut tables.ipv4, shared, export);
        frame.ipv6.meter::<I, _>(&mut tables.ipv6, shared, export);
        if let Some(table) = &mut tables.l2 {
            frame.l2.meter::<I, _>(table, shared, export);
        }
    }
}
