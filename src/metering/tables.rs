// SPDX-License-Identifier: Apache-2.0
//! A table for each family, and looking at what is in them.

use core::ops::Range;

use super::export::Export;
use super::statistics::Records;
use crate::flow::{EndReason, FlowKey, Ipv4Key, Ipv6Key, L2Key};
use crate::flow_table::{FlowTable, Slot};

/// A table for each kind of flow.
pub(super) struct Tables {
    pub(super) ipv4: FlowTable<Ipv4Key>,
    pub(super) ipv6: FlowTable<Ipv6Key>,
    pub(super) l2: Option<FlowTable<L2Key>>,
}

impl Tables {
    /// Flows in all of them.
    pub(super) fn live(&self) -> usize {
        let Self { ipv4, ipv6, l2 } = self;
        ipv4.live() + ipv6.live() + l2.as_ref().map_or(0, FlowTable::live)
    }

    /// Groups of each.
    fn groups_of_each(&self) -> [usize; 3] {
        let Self { ipv4, ipv6, l2 } = self;
        let l2 = l2.as_ref().map_or(0, FlowTable::groups);
        [ipv4.groups(), ipv6.groups(), l2]
    }

    /// Groups of all of them, which are numbered in this order.
    pub(super) fn groups(&self) -> usize {
        self.groups_of_each().iter().sum()
    }

    /// Each table's own part of these groups.
    pub(super) fn split(&self, groups: Range<usize>) -> [Range<usize>; 3] {
        let mut first = 0;
        self.groups_of_each().map(|count| {
            let own = |number: usize| number.saturating_sub(first).min(count);
            let range = own(groups.start)..own(groups.end);
            first += count;
            range
        })
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
