// SPDX-License-Identifier: Apache-2.0
//! Packets classified by family: a table each for IPv4, IPv6 and, if wanted, other frames.
//!
//! A batch goes through phases, so that the memory that one needs has been requested by the one
//! before, and so that each is a short loop whose values fit in registers. Packets that need
//! more than counting are deferred to the end of the batch ([`count_deferred`]): those of flows
//! that are new, were not where the first matching tag pointed, or may owe a record, and those
//! whose time is not where their flow expects it. All later packets of their flow are deferred,
//! too: the flow has a mark for that, so their order stays.

use core::ops::Range;

use super::classifier::{Classifier, ExportTo};
use super::configuration::Configuration;
use super::deferred::count_deferred;
use super::export::{ExportAll, ExportRefused};
use super::family::Family;
use super::metered_table::{AnyTable, MeteredTable};
use super::phases::Phases;
use super::queue::Batch;
use super::shared::Shared;
use super::sweep::{Decide, Swept};
use crate::flow::{IgnoredReason, Ipv4Key, Ipv6Key, L2Key, Tally};
use crate::flow_table::TableError;
use crate::flow_table::group::{Instructions, Seed};
use crate::packet::{Dissection, Packet, Packets, dissect, plain_ipv4, plain_ipv6};
use crate::time::Uptime;

/// The classifier of flows by the 5-tuple, or by MAC addresses and EtherType.
pub struct Families {
    pub(super) ipv4: MeteredTable<Ipv4Key>,
    pub(super) ipv6: MeteredTable<Ipv6Key>,
    pub(super) l2: Option<MeteredTable<L2Key>>,
}

impl Families {
    /// The table of `family`, if it has one.
    pub(super) fn of(&self, family: Family) -> Option<&dyn AnyTable> {
        match family {
            Family::Ipv4 => Some(&self.ipv4),
            Family::Ipv6 => Some(&self.ipv6),
            Family::L2 => self.l2.as_ref().map(|table| table as &dyn AnyTable),
        }
    }

    /// The families that have a table, and the tables.
    pub(super) fn each(&self) -> impl Iterator<Item = (Family, &dyn AnyTable)> {
        let tables = Family::ALL.into_iter();
        tables.filter_map(|family| Some((family, self.of(family)?)))
    }

    /// Whether the flow of `packet` is in a table.
    #[inline(always)]
    pub(super) fn holds<I: Instructions>(&self, set: I, seed: &Seed, packet: &Packet<'_>) -> bool {
        match dissect(packet) {
            Dissection::Ipv4(headers) => self.ipv4.table.holds(set, seed, &headers.key),
            Dissection::Ipv6(headers) => self.ipv6.table.holds(set, seed, &headers.key),
            Dissection::NonIp(headers) => self
                .l2
                .as_ref()
                .is_some_and(|l2| l2.table.holds(set, seed, &headers.key)),
            Dissection::Ignored(_) => false,
        }
    }
}

impl Classifier for Families {
    const TABLES: usize = Family::ALL.len();

    type Selection = ();

    fn new(configuration: &Configuration) -> Result<Self, TableError> {
        let flows = configuration.flows;
        let l2 = configuration.l2.then(|| MeteredTable::new(flows.l2));
        Ok(Self {
            ipv4: MeteredTable::new(flows.ipv4)?,
            ipv6: MeteredTable::new(flows.ipv6)?,
            l2: l2.transpose()?,
        })
    }

    /// Tables are in the order of [`Family::ALL`].
    fn table(&self, number: usize) -> Option<&dyn AnyTable> {
        self.of(*Family::ALL.get(number)?)
    }

    fn table_mut(&mut self, number: usize) -> Option<&mut dyn AnyTable> {
        match Family::ALL.get(number)? {
            Family::Ipv4 => Some(&mut self.ipv4),
            Family::Ipv6 => Some(&mut self.ipv6),
            Family::L2 => self.l2.as_mut().map(|table| table as &mut dyn AnyTable),
        }
    }
}

impl<E: ExportAll> ExportTo<E> for Families {
    /// Packets of one family mostly follow each other, and each family has a loop of its own: in
    /// one loop for all, most values were in memory instead of registers.
    #[inline(always)]
    fn observe<I: Instructions, P: Packets>(
        &mut self,
        set: I,
        batch: &Batch<P>,
        (): (),
        shared: &mut Shared,
        export: &mut E,
    ) {
        let mut ipv4 = Phases::new(&mut self.ipv4.queue, &mut self.ipv4.table);
        let mut ipv6 = Phases::new(&mut self.ipv6.queue, &mut self.ipv6.table);
        let (l2_queue, mut l2_table) = match &mut self.l2 {
            Some(MeteredTable { queue, table, .. }) => (Some(queue), Some(table)),
            None => (None, None),
        };
        let mut l2 = l2_queue
            .zip(l2_table.as_deref_mut())
            .map(|(queue, table)| Phases::new(queue, table));
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
        let deferred = ipv4.finish(set, batch, shared, export);
        let table = &mut self.ipv4.table;
        count_deferred(set, deferred, batch, table, shared, export);
        let deferred = ipv6.finish(set, batch, shared, export);
        let table = &mut self.ipv6.table;
        count_deferred(set, deferred, batch, table, shared, export);
        let deferred = l2.map(|l2| l2.finish(set, batch, shared, export));
        if let Some((deferred, table)) = deferred.zip(l2_table) {
            count_deferred(set, deferred, batch, table, shared, export);
        }
    }

    fn expire(
        &mut self,
        number: usize,
        now: Uptime,
        budget: usize,
        shared: &mut Shared,
        export: &mut E,
    ) -> Swept {
        match (Family::ALL[number], &mut self.l2) {
            (Family::Ipv4, _) => self.ipv4.expire(now, budget, shared, export),
            (Family::Ipv6, _) => self.ipv6.expire(now, budget, shared, export),
            (Family::L2, Some(l2)) => l2.expire(now, budget, shared, export),
            (Family::L2, None) => Swept::Done,
        }
    }

    fn visit(
        &mut self,
        number: usize,
        group: usize,
        decide: &impl Decide,
        shared: &mut Shared,
        export: &mut E,
    ) -> Result<(), ExportRefused> {
        match (Family::ALL[number], &mut self.l2) {
            (Family::Ipv4, _) => self.ipv4.visit(group, decide, shared, export),
            (Family::Ipv6, _) => self.ipv6.visit(group, decide, shared, export),
            (Family::L2, Some(l2)) => l2.visit(group, decide, shared, export),
            (Family::L2, None) => Ok(()),
        }
    }

    fn list(&self, number: usize, groups: Range<usize>, viewer: &mut E) {
        match (Family::ALL[number], &self.l2) {
            (Family::Ipv4, _) => self.ipv4.list(groups, viewer),
            (Family::Ipv6, _) => self.ipv6.list(groups, viewer),
            (Family::L2, Some(l2)) => l2.list(groups, viewer),
            (Family::L2, None) => {}
        }
    }
}

/// Out of line, so that the loop around it stays small.
#[inline(never)]
fn dissect_any(packet: &Packet<'_>) -> Dissection {
    dissect(packet)
}
