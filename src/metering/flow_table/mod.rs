// SPDX-License-Identifier: Apache-2.0
//! The flow table: control octets in groups of 16, slots beside them, two candidate groups
//! for each key and no probing beyond them.
//!
//! It finds, places and removes flows, and knows neither packets nor timeouts. A key stands
//! in at most one slot; a tag is 0 exactly if its slot is free. Every operation touches at
//! most two groups, whoever chooses the keys.

pub(crate) mod group;
mod region;

use std::io;

use bytemuck::Zeroable;

use self::group::{GROUP, Instructions, Seed, Tags, prefetch};
use self::region::Region;
use super::flow_key::FlowKey;
use super::flow_record::Flow;
use crate::time::Uptime;

/// One flow. With an IPv4 key it is one cache line, with an IPv6 key two.
#[derive(Clone, Copy, Debug, Zeroable)]
#[repr(C, align(64))]
pub(super) struct Slot<K: FlowKey> {
    pub(super) key: K,
    pub(super) flow: Flow,
    pub(super) attributes: K::Attributes,
}

/// The two groups in which a key may stand, and its tag there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Candidates {
    first: u32,
    second: u32,
    tag: u8,
}

/// Slots, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotIndex(u32);

impl SlotIndex {
    /// No slot: tables are smaller.
    pub(super) const NONE: Self = Self(u32::MAX);
}

/// Where a key that is not in the table goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A free slot.
    Free(SlotIndex),
    /// The slot of the flow that has been idle longest in both groups, which are full.
    Taken(SlotIndex),
}

/// A table of flows of one kind, for one worker.
pub(super) struct FlowTable<K: FlowKey> {
    tags: Region<Tags>,
    slots: Region<Slot<K>>,
    /// For each slot an uptime not later than its latest packet's: when its flow came, or
    /// when somebody last looked. Kept apart so that the packet path never writes it.
    stamps: Region<[u32; GROUP]>,
    live: usize,
}

impl<K: FlowKey> FlowTable<K> {
    /// Slots are so many for each flow asked for, in percent, that two full candidate groups
    /// are rare: at 85 % load, fewer than one flow in 10⁵ (`benches/record/`).
    const SLOTS_PERCENT: u64 = 118;

    /// The most flows that a table can be asked for.
    pub(super) const MAX_FLOWS: usize = 100_000_000;

    /// A table for `flows` flows (from 1 to [`Self::MAX_FLOWS`]; others are brought there).
    pub(super) fn new(flows: usize) -> io::Result<Self> {
        let flows = flows.clamp(1, Self::MAX_FLOWS) as u64;
        let slots = (flows * Self::SLOTS_PERCENT).div_ceil(100) as usize;
        let groups = slots.div_ceil(GROUP);
        Ok(Self {
            tags: Region::new(groups)?,
            slots: Region::new(groups * GROUP)?,
            stamps: Region::new(groups)?,
            live: 0,
        })
    }

    /// Groups of slots.
    pub(super) fn groups(&self) -> usize {
        self.tags.len()
    }

    /// Flows in the table.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// Octets of memory when every slot has been used.
    pub(super) fn octets(&self) -> usize {
        size_of_val(&*self.tags) + size_of_val(&*self.slots) + size_of_val(&*self.stamps)
    }

    /// Where `key` may stand.
    #[inline(always)]
    pub(super) fn candidates<I: Instructions>(&self, seed: &Seed, key: &K) -> Candidates {
        let hash = I::hash(seed, key.words().as_ref());
        let groups = self.tags.len() as u64;
        // The high bits of each half choose a group, the low octet of one is the tag: these
        // stay apart for up to 2²⁴ groups.
        Candidates {
            first: (((hash & 0xffff_ffff) * groups) >> 32) as u32,
            second: (((hash >> 32) * groups) >> 32) as u32,
            tag: (hash as u8).max(1),
        }
    }

    /// Asks for the control octets of `candidates`.
    #[inline(always)]
    pub(super) fn prefetch_tags(&self, candidates: &Candidates) {
        prefetch(self.tags.as_ptr().wrapping_add(candidates.first as usize));
        prefetch(self.tags.as_ptr().wrapping_add(candidates.second as usize));
    }

    /// The slots whose tags match, as a set of [`Self::slot`] numbers.
    #[inline(always)]
    pub(super) fn matches<I: Instructions>(&self, candidates: &Candidates, tag: u8) -> u32 {
        I::matches(
            &self.tags[candidates.first as usize],
            &self.tags[candidates.second as usize],
            tag,
        )
    }

    /// The slot numbered `bit`, from 0 to 31, of the two groups.
    #[inline(always)]
    fn slot_of(candidates: &Candidates, bit: u32) -> SlotIndex {
        let group = if bit < GROUP as u32 {
            candidates.first
        } else {
            candidates.second
        };
        SlotIndex(group * GROUP as u32 + bit % GROUP as u32)
    }

    /// The first and the last slot whose tag is the key's, both asked for: the same slot
    /// where only one matches, which is nearly always, and [`SlotIndex::NONE`] where none does.
    #[inline(always)]
    pub(super) fn probe<I: Instructions>(&self, candidates: &Candidates) -> [SlotIndex; 2] {
        let mask = self.matches::<I>(candidates, candidates.tag);
        if mask == 0 {
            return [SlotIndex::NONE; 2];
        }
        let first = Self::slot_of(candidates, mask.trailing_zeros());
        let last = Self::slot_of(candidates, 31 - mask.leading_zeros());
        prefetch(self.slots.as_ptr().wrapping_add(first.0 as usize));
        prefetch(self.slots.as_ptr().wrapping_add(last.0 as usize));
        [first, last]
    }

    /// Slot `index`, if it exists and its flow's key is `key`.
    #[inline(always)]
    pub(super) fn slot_of_key(&mut self, index: SlotIndex, key: &K) -> Option<&mut Slot<K>> {
        self.slots
            .get_mut(index.0 as usize)
            .filter(|slot| slot.key.words() == key.words())
    }

    /// Whether slot `index` exists and its flow's key is `key`.
    #[inline(always)]
    pub(super) fn holds(&self, index: SlotIndex, key: &K) -> bool {
        self.slots
            .get(index.0 as usize)
            .is_some_and(|slot| slot.key.words() == key.words())
    }

    /// The slot in which `key` stands.
    #[inline(always)]
    pub(super) fn find<I: Instructions>(
        &self,
        candidates: &Candidates,
        key: &K,
    ) -> Option<SlotIndex> {
        let mut mask = self.matches::<I>(candidates, candidates.tag);
        while mask != 0 {
            let slot = Self::slot_of(candidates, mask.trailing_zeros());
            if self.holds(slot, key) {
                return Some(slot);
            }
            mask &= mask - 1;
        }
        None
    }

    /// Where a key with these candidates goes, if it is not in the table: the emptier group.
    #[inline(always)]
    pub(super) fn place<I: Instructions>(
        &mut self,
        candidates: &Candidates,
        now: Uptime,
    ) -> Place {
        let free = self.matches::<I>(candidates, 0);
        let (first, second) = (free & 0xffff, free & 0xffff_0000);
        let bit = if second.count_ones() > first.count_ones() {
            second.trailing_zeros()
        } else {
            first.trailing_zeros()
        };
        if free != 0 {
            Place::Free(Self::slot_of(candidates, bit))
        } else {
            Place::Taken(self.longest_idle(candidates, now))
        }
    }

    /// The slot idle longest in two full groups, to the millisecond; of equals the first.
    ///
    /// A stamp is never later than the truth, so the oldest stamp that proves true is the
    /// oldest of all; one that proves stale is corrected and the search goes on.
    fn longest_idle(&mut self, candidates: &Candidates, now: Uptime) -> SlotIndex {
        loop {
            let mut oldest = (0, 0);
            let groups = [candidates.first, candidates.second];
            for (half, group) in groups.into_iter().enumerate() {
                for (index, stamp) in self.stamps[group as usize].iter().enumerate() {
                    let idle = now.since(Uptime::from_millis(*stamp));
                    if idle > oldest.1 {
                        oldest = (half * GROUP + index, idle);
                    }
                }
            }
            let slot = Self::slot_of(candidates, oldest.0 as u32);
            let seen = self[slot].flow.seen();
            if now.since(seen) >= oldest.1 {
                return slot;
            }
            self.stamp(slot, seen);
        }
    }

    /// Notes that the flow in `slot` had its latest packet no earlier than `seen`.
    pub(super) fn stamp(&mut self, slot: SlotIndex, seen: Uptime) {
        let group = &mut self.stamps[slot.0 as usize / GROUP];
        group[slot.0 as usize % GROUP] = seen.as_millis();
    }

    /// Writes a flow into `slot`, whatever stood there.
    #[inline(always)]
    pub(super) fn write(&mut self, place: Place, candidates: &Candidates, flow: Slot<K>) -> SlotIndex {
        let slot = match place {
            Place::Free(slot) => {
                self.live += 1;
                slot
            }
            Place::Taken(slot) => slot,
        };
        let index = slot.0 as usize;
        self.tags[index / GROUP][index % GROUP] = candidates.tag;
        self.stamps[index / GROUP][index % GROUP] = flow.flow.seen().as_millis();
        self.slots[index] = flow;
        slot
    }

    /// Frees `slot`.
    pub(super) fn remove(&mut self, slot: SlotIndex) {
        let index = slot.0 as usize;
        self.tags[index / GROUP][index % GROUP] = 0;
        self.live -= 1;
    }

    /// The slots in use of group number `group`.
    #[inline(always)]
    pub(super) fn used(&self, group: usize) -> impl Iterator<Item = SlotIndex> + use<K> {
        let tags = self.tags[group];
        let length = if tags == [0; GROUP] { 0 } else { GROUP };
        (0..length)
            .filter(move |&index| tags[index] != 0)
            .map(move |index| SlotIndex((group * GROUP + index) as u32))
    }
}

impl<K: FlowKey> core::ops::Index<SlotIndex> for FlowTable<K> {
    type Output = Slot<K>;

    #[inline(always)]
    fn index(&self, slot: SlotIndex) -> &Slot<K> {
        &self.slots[slot.0 as usize]
    }
}

impl<K: FlowKey> core::ops::IndexMut<SlotIndex> for FlowTable<K> {
    #[inline(always)]
    fn index_mut(&mut self, slot: SlotIndex) -> &mut Slot<K> {
        &mut self.slots[slot.0 as usize]
    }
}
