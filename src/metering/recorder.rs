// SPDX-License-Identifier: Apache-2.0
//! A Metering Process whose keys are those layers of a packet's headers that a user has asked
//! for: one table for all kinds of packets, and, if wanted, a record for every packet.
//!
//! It shares the table, the way of packets into it and the sweep with [`MeteringProcess`], and
//! keeps the same accounts.
//!
//! [`MeteringProcess`]: super::MeteringProcess

use alloc::boxed::Box;
use core::ops::Range;

use super::deferred::count_deferred;
use super::expiration::Timeouts;
use super::export::{Export, NoRoom};
use super::phases::Phases;
use super::process::Configuration;
use super::queue::{BATCH, Batch, Queue};
use super::shared::Shared;
use super::statistics::{Records, Statistics};
use super::sweep::{Expiring, Flush, Flushing, Sweep, Swept, expire_table, visit_table};
use super::tables::{count, show};
use crate::flow::{EndReason, Flow, Observed, RecordedKey, Recording, Tally};
use crate::flow_table::group::{Backend, GROUP, Instructions, Task};
use crate::flow_table::{FlowTable, OutOfMemory, Slot, Usage};
use crate::packet::{Headers, Packet, Packets};
use crate::time::Uptime;

/// A Metering Process of recorded flows, for one worker.
pub struct Recorder {
    table: FlowTable<RecordedKey>,
    queue: Box<Queue<RecordedKey>>,
    shared: Shared,
    sweep: Sweep,
    backend: Backend,
    every_packet: bool,
}

impl Recorder {
    /// The most flows that one of [`Self::groups`] shows.
    pub const FLOWS_IN_GROUP: usize = GROUP;

    /// A process with an empty table, for as many flows as are configured for IPv4.
    ///
    /// # Errors
    /// Where the system has not the memory.
    pub fn new(configuration: &Configuration) -> Result<Self, OutOfMemory> {
        let mut table = FlowTable::new(configuration.flows.ipv4)?;
        table.populate();
        Ok(Self {
            table,
            queue: Queue::new(),
            shared: Shared {
                timeouts: configuration.timeouts,
                seed: configuration.seed,
                statistics: Statistics::default(),
            },
            sweep: Sweep::default(),
            backend: configuration.backend,
            every_packet: false,
        })
    }

    /// Sets when flows expire; `None`: every packet leaves a record of its own at once.
    pub fn set_timeouts(&mut self, timeouts: Option<Timeouts>) {
        // Packets whose records are refused stay as flows, and are tried again by each sweep.
        self.shared.timeouts = timeouts.unwrap_or(Timeouts::from_millis(1, 1));
        self.every_packet = timeouts.is_none();
    }

    /// Meters `packets`; as [`MeteringProcess::observe`](super::MeteringProcess::observe).
    pub fn observe<P: Packets, E: Export<RecordedKey>>(
        &mut self,
        packets: P,
        recording: Recording,
        export: &mut E,
    ) {
        let count = packets.count();
        for start in (0..count).step_by(BATCH) {
            self.backend.run(Observe {
                recorder: self,
                batch: Batch {
                    packets,
                    numbers: start..count.min(start + BATCH),
                },
                recording,
                export,
            });
        }
    }

    /// As [`MeteringProcess::expire`](super::MeteringProcess::expire).
    pub fn expire<E: Export<RecordedKey>>(
        &mut self,
        now: Uptime,
        budget: usize,
        export: &mut E,
    ) -> Swept {
        let Self {
            table,
            shared,
            sweep,
            ..
        } = self;
        expire_table(table, sweep, now, budget, shared, export)
    }

    /// As [`MeteringProcess::flush`](super::MeteringProcess::flush).
    pub fn flush<E: Export<RecordedKey>>(
        &mut self,
        flush: &mut Flush,
        now: Uptime,
        budget: usize,
        select: impl Fn(&Observed) -> bool,
        export: &mut E,
    ) -> Swept {
        let Self { table, shared, .. } = self;
        let timeouts = shared.timeouts;
        let flushing = Flushing {
            expiring: Expiring { timeouts, now },
            select,
        };
        flush.advance(table.groups(), budget, |group| {
            visit_table(table, group, &flushing, shared, export)
        })
    }

    /// As [`MeteringProcess::clear_statistics`](super::MeteringProcess::clear_statistics).
    pub fn clear_statistics(&mut self) {
        self.shared.clear_statistics(self.live_flows());
        self.table.clear_usage();
    }

    /// How full its table is and was.
    pub fn usage(&self) -> Usage {
        self.table.usage()
    }

    /// The accounts so far.
    pub fn statistics(&self) -> &Statistics {
        &self.shared.statistics
    }

    /// Flows in the table.
    pub fn live_flows(&self) -> usize {
        self.table.live()
    }

    /// Groups of slots in the table.
    pub fn groups(&self) -> usize {
        self.table.groups()
    }

    /// Flows that the table has slots for.
    pub fn slots(&self) -> usize {
        self.table.slots()
    }

    /// As [`MeteringProcess::sweep_lag_millis`](super::MeteringProcess::sweep_lag_millis).
    pub fn sweep_lag_millis(&self) -> u32 {
        self.sweep.lag_millis(self.groups())
    }

    /// Octets of memory that the table takes.
    pub fn octets(&self) -> usize {
        self.table.octets()
    }

    /// As [`MeteringProcess::count`](super::MeteringProcess::count).
    pub fn count(&self, groups: Range<usize>) -> Records {
        count(&self.table, groups)
    }

    /// As [`MeteringProcess::show`](super::MeteringProcess::show).
    pub fn show<E: Export<RecordedKey>>(&self, groups: Range<usize>, viewer: &mut E) {
        show(&self.table, groups, viewer);
    }
}

/// One batch's way through the phases.
struct Observe<'a, P, E> {
    recorder: &'a mut Recorder,
    batch: Batch<P>,
    recording: Recording,
    export: &'a mut E,
}

impl<P: Packets, E: Export<RecordedKey>> Task for Observe<'_, P, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Instructions>(self, set: I) {
        let Self {
            recorder,
            batch,
            recording,
            export,
        } = self;
        let Recorder {
            table,
            queue,
            shared,
            every_packet,
            ..
        } = recorder;
        let closed = export.closed().is_some();
        let every_packet = *every_packet && !closed;
        let mut phases = Phases::new(queue, table);
        let numbers = batch.numbers.clone();
        let (mut number, mut octets, mut further) = (numbers.start, 0, 0);
        while number < numbers.end {
            if !every_packet {
                octets += phases.run(&batch, &mut number, |packet| {
                    RecordedKey::read_ipv4(packet, recording)
                });
                let before = number;
                octets += phases.run(&batch, &mut number, |packet| {
                    RecordedKey::read_ipv6(packet, recording)
                });
                if number > before || number >= numbers.end {
                    continue;
                }
            }
            let packet = batch.packets.packet(number);
            octets += u64::from(match RecordedKey::read(&packet, recording) {
                Err(reason) => shared.statistics.ignore(reason, packet.octets_on_wire()),
                Ok(headers) => {
                    let is_exported =
                        every_packet && export_packet(&packet, &headers, shared, export).is_ok();
                    if is_exported {
                        further += u64::from(headers.packets - 1);
                    } else {
                        phases.push(number, headers);
                    }
                    headers.octets
                }
            });
            number += 1;
        }
        shared.statistics.observed += Tally {
            packets: numbers.len() as u64 + further + phases.further(),
            octets,
        };
        let test = shared.timeouts.test(closed);
        let deferred = phases.finish(set, &batch, shared, test);
        count_deferred(set, deferred, &batch, table, shared, test, export);
    }
}

/// Exports the record of one packet.
fn export_packet<E: Export<RecordedKey>>(
    packet: &Packet<'_>,
    headers: &Headers<RecordedKey>,
    shared: &mut Shared,
    export: &mut E,
) -> Result<(), NoRoom> {
    let mut flow = Flow::new::<RecordedKey>(
        headers.type_of_service,
        &packet.point,
        packet.time,
        packet.uptime,
    );
    flow.add(
        headers.packets,
        headers.octets,
        headers.tcp_flags,
        packet.time,
        packet.uptime,
    );
    let slot = Slot {
        key: headers.key,
        flow,
        attributes: (),
    };
    shared.offer(&slot, EndReason::ActiveTimeout, export)?;
    shared.statistics.metered += slot.flow.tally();
    shared.statistics.flows += 1;
    Ok(())
}
