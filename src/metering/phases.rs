// SPDX-License-Identifier: Apache-2.0
//! The packets of one kind in a batch, and their way through the phases.
//!
//! Each phase is a short loop, whose values fit in registers, and prefetches the memory that the
//! next one needs. Packets that need more than counting are left to
//! [`count_deferred`](super::deferred::count_deferred). Of timeouts it has only a [`Test`].

use core::ops::Range;

use super::expiration::Test;
use super::export::Export;
use super::queue::{BATCH, Batch, Deferred, Pending, Queue};
use super::shared::Shared;
use crate::flow::{FlowKey, Tally};
use crate::flow_table::group::{Instructions, Seed};
use crate::flow_table::{FlowTable, Lookup, Slot, SlotIndex, prefetch_slot};
use crate::packet::{Headers, Packet, Packets};

/// The packets that pass a phase together: about as many cache misses as a core can have in flight.
/// With 64, 1 M flows took half as much time again (`benches/record/`).
pub(super) const STEP: usize = 16;

/// How many packets ahead headers are prefetched: enough to cover the time that one header takes
/// from memory (`benches/metering/`).
const AHEAD: usize = 8;

/// The packets of a batch that go into one table, and that table.
pub(super) struct Phases<'q, 't, K: FlowKey> {
    queue: &'q mut Queue<K>,
    /// The number of packets in the queue; at most the batch's.
    length: usize,
    /// How many more packets those in the queue count as than one each.
    further: u64,
    lookup: Lookup<'t>,
    slots: &'t mut [Slot<K>],
}

impl<'q, 't, K: FlowKey> Phases<'q, 't, K> {
    #[inline(always)]
    pub(super) fn new(queue: &'q mut Queue<K>, table: &'t mut FlowTable<K>) -> Self {
        let (lookup, slots) = table.parts();
        Self {
            queue,
            length: 0,
            further: 0,
            lookup,
            slots,
        }
    }

    /// Phase one: reads packets from `number` on until `read` returns none. Returns their octets.
    ///
    /// Not inlined: beside the other phases, seven instructions a packet were spills
    /// (`benches/instructions`).
    #[inline(never)]
    pub(super) fn run<P: Packets>(
        &mut self,
        batch: &Batch<P>,
        number: &mut usize,
        read: impl Fn(&Packet<'_>) -> Option<Headers<K>>,
    ) -> u64 {
        let (start, left) = (*number, batch.numbers.end.saturating_sub(*number));
        let (first, mut octets) = (self.length, 0);
        let end = first + left.min(BATCH - first);
        let mut place = first;
        while place < end {
            let next = start + (place - first);
            batch.packets.prefetch(next + AHEAD);
            let Some(headers) = read(&batch.packets.head(next)) else {
                break;
            };
            octets += u64::from(headers.octets);
            self.queue.put(place, next, headers);
            place += 1;
        }
        self.length = place;
        *number = start + (place - first);
        octets
    }

    /// Phase one for a single packet, with these headers. Returns its octets.
    #[inline(always)]
    pub(super) fn push(&mut self, number: usize, headers: Headers<K>) -> u32 {
        if self.length < BATCH {
            self.queue.put(self.length, number, headers);
            if headers.packets > 1 {
                let is_first = self.further == 0;
                self.queue
                    .put_superframe(self.length, headers.packets, is_first);
                self.further += u64::from(headers.packets - 1);
            }
            self.length += 1;
        }
        headers.octets
    }

    /// How many more packets those so far count as than one each.
    #[inline(always)]
    pub(super) fn further(&self) -> u64 {
        self.further
    }

    /// The other phases. First all keys are hashed. Then packets are processed in steps: while one
    /// step is counted, the slots of the next one are fetched from memory. Returns the packets that
    /// are deferred: those that may need more than counting, and those whose flow was not found at
    /// the first matching tag.
    #[inline(always)]
    pub(super) fn finish<I: Instructions, P: Packets, E: Export<K>>(
        self,
        set: I,
        batch: &Batch<P>,
        shared: &mut Shared,
        export: &E,
    ) -> &'q [Pending<K>] {
        let test = shared.test(export);
        let Self {
            queue,
            length,
            further,
            lookup,
            slots,
        } = self;
        let length = length.min(BATCH);
        if length == 0 {
            return &[];
        }
        hash(set, queue, length, lookup, &shared.seed);
        let steps = length.div_ceil(STEP);
        let step = |number: usize| number * STEP..length.min((number + 1) * STEP);
        let mut deferred = Deferred::default();
        for number in 0..=steps {
            if number < steps {
                probe(set, queue, step(number), lookup, slots);
            }
            if number > 0 {
                let step = step(number - 1);
                shared.statistics.metered += if further == 0 {
                    count::<false, _, _>(queue, step, &mut deferred, batch, slots, test)
                } else {
                    count_superframes(queue, step, &mut deferred, batch, slots, test)
                };
            }
        }
        shared.statistics.metered.packets += further;
        queue.gather(&deferred, further > 0)
    }
}

/// Phase two: hashes keys, and prefetches the control octets of their groups.
#[inline(always)]
fn hash<I: Instructions, K: FlowKey>(
    set: I,
    queue: &mut Queue<K>,
    length: usize,
    lookup: Lookup<'_>,
    seed: &Seed,
) {
    // Hashing is in eights. The entries beyond the last packet are not used.
    let length = length.next_multiple_of(8).min(BATCH);
    let words = size_of::<K>() / size_of::<u64>();
    set.hash_all(
        seed,
        words,
        bytemuck::cast_slice(&queue.keys[..length]),
        &mut queue.tags[..length],
    );
    for (tag, groups) in queue.tags[..length].iter_mut().zip(&mut queue.groups) {
        let candidates = lookup.candidates(*tag);
        (*tag, *groups) = (candidates.tag, candidates.groups);
    }
    let prefetched = if lookup.is_large() { length } else { 0 };
    for place in 0..prefetched {
        lookup.prefetch_tags(&queue.candidates(place));
    }
}

/// Phase three: matches control octets, and prefetches the slots behind them.
#[inline(always)]
fn probe<I: Instructions, K: FlowKey>(
    set: I,
    queue: &mut Queue<K>,
    step: Range<usize>,
    lookup: Lookup<'_>,
    slots: &[Slot<K>],
) {
    for place in step {
        let candidates = queue.candidates(place);
        queue.probed[place] = match lookup.probe(set, &candidates) {
            Some(slot) => {
                prefetch_slot(slots, slot);
                slot
            }
            None => {
                lookup.prefetch_stamps(&candidates);
                SlotIndex::NONE
            }
        };
    }
}

/// Phase four where some packets count as several; out of line, so that the usual case stays small.
#[inline(never)]
fn count_superframes<K: FlowKey, P: Packets>(
    queue: &Queue<K>,
    step: Range<usize>,
    deferred: &mut Deferred,
    batch: &Batch<P>,
    slots: &mut [Slot<K>],
    test: Test,
) -> Tally {
    count::<true, _, _>(queue, step, deferred, batch, slots, test)
}

/// Phase four: counts packets into their flows, except those that are deferred. Returns the total of
/// all of them, each as one packet.
#[inline(always)]
fn count<const SUPERFRAMES: bool, K: FlowKey, P: Packets>(
    queue: &Queue<K>,
    step: Range<usize>,
    deferred: &mut Deferred,
    batch: &Batch<P>,
    slots: &mut [Slot<K>],
    test: Test,
) -> Tally {
    let mut total = 0;
    let packets = step.len() as u64;
    for place in step {
        let octets = queue.octets[place];
        total += u64::from(octets);
        let (time, uptime) = batch.packets.times(queue.numbers[place] as usize);
        match slots.get_mut(queue.probed[place].number()) {
            Some(slot) if slot.holds(&queue.keys[place]) => {
                if test.needs_more(&slot.flow, time, uptime) {
                    slot.flow.defer();
                    deferred.add(place);
                    continue;
                }
                let packets = if SUPERFRAMES { queue.packets[place] } else { 1 };
                slot.flow
                    .count(packets, octets, queue.tcp_flags[place], uptime);
            }
            _ => deferred.add(place),
        }
    }
    Tally {
        packets,
        octets: total,
    }
}
