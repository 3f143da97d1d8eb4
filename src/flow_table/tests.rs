// SPDX-License-Identifier: Apache-2.0
//! The table beside a naive map, with every instruction set. Small enough for Miri.

use std::collections::HashMap;

use super::group::{Backend, Task};
use super::*;
use crate::flow::{Ipv4Key, Ipv6Key};
use crate::observation::{Direction, LinkType, ObservationPoint};
use crate::time::Timestamp;

/// Packets of a run; fewer for Miri, which is slow.
const PACKETS: u32 = if cfg!(miri) { 40 } else { 2_000 };

/// Capacities, and the flows that they get: most have a free slot, some have, and few have.
const RUNS: &[(usize, u32)] = if cfg!(miri) {
    &[(20, 40), (1, 30)]
} else {
    &[(100, 60), (50, 100), (1, 40)]
};

fn key<K: FlowKey>(number: u32) -> K {
    let mut key = K::zeroed();
    bytemuck::bytes_of_mut(&mut key)[..4].copy_from_slice(&number.to_ne_bytes());
    key
}

/// Packets of random flows are counted, flows make room for others, and some are removed.
struct Churn<'a, K: FlowKey> {
    table: &'a mut FlowTable<K>,
    /// When each flow was last seen, by its number.
    naive: &'a mut HashMap<u32, Uptime>,
    /// Numbers of flows are below this.
    flows: u32,
}

impl<K: FlowKey> Churn<'_, K> {
    /// Checks that the slot is taken of the flow that has been idle longest, and forgets that flow.
    fn give_way(&mut self, slot: SlotIndex, candidates: &Candidates, now: Uptime) {
        let slots = candidates
            .groups()
            .into_iter()
            .flat_map(|group| self.table.used(group));
        let idle = |slot| now.since(self.table[slot].flow.seen());
        let ages: Vec<_> = slots.map(idle).collect();
        assert_eq!(ages.len(), 2 * GROUP);
        assert_eq!(ages.iter().max(), Some(&idle(slot)));
        let number = number(&self.table[slot].key);
        assert_eq!(
            self.naive.remove(&number),
            Some(self.table[slot].flow.seen())
        );
    }
}

fn number<K: FlowKey>(key: &K) -> u32 {
    bytemuck::pod_read_unaligned(&bytemuck::bytes_of(key)[..4])
}

impl<K: FlowKey> Task for Churn<'_, K> {
    type Output = ();

    #[inline(always)]
    fn run<I: Instructions>(mut self, set: I) {
        let point = ObservationPoint {
            ingress_interface: 1,
            egress_interface: 2,
            ingress_vrf: Default::default(),
            egress_vrf: Default::default(),
            vlan: 0,
            direction: Direction::Ingress,
            link_type: LinkType::Ethernet,
        };
        let mut state = 1u64;
        for packet in 0..PACKETS {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
            let number = (state >> 33) as u32 % self.flows;
            let key = key::<K>(number);
            let (time, now) = (
                Timestamp::from_millis(packet.into()),
                Uptime::from_millis(packet),
            );
            let candidates = self.table.candidates_of(set, &Seed::TEST, &key);
            self.table.prefetch_place(set, &candidates, now);
            let found = self.table.find(set, &candidates, &key);
            assert_eq!(found.is_some(), self.naive.contains_key(&number));
            assert_eq!(self.table.holds(set, &Seed::TEST, &key), found.is_some());
            let slot = found.unwrap_or_else(|| {
                let place = self.table.place(set, &candidates, now);
                match place {
                    Place::Taken(slot) => self.give_way(slot, &candidates, now),
                    Place::Free(slot) => {
                        assert!(
                            self.table
                                .used(slot.number() / GROUP)
                                .all(|used| used != slot)
                        );
                    }
                }
                let flow = Slot {
                    key,
                    flow: Flow::new::<K>(0, &point, time, now),
                    attributes: K::Attributes::zeroed(),
                };
                self.table.write(place, &candidates, flow)
            });
            // The batch phases' way to the same slot, with both parts of the table borrowed.
            let (lookup, slots) = self.table.parts();
            let probed = lookup.probe(set, &candidates).unwrap();
            prefetch_slot(slots, probed);
            if slots[probed.number()].holds(&key) {
                assert_eq!(probed, slot);
            }
            slots[slot.number()].flow.count(1, 40, 0, now);
            self.naive.insert(number, now);
            if packet % 7 == 0 {
                self.table.remove(slot);
                self.naive.remove(&number);
            }
            assert_eq!(self.table.live(), self.naive.len());
        }
    }
}

/// The flows of a table with the times at which they were seen.
fn seen<K: FlowKey>(table: &FlowTable<K>) -> HashMap<u32, Uptime> {
    (0..table.groups())
        .flat_map(|group| table.used(group))
        .map(|slot| (number(&table[slot].key), table[slot].flow.seen()))
        .collect()
}

fn every_backend_agrees_with_a_map<K: FlowKey>() {
    for backend in Backend::available() {
        for &(capacity, flows) in RUNS {
            let mut table = FlowTable::<K>::new(capacity).unwrap();
            let mut naive = HashMap::new();
            table.populate();
            backend.run(Churn {
                table: &mut table,
                naive: &mut naive,
                flows,
            });
            assert_eq!(seen(&table), naive, "{backend:?}");
        }
    }
}

#[test]
fn ipv4_flows_are_found_placed_and_removed() {
    every_backend_agrees_with_a_map::<Ipv4Key>();
}

#[test]
fn ipv6_flows_are_found_placed_and_removed() {
    every_backend_agrees_with_a_map::<Ipv6Key>();
}

#[test]
fn a_table_that_was_succeeded_is_empty() {
    let mut tables = [(); 2].map(|()| FlowTable::<Ipv4Key>::new(20).unwrap());
    let [full, empty] = &mut tables;
    Backend::generic().run(Churn {
        table: full,
        naive: &mut HashMap::new(),
        flows: 20,
    });
    assert!(full.live() > 0);
    empty.succeed(full);
    assert_eq!((full.live(), seen(full).len()), (0, 0));
}
