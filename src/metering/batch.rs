// SPDX-License-Identifier: Apache-2.0
//! A batch's way into the tables: its packets are read, looked up and counted.
//!
//! It goes through phases, so that the memory that one needs has been asked for by the one
//! before, and so that each is a short loop whose values fit in registers. Packets that need
//! more than counting are deferred to the end of the batch ([`count_deferred`]): those of flows
//! that are new, were not where the first matching tag pointed, or may owe a record, and those
//! whose time is not where their flow expects it. All later packets of their flow are deferred,
//! too: the flow remembers that, so their order stays.

use alloc::boxed::Box;

use super::deferred::count_deferred;
use super::export::{Export, ExportAll};
use super::phases::Phases;
use super::queue::{Batch, Queue};
use super::shared::Shared;
use super::tables::Tables;
use crate::flow::{IgnoredReason, Ipv4Key, Ipv6Key, L2Key, Tally};
use crate::flow_table::group::Instructions;
use crate::packet::{Dissection, Packet, Packets, dissect, plain_ipv4, plain_ipv6};

/// Room for the packets of one batch, by the kind of flow that they belong to.
pub(super) struct Queues {
    ipv4: Box<Queue<Ipv4Key>>,
    ipv6: Box<Queue<Ipv6Key>>,
    l2: Box<Queue<L2Key>>,
}

impl Default for Queues {
    fn default() -> Self {
        Self {
            ipv4: Queue::new(),
            ipv6: Queue::new(),
            l2: Queue::new(),
        }
    }
}

impl Queues {
    /// Meters a batch.
    ///
    /// Packets of one kind mostly follow each other, and each kind has a loop of its own: one
    /// loop for all kept so much at hand that most of it was in memory.
    #[inline(always)]
    pub(super) fn meter<I: Instructions, P: Packets, E: ExportAll>(
        &mut self,
        set: I,
        batch: &Batch<P>,
        tables: &mut Tables,
        shared: &mut Shared,
        export: &mut E,
    ) {
        let mut ipv4 = Phases::new(&mut self.ipv4, &mut tables.ipv4);
        let mut ipv6 = Phases::new(&mut self.ipv6, &mut tables.ipv6);
        let mut l2 = tables
            .l2
            .as_mut()
            .map(|table| Phases::new(&mut self.l2, table));
        let numbers = batch.numbers.clone();
        let mut octets = 0;
        let mut number = numbers.start;
        loop {
            octets += ipv4.run(batch, &mut number, plain_ipv4);
            let before = number;
            octets += ipv6.run(batch, &mut number, plain_ipv6);
            if number >= numbers.end {
                break;
            }
            if number > before {
                continue;
            }
            // Neither could read it.
            let packet = batch.packets.packet(number);
            octets += u64::from(match (dissect_any(&packet), &mut l2) {
                (Dissection::Ipv4(headers), _) => ipv4.push(number, headers),
                (Dissection::Ipv6(headers), _) => ipv6.push(number, headers),
                (Dissection::NonIp(headers), Some(l2)) => l2.push(number, headers),
                (Dissection::NonIp(headers), None) => shared
                    .statistics
                    .ignore(IgnoredReason::NonIp, headers.octets),
                (Dissection::Ignored(reason), _) => {
                    shared.statistics.ignore(reason, packet.octets_on_wire())
                }
            });
            number += 1;
        }
        let further = ipv4.further() + ipv6.further();
        shared.statistics.observed += Tally {
            packets: numbers.len() as u64 + further,
            octets,
        };
        let test = shared
            .timeouts
            .test(Export::<Ipv4Key>::closed(export).is_some());
        let deferred = ipv4.finish(set, batch, shared, test);
        count_deferred(set, deferred, batch, &mut tables.ipv4, shared, test, export);
        let test = shared
            .timeouts
            .test(Export::<Ipv6Key>::closed(export).is_some());
        let deferred = ipv6.finish(set, batch, shared, test);
        count_deferred(set, deferred, batch, &mut tables.ipv6, shared, test, export);
        let test = shared
            .timeouts
            .test(Export::<L2Key>::closed(export).is_some());
        if let (Some(l2), Some(table)) = (
            l2.map(|l2| l2.finish(set, batch, shared, test)),
            &mut tables.l2,
        ) {
            count_deferred(set, l2, batch, table, shared, test, export);
        }
    }
}

/// Out of line, so that the loop around it stays small.
#[inline(never)]
fn dissect_any(packet: &Packet<'_>) -> Dissection {
    dissect(packet)
}
