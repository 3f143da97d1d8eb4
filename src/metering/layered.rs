// SPDX-License-Identifier: Apache-2.0
//! Packets classified by those layers of their headers that a user has selected: one table for
//! packets of all families and, if wanted, a record for every packet.

use core::ops::Range;

use super::classifier::{Classifier, ExportTo};
use super::configuration::Configuration;
use super::deferred::count_deferred;
use super::expiration::Timeouts;
use super::export::{Export, ExportRefused};
use super::metered_table::{AnyTable, MeteredTable};
use super::phases::Phases;
use super::process::MeteringProcess;
use super::queue::Batch;
use super::shared::Shared;
use super::sweep::{Decide, Swept};
use crate::flow::{EndReason, Flow, LayerSelection, LayeredKey, Tally};
use crate::flow_table::group::Instructions;
use crate::flow_table::{Slot, TableError};
use crate::packet::{Headers, Packet, Packets};
use crate::time::Uptime;

/// The classifier of flows by [`LayeredKey`].
///
/// With [`Timeouts::EVERY_PACKET`] each packet is exported at once, without the table.
pub struct Layered {
    table: MeteredTable<LayeredKey>,
}

impl Classifier for Layered {
    const TABLES: usize = 1;

    type Selection = LayerSelection;

    fn new(configuration: &Configuration) -> Result<Self, TableError> {
        let table = MeteredTable::new(configuration.flows.ipv4)?;
        Ok(Self { table })
    }

    fn table(&self, number: usize) -> Option<&dyn AnyTable> {
        (number == 0).then_some(&self.table)
    }

    fn table_mut(&mut self, number: usize) -> Option<&mut dyn AnyTable> {
        (number == 0).then_some(&mut self.table)
    }
}

impl<E: Export<LayeredKey>> ExportTo<E> for Layered {
    #[inline(always)]
    fn observe<I: Instructions, P: Packets>(
        &mut self,
        set: I,
        batch: &Batch<P>,
        selection: LayerSelection,
        shared: &mut Shared,
        export: &mut E,
    ) {
        let every_packet = shared.timeouts == Timeouts::EVERY_PACKET && export.closed().is_none();
        let mut phases = Phases::new(&mut self.table.queue, &mut self.table.table);
        let numbers = batch.numbers.clone();
        let (mut number, mut octets, mut further) = (numbers.start, 0, 0);
        while number < numbers.end {
            if !every_packet {
                octets += phases.run(batch, &mut number, |packet| {
                    LayeredKey::read_ipv4(packet, selection)
                });
                let before = number;
                octets += phases.run(batch, &mut number, |packet| {
                    LayeredKey::read_ipv6(packet, selection)
                });
                if number > before || number >= numbers.end {
                    continue;
                }
            }
            let packet = batch.packets.packet(number);
            octets += u64::from(match LayeredKey::read(&packet, selection) {
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
        let deferred = phases.finish(set, batch, shared, export);
        let table = &mut self.table.table;
        count_deferred(set, deferred, batch, table, shared, export);
    }

    fn expire(
        &mut self,
        _number: usize,
        now: Uptime,
        budget: usize,
        shared: &mut Shared,
        export: &mut E,
    ) -> Swept {
        self.table.expire(now, budget, shared, export)
    }

    fn visit(
        &mut self,
        _number: usize,
        group: usize,
        decide: &impl Decide,
        shared: &mut Shared,
        export: &mut E,
    ) -> Result<(), ExportRefused> {
        self.table.visit(group, decide, shared, export)
    }

    fn list(&self, _number: usize, groups: Range<usize>, viewer: &mut E) {
        self.table.list(groups, viewer);
    }
}

impl MeteringProcess<Layered> {
    /// Creates a process with an empty table, for as many flows as are configured for IPv4.
    ///
    /// # Errors
    /// If the system has not enough memory.
    pub fn layered(configuration: &Configuration) -> Result<Self, TableError> {
        Self::with_classifier(configuration)
    }

    /// As [`MeteringProcess::observe`], with what is selected of these packets' headers.
    #[inline]
    pub fn observe_layers<P: Packets, E: Export<LayeredKey>>(
        &mut self,
        packets: P,
        selection: LayerSelection,
        export: &mut E,
    ) {
        self.observe_as(packets, selection, export);
    }
}

/// Exports the record of one packet.
fn export_packet<E: Export<LayeredKey>>(
    packet: &Packet<'_>,
    headers: &Headers<LayeredKey>,
    shared: &mut Shared,
    export: &mut E,
) -> Result<(), ExportRefused> {
    let mut flow = Flow::new::<LayeredKey>(
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
