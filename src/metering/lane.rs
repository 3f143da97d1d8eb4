// SPDX-License-Identifier: Apache-2.0
//! The packets of one kind in a frame, and their way through the phases.
//!
//! Each phase is a short loop, whose values fit in registers, and asks for the memory that the
//! next one needs. Packets that need more than counting are left to [`wait`](super::waiting::wait).
//! It knows nothing of timeouts beyond asking [`Timeouts`].

use bytemuck::Zeroable;

use super::expiration::Timeouts;
use super::flow_key::FlowKey;
use super::flow_table::group::{Instructions, Seed};
use super::flow_table::{Candidates, FlowTable, Lookup, Slot, SlotIndex, prefetch_slot};
use super::frame::{FRAME, Framed};
use super::process::Shared;
use super::statistics::Tally;
use crate::packet::{Headers, Packet, Packets};

/// Packets that go through a phase together: as many cache misses as a core has under way at a
/// time. With 64, 1 M flows took half as much time again (`benches/record/`).
pub(super) const STEP: usize = 16;

/// How many packets ahead their headers are asked for: enough to cover the time that one
/// header takes from memory (`benches/metering/`).
const AHEAD: usize = 8;

/// Room for packets that wait for one table.
pub(super) struct Queue<K: FlowKey>(Box<[Pending<K>; FRAME]>);

/// One packet between the phases. Times and the like are asked of [`Packets`] again where they
/// are needed: a host knows them without looking, or has them in a cache.
#[derive(Clone, Copy)]
pub(super) struct Pending<K: FlowKey> {
    pub(super) key: K,
    pub(super) octets: u32,
    /// Its number in the call.
    pub(super) number: u32,
    pub(super) candidates: Candidates,
    pub(super) tcp_flags: u8,
    pub(super) type_of_service: u8,
    pub(super) attributes: K::Attributes,
    /// The slot that the probe found.
    pub(super) probed: SlotIndex,
}

/// One kind of packets of a frame, and the table to which they go.
pub(super) struct Lane<'q, 't, K: FlowKey> {
    pending: &'q mut [Pending<K>; FRAME],
    /// Packets in the queue; never more than the frame's.
    length: usize,
    lookup: Lookup<'t>,
    slots: &'t mut [Slot<K>],
}

impl<'q, 't, K: FlowKey> Lane<'q, 't, K> {
    #[inline(always)]
    pub(super) fn new(queue: &'q mut Queue<K>, table: &'t mut FlowTable<K>) -> Self {
        let (lookup, slots) = table.parts();
        Self {
            pending: &mut queue.0,
            length: 0,
            lookup,
            slots,
        }
    }

    /// Phase one: packets from `number` on are read while `read` can, their keys hashed, and the
    /// control octets of their groups asked for. Tells their octets.
    #[inline(always)]
    pub(super) fn run<I: Instructions, P: Packets + ?Sized>(
        &mut self,
        framed: &Framed<'_, P>,
        number: &mut usize,
        seed: &Seed,
        read: impl Fn(&Packet<'_>) -> Option<Headers<K>>,
    ) -> u64 {
        let (start, lookup) = (*number, self.lookup);
        let end = self.length + framed.numbers.end.saturating_sub(start);
        let room = self.pending.get_mut(self.length..end).unwrap_or_default();
        let (mut next, mut octets) = (start, 0);
        for pending in room {
            framed.packets.prefetch(next + AHEAD);
            let Some(headers) = read(&framed.packets.packet(next)) else {
                break;
            };
            octets += u64::from(headers.octets);
            pending.fill::<I>(next, headers, lookup, seed);
            next += 1;
        }
        self.length += next - start;
        *number = next;
        octets
    }

    /// The same for one packet with these headers.
    #[inline(always)]
    pub(super) fn push<I: Instructions>(
        &mut self,
        number: usize,
        seed: &Seed,
        headers: Headers<K>,
    ) -> u32 {
        if let Some(pending) = self.pending.get_mut(self.length) {
            pending.fill::<I>(number, headers, self.lookup, seed);
            self.length += 1;
        }
        headers.octets
    }

    /// The other phases, in steps, one behind the other: while a step is counted, the slots of
    /// the next are on their way from memory. Returns the packets that wait.
    #[inline(always)]
    pub(super) fn finish<I: Instructions, P: Packets + ?Sized>(
        self,
        framed: &Framed<'_, P>,
        shared: &mut Shared,
    ) -> &'q mut [Pending<K>] {
        let Self {
            pending: queue,
            length,
            lookup,
            slots,
        } = self;
        let steps = length.div_ceil(STEP);
        let step = |number: usize| number * STEP..length.min((number + 1) * STEP);
        let mut waiting = Waiting::default();
        for number in 0..=steps {
            if number < steps {
                probe::<I, K>(&mut queue[step(number)], lookup, slots);
            }
            if number > 0 {
                let (step, timeouts) = (step(number - 1), shared.timeouts);
                let first = step.start;
                shared.statistics.metered +=
                    count(&queue[step], first, &mut waiting, framed, slots, timeouts);
            }
        }
        waiting.gather(queue)
    }
}

/// The packets of a queue that wait, by their places.
struct Waiting {
    places: [u8; FRAME],
    length: usize,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            places: [0; FRAME],
            length: 0,
        }
    }
}

impl Waiting {
    /// Brings them to the front of the queue.
    #[inline(always)]
    fn gather<'q, K: FlowKey>(&self, queue: &'q mut [Pending<K>; FRAME]) -> &'q mut [Pending<K>] {
        let places = self.places.get(..self.length).unwrap_or_default();
        for (to, from) in places.iter().enumerate() {
            queue[to % FRAME] = queue[usize::from(*from)];
        }
        queue.get_mut(..places.len()).unwrap_or_default()
    }
}

impl<K: FlowKey> Pending<K> {
    /// Field by field: written as a whole it went through memory once more.
    #[inline(always)]
    fn fill<I: Instructions>(
        &mut self,
        number: usize,
        headers: Headers<K>,
        lookup: Lookup<'_>,
        seed: &Seed,
    ) {
        let hash = I::hash(seed, headers.key.words().as_ref());
        self.candidates = lookup.candidates(hash);
        lookup.prefetch_tags(&self.candidates);
        self.key = headers.key;
        self.octets = headers.octets;
        self.number = number as u32;
        self.tcp_flags = headers.tcp_flags;
        self.type_of_service = headers.type_of_service;
        self.attributes = headers.attributes;
    }
}

/// Phase two: control octets are matched, and what is behind them asked for.
#[inline(always)]
fn probe<I: Instructions, K: FlowKey>(
    step: &mut [Pending<K>],
    lookup: Lookup<'_>,
    slots: &[Slot<K>],
) {
    for pending in step {
        pending.probed = match lookup.probe::<I>(&pending.candidates) {
            Some(slot) => {
                prefetch_slot(slots, slot);
                slot
            }
            None => {
                lookup.prefetch_stamps(&pending.candidates);
                SlotIndex::NONE
            }
        };
    }
}

/// Phase three: packets are counted into their flows, but for those that wait. Tells what all of
/// them amount to.
#[inline(always)]
fn count<K: FlowKey, P: Packets + ?Sized>(
    step: &[Pending<K>],
    first: usize,
    waiting: &mut Waiting,
    framed: &Framed<'_, P>,
    slots: &mut [Slot<K>],
    timeouts: Timeouts,
) -> Tally {
    let mut octets = 0;
    for (place, pending) in (first..).zip(step) {
        octets += u64::from(pending.octets);
        let (time, uptime) = framed.times(pending);
        match slots.get_mut(pending.probed.number()) {
            Some(slot) if slot.holds(&pending.key) && !timeouts.may_be_due(&slot.flow, uptime) => {
                slot.flow
                    .add(pending.octets, pending.tcp_flags, time, uptime);
            }
            _ => {
                waiting.places[waiting.length % FRAME] = place as u8;
                waiting.length += 1;
            }
        }
    }
    Tally {
        packets: step.len() as u64,
        octets,
    }
}

impl<K: FlowKey> Default for Queue<K> {
    fn default() -> Self {
        let empty = Pending {
            key: K::zeroed(),
            octets: 0,
            number: 0,
            candidates: Candidates::default(),
            tcp_flags: 0,
            type_of_service: 0,
            attributes: K::Attributes::zeroed(),
            probed: SlotIndex::NONE,
        };
        Self(Box::new([empty; FRAME]))
    }
}
