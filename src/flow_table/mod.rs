// SPDX-License-Identifier: Apache-2.0
//! The flow table: control octets in groups of 16, slots beside them, two candidate groups
//! for each key and no probing beyond them.
//!
//! It finds, places and removes flows, and knows neither packets nor timeouts. A key is
//! in at most one slot; a tag is 0 exactly if its slot is free. Every operation touches at
//! most two groups, whoever chooses the keys.

mod evictions;
pub(crate) mod group;
mod region;
mod usage;

use core::hint::select_unpredictable;

use bytemuck::Zeroable;

use self::evictions::Evictions;
use self::group::{GROUP, Instructions, Seed, Stamps, Tags};
use self::region::Region;
pub use self::usage::{OutOfMemory, Pages, TableError, Usage};
use crate::cpu::prefetch;
use crate::flow::{EndReason, Flow, FlowKey, FlowRecord};
use crate::time::Uptime;

/// One flow. With an IPv4 key it is one cache line, with an IPv6 key two.
#[derive(Clone, Copy, Debug, Zeroable)]
#[repr(C, align(64))]
pub struct Slot<K>
where
    K: FlowKey,
{
    pub(crate) key: K,
    pub(crate) flow: Flow,
    pub(crate) attributes: K::Attributes,
}

/// The two groups that a key may be in, and its tag.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Candidates {
    /// The first's number in the low half, the second's in the high.
    pub(crate) groups: u64,
    /// In the low octet.
    pub(crate) tag: u64,
}

impl Candidates {
    /// The slot numbered `bit`, from 0 to 31, of the two groups. Which group it is cannot be
    /// predicted, so there must be no branch.
    #[inline(always)]
    fn slot(&self, bit: u32) -> SlotIndex {
        let [first, second] = self.groups();
        let group = select_unpredictable(bit < GROUP as u32, first, second) as u32;
        SlotIndex(group * GROUP as u32 + bit % GROUP as u32)
    }

    /// The key's tag.
    #[inline(always)]
    fn tag(&self) -> u8 {
        self.tag as u8
    }

    /// Both groups' numbers.
    #[inline(always)]
    fn groups(&self) -> [usize; 2] {
        [self.groups as u32 as usize, (self.groups >> 32) as usize]
    }
}

impl<K: FlowKey> Slot<K> {
    /// Whether its flow's key is `key`.
    #[inline(always)]
    pub(crate) fn holds(&self, key: &K) -> bool {
        self.key.is(key)
    }

    /// The record that its flow leaves.
    #[inline(always)]
    pub(crate) fn record(&self, end_reason: EndReason) -> FlowRecord<K> {
        self.flow.record(&self.key, &self.attributes, end_reason)
    }
}

/// The arrays beside a table's slots. It is copied, so that its parts stay in registers.
#[derive(Clone, Copy)]
pub(crate) struct Lookup<'a> {
    tags: &'a [Tags],
    stamps: &'a [Stamps],
    /// Whether so many flows are live that prefetching tags pays off.
    is_large: bool,
}

impl Lookup<'_> {
    /// Where a key with this hash may be.
    #[inline(always)]
    pub(crate) fn candidates(self, hash: u64) -> Candidates {
        let groups = self.tags.len() as u64;
        // The high bits of each half choose a group, the low octet of one is the tag: these
        // stay apart for up to 2²⁴ groups.
        let half = 0xffff_ffff;
        Candidates {
            groups: ((hash & half) * groups) >> 32 | ((hash >> 32) * groups) & !half,
            tag: hash | u64::from(hash & 0xff == 0),
        }
    }

    /// Whether [`Self::prefetch_tags`] pays off.
    #[inline(always)]
    pub(crate) fn is_large(self) -> bool {
        self.is_large
    }

    /// Prefetches the control octets of `candidates`.
    #[inline(always)]
    pub(crate) fn prefetch_tags(self, candidates: &Candidates) {
        for group in candidates.groups() {
            prefetch(self.tags.as_ptr().wrapping_add(group));
        }
    }

    /// The slots whose tags are `tag`, as a set of numbers for [`Candidates::slot`].
    #[inline(always)]
    fn matches<I: Instructions>(self, set: I, candidates: &Candidates, tag: u8) -> u32 {
        let [first, second] = candidates.groups().map(|group| &self.tags[group]);
        set.matches(first, second, tag)
    }

    /// The first slot whose tag is the key's.
    #[inline(always)]
    pub(crate) fn probe<I: Instructions>(
        self,
        set: I,
        candidates: &Candidates,
    ) -> Option<SlotIndex> {
        let mask = self.matches(set, candidates, candidates.tag());
        (mask != 0).then(|| candidates.slot(mask.trailing_zeros()))
    }

    /// Prefetches the stamps of `candidates`, of which the first is needed to place a key.
    #[inline(always)]
    pub(crate) fn prefetch_stamps(self, candidates: &Candidates) {
        for group in candidates.groups() {
            prefetch(self.stamps.as_ptr().wrapping_add(group));
        }
    }
}

/// Prefetches the slot with this number, which may be any: all its cache lines, since the processor
/// by itself loads the second one of an IPv6 slot too late.
#[inline(always)]
pub(crate) fn prefetch_slot<K: FlowKey>(slots: &[Slot<K>], index: SlotIndex) {
    let slot = slots.as_ptr().wrapping_add(index.number());
    prefetch(slot);
    if size_of::<Slot<K>>() > LINE {
        prefetch(slot.cast::<u8>().wrapping_add(LINE));
    }
}

/// Live flows whose tags, two lines for each, stay in a core's second-level cache, so that prefetching
/// them does not pay off. Chosen by the size of that cache; a trial in VPP with 1 k flows gained up to a
/// clock a packet.
const CACHED: usize = 4096;

/// Octets of a cache line.
const LINE: usize = 64;

/// Slots, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotIndex(u32);

impl SlotIndex {
    /// No slot: tables are smaller.
    pub(crate) const NONE: Self = Self(u32::MAX);

    /// Its number.
    #[inline(always)]
    pub(crate) fn number(self) -> usize {
        self.0 as usize
    }
}

/// Where a key that is not in the table goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A free slot.
    Free(SlotIndex),
    /// The slot of the flow that has been idle longest in both groups, which are full.
    Taken(SlotIndex),
}

/// A table of flows of one kind, for one worker.
pub(crate) struct FlowTable<K: FlowKey> {
    tags: Region<Tags>,
    slots: Region<Slot<K>>,
    /// For each slot an uptime not later than its latest packet's: when its flow came, or
    /// what the sweep or an eviction last saw. Kept apart, so that counting never writes it.
    stamps: Region<Stamps>,
    live: usize,
    capacity: usize,
    evictions: Evictions,
}

/// The most flows that a table may have room for.
pub const MAX_FLOWS: usize = 100_000_000;

impl<K: FlowKey> FlowTable<K> {
    /// Slots in percent of the capacity: so many that two full candidate groups are rare, at 85 % load
    /// fewer than one flow in 10⁵ (`benches/record/`).
    const SLOTS_PERCENT: u64 = 118;

    /// A table for `flows` flows.
    ///
    /// # Errors
    /// If `flows` is not from 1 to [`MAX_FLOWS`], or if the system has not enough memory.
    pub(crate) fn new(flows: usize) -> Result<Self, TableError> {
        if !(1..=MAX_FLOWS).contains(&flows) {
            return Err(TableError::Capacity(flows));
        }
        let groups = Self::groups_for(flows);
        Ok(Self {
            tags: Region::new(groups)?,
            slots: Region::new(groups * GROUP)?,
            stamps: Region::new(groups)?,
            live: 0,
            capacity: flows,
            evictions: Evictions::default(),
        })
    }

    /// Groups of a table for so many flows; for [`MAX_FLOWS`] if there are more.
    fn groups_for(flows: usize) -> usize {
        let slots = (flows.min(MAX_FLOWS) as u64 * Self::SLOTS_PERCENT).div_ceil(100) as usize;
        slots.div_ceil(GROUP)
    }

    /// Octets of memory that a table for so many flows takes when every slot has been used.
    pub(crate) fn octets_for(flows: usize) -> usize {
        let groups = Self::groups_for(flows);
        let octets = [
            Region::<Tags>::octets_for(groups),
            Region::<Slot<K>>::octets_for(groups * GROUP),
            Region::<Stamps>::octets_for(groups),
        ];
        octets.into_iter().flatten().sum()
    }

    /// Flows that it has room for.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// How full it is and was.
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            capacity: self.capacity,
            live: self.live,
            evicted: self.evictions.total(),
            enough: self.evictions.enough(self.live),
            pages: self.slots.pages(),
        }
    }

    /// Notes that a flow was evicted before it expired, for one with these candidates.
    pub(crate) fn count_eviction(&mut self, candidates: &Candidates, now: Uptime, idle: u32) {
        self.evictions.count(candidates.tag, now, idle, self.live);
    }

    /// Updates the largest number of live flows.
    pub(crate) fn note_live(&mut self) {
        self.evictions.note_live(self.live);
    }

    /// Clears the history in [`Self::usage`].
    pub(crate) fn clear_usage(&mut self) {
        self.evictions = Evictions::default();
    }

    /// Takes the history of `other`, whose flows have moved here, and leaves it empty.
    pub(crate) fn succeed(&mut self, other: &mut Self) {
        self.evictions = core::mem::take(&mut other.evictions);
        other.tags.fill([0; GROUP]);
        other.live = 0;
    }

    /// The candidates of a key, whose tags and stamps are prefetched.
    #[inline(always)]
    pub(crate) fn candidates_of<I: Instructions>(
        &self,
        set: I,
        seed: &Seed,
        key: &K,
    ) -> Candidates {
        let candidates = self
            .lookup()
            .candidates(set.hash(seed, key.words().as_ref()));
        self.lookup().prefetch_tags(&candidates);
        self.lookup().prefetch_stamps(&candidates);
        candidates
    }

    /// Takes all its memory from the system now.
    pub(crate) fn populate(&mut self) {
        self.tags.populate();
        self.slots.populate();
        self.stamps.populate();
    }

    /// Groups of slots.
    pub(crate) fn groups(&self) -> usize {
        self.tags.len()
    }

    /// Flows in the table.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// Flows that there are slots for.
    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// Octets of memory when every slot has been used.
    pub(crate) fn octets(&self) -> usize {
        Self::octets_for(self.capacity)
    }

    /// The table in two parts, one to look into and one to change.
    #[inline(always)]
    pub(crate) fn parts(&mut self) -> (Lookup<'_>, &mut [Slot<K>]) {
        let lookup = Lookup {
            tags: &self.tags,
            stamps: &self.stamps,
            is_large: self.live > CACHED,
        };
        (lookup, &mut self.slots)
    }

    #[inline(always)]
    fn lookup(&self) -> Lookup<'_> {
        Lookup {
            tags: &self.tags,
            stamps: &self.stamps,
            is_large: self.live > CACHED,
        }
    }

    /// The slot that holds `key`.
    #[inline(always)]
    pub(crate) fn find<I: Instructions>(
        &self,
        set: I,
        candidates: &Candidates,
        key: &K,
    ) -> Option<SlotIndex> {
        let mut mask = self.lookup().matches(set, candidates, candidates.tag());
        while mask != 0 {
            let slot = candidates.slot(mask.trailing_zeros());
            if self[slot].holds(key) {
                return Some(slot);
            }
            mask &= mask - 1;
        }
        None
    }

    /// Whether `key` is in the table.
    pub(crate) fn holds<I: Instructions>(&self, set: I, seed: &Seed, key: &K) -> bool {
        let hash = set.hash(seed, key.words().as_ref());
        let candidates = self.lookup().candidates(hash);
        self.find(set, &candidates, key).is_some()
    }

    /// Where a key with these candidates goes, if it is not in the table.
    #[inline(always)]
    pub(crate) fn place<I: Instructions>(
        &mut self,
        set: I,
        candidates: &Candidates,
        now: Uptime,
    ) -> Place {
        match self.free_slot(set, candidates) {
            Some(slot) => Place::Free(slot),
            None => Place::Taken(self.longest_idle(set, candidates, now)),
        }
    }

    /// A free slot in the emptier group.
    #[inline(always)]
    fn free_slot<I: Instructions>(&self, set: I, candidates: &Candidates) -> Option<SlotIndex> {
        let free = self.lookup().matches(set, candidates, 0);
        if free == 0 {
            return None;
        }
        let (first, second) = (free & 0xffff, free & 0xffff_0000);
        let emptier = if second.count_ones() > first.count_ones() {
            second
        } else {
            first
        };
        Some(candidates.slot(emptier.trailing_zeros()))
    }

    /// The slot idle longest in two full groups, to the millisecond; of equals the first.
    ///
    /// A stamp is never later than the truth, so the oldest stamp that proves true is the
    /// oldest of all; one that proves stale is corrected and the search goes on.
    #[inline(always)]
    fn longest_idle<I: Instructions>(
        &mut self,
        set: I,
        candidates: &Candidates,
        now: Uptime,
    ) -> SlotIndex {
        loop {
            let (slot, idle) = self.oldest_stamp(set, candidates, now);
            let seen = self[slot].flow.seen();
            if now.since(seen) >= idle {
                return slot;
            }
            self.stamp(slot, seen);
        }
    }

    /// The slot of the two groups with the oldest stamp, and how old that is.
    #[inline(always)]
    fn oldest_stamp<I: Instructions>(
        &self,
        set: I,
        candidates: &Candidates,
        now: Uptime,
    ) -> (SlotIndex, u32) {
        let [first, second] = candidates.groups().map(|group| &self.stamps[group]);
        let (bit, idle) = set.oldest(first, second, now.as_millis());
        (candidates.slot(bit), idle)
    }

    /// Prefetches the slot that a key with these candidates is probably in, if it is not in the first
    /// whose tag matches: the second whose tag matches, or else the one that [`Self::place`] will
    /// probably return.
    #[inline(always)]
    pub(crate) fn prefetch_place<I: Instructions>(
        &self,
        set: I,
        candidates: &Candidates,
        now: Uptime,
    ) {
        let matches = self.lookup().matches(set, candidates, candidates.tag());
        let others = matches & matches.wrapping_sub(1);
        let slot = if others != 0 {
            candidates.slot(others.trailing_zeros())
        } else {
            match self.free_slot(set, candidates) {
                Some(slot) => slot,
                None => self.oldest_stamp(set, candidates, now).0,
            }
        };
        prefetch_slot(&self.slots, slot);
    }

    /// Notes that the flow in `slot` had its latest packet no earlier than `seen`.
    #[inline(always)]
    pub(crate) fn stamp(&mut self, slot: SlotIndex, seen: Uptime) {
        let index = slot.number();
        self.stamps[index / GROUP][index % GROUP] = seen.as_millis();
    }

    /// Writes a flow into the slot of `place`, over what was there.
    #[inline(always)]
    pub(crate) fn write(
        &mut self,
        place: Place,
        candidates: &Candidates,
        flow: Slot<K>,
    ) -> SlotIndex {
        let slot = match place {
            Place::Free(slot) => {
                self.live += 1;
                slot
            }
            Place::Taken(slot) => slot,
        };
        self.stamp(slot, flow.flow.seen());
        let index = slot.number();
        self.tags[index / GROUP][index % GROUP] = candidates.tag();
        self.slots[index] = flow;
        slot
    }

    /// Frees `slot`.
    pub(crate) fn remove(&mut self, slot: SlotIndex) {
        let index = slot.number();
        self.tags[index / GROUP][index % GROUP] = 0;
        self.live -= 1;
    }

    /// The slots in use of group number `group`.
    #[inline(always)]
    pub(crate) fn used(&self, group: usize) -> impl Iterator<Item = SlotIndex> + use<K> {
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
        &self.slots[slot.number()]
    }
}

impl<K: FlowKey> core::ops::IndexMut<SlotIndex> for FlowTable<K> {
    #[inline(always)]
    fn index_mut(&mut self, slot: SlotIndex) -> &mut Slot<K> {
        &mut self.slots[slot.number()]
    }
}

#[cfg(test)]
mod tests;
