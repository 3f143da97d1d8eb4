// SPDX-License-Identifier: Apache-2.0
//! A frame's way through the table: parse, hash, probe, count.
//!
//! Headers are read first, of the whole frame; the other phases go through it in steps, so
//! that the memory that one needs has been asked for by the one before. It knows nothing of
//! timeouts beyond asking [`Timeouts`](super::expiration::Timeouts).

use core::ops::Range;

use bytemuck::Zeroable;

use super::expiration::Timeouts;
use super::export::Export;
use super::flow_key::{FlowKey, Ipv4Key, Ipv6Key, L2Key};
use super::flow_record::{EndReason, Flow};
use super::flow_table::group::{Instructions, Seed};
use super::flow_table::{Candidates, FlowTable, Lookup, Place, Slot, SlotIndex};
use super::ignored::IgnoredReason;
use super::plain::{plain_ipv4, plain_ipv6};
use super::process::{Shared, Tables};
use super::statistics::Tally;
use crate::packet::{Dissection, Headers, Packet, Packets, dissect};
use crate::time::{Timestamp, Uptime};

/// Packets in a frame at most, as in VPP.
pub(super) const FRAME: usize = 256;

/// Packets that go through a phase together: as many cache misses as a core has under way at a
/// time. With 64, 1 M flows took half as much time again (`benches/record/`).
const STEP: usize = 16;

/// How many packets ahead their headers are asked for: enough to cover the time that one
/// header takes from memory (`benches/metering/`).
const AHEAD: usize = 8;

/// The packets of one frame, by the kind of flow that they belong to.
#[derive(Default)]
pub(super) struct Frame {
    pub(super) ipv4: Queue<Ipv4Key>,
    pub(super) ipv6: Queue<Ipv6Key>,
    pub(super) l2: Queue<L2Key>,
}

/// Packets that wait for one table.
pub(super) struct Queue<K: FlowKey> {
    pending: Box<[Pending<K>; FRAME]>,
    length: usize,
}

/// One packet between the phases. Times and the like are asked of [`Packets`] again where they
/// are needed: a host knows them without looking, or has them in a cache.
#[derive(Clone, Copy)]
pub(super) struct Pending<K: FlowKey> {
    key: K,
    octets: u32,
    /// Its number in the call.
    number: u32,
    candidates: Candidates,
    tcp_flags: u8,
    type_of_service: u8,
    attributes: K::Attributes,
    /// The slot that the probe found.
    probed: SlotIndex,
}

/// The packets of one call of which one frame is metered.
pub(super) struct Framed<'a, P: ?Sized> {
    pub(super) packets: &'a P,
    pub(super) numbers: Range<usize>,
}

impl<P: Packets + ?Sized> Framed<'_, P> {
    #[inline(always)]
    fn packet<K: FlowKey>(&self, pending: &Pending<K>) -> Packet<'_> {
        let number = pending.number as usize;
        self.packets.packet(number)
    }

    #[inline(always)]
    fn times<K: FlowKey>(&self, pending: &Pending<K>) -> (Timestamp, Uptime) {
        let number = pending.number as usize;
        self.packets.times(number)
    }
}

impl Frame {
    /// Phase one: headers are read, keys are hashed, and the control octets of their groups
    /// asked for.
    ///
    /// Packets of one kind mostly follow each other, and each kind has a loop of its own: one
    /// loop for all kept so much at hand that most of it was in memory.
    #[inline(always)]
    pub(super) fn parse<I: Instructions, P: Packets + ?Sized>(
        &mut self,
        framed: &Framed<'_, P>,
        tables: &Tables,
        shared: &mut Shared,
    ) {
        let numbers = framed.numbers.clone();
        let mut ipv4 = self.ipv4.fill(tables.ipv4.lookup(), shared.seed);
        let mut ipv6 = self.ipv6.fill(tables.ipv6.lookup(), shared.seed);
        self.l2.length = 0;
        let mut octets = 0;
        let mut number = numbers.start;
        loop {
            let before = number;
            octets += ipv4.run::<I, P>(framed, &mut number, plain_ipv4);
            octets += ipv6.run::<I, P>(framed, &mut number, plain_ipv6);
            if number >= numbers.end {
                break;
            }
            if number > before {
                continue;
            }
            let packet = framed.packets.packet(number);
            octets += u64::from(match (dissect_any(&packet), &tables.l2) {
                (Dissection::Ipv4(headers), _) => ipv4.put::<I>(number, headers),
                (Dissection::Ipv6(headers), _) => ipv6.put::<I>(number, headers),
                (Dissection::NonIp(headers), Some(table)) => {
                    let mut l2 = self.l2.fill_on(table.lookup(), shared.seed);
                    l2.put::<I>(number, headers);
                    self.l2.length = l2.length;
                    headers.octets
                }
                (Dissection::NonIp(headers), None) => shared
                    .statistics
                    .ignore(IgnoredReason::NonIp, headers.octets),
                (Dissection::Ignored(reason), _) => shared
                    .statistics
                    .ignore(reason, packet.octets_on_wire()),
            });
            number += 1;
        }
        let (ipv4, ipv6) = (ipv4.length, ipv6.length);
        self.ipv4.length = ipv4;
        self.ipv6.length = ipv6;
        shared.statistics.observed += Tally {
            packets: numbers.len() as u64,
            octets,
        };
    }
}

/// Out of line, so that the loop around it stays small.
#[inline(never)]
fn dissect_any(packet: &Packet<'_>) -> Dissection {
    dissect(packet)
}

/// A queue that is being filled.
struct Fill<'a, K: FlowKey> {
    pending: &'a mut [Pending<K>; FRAME],
    /// Never more than the frame's packets, so never more than there is room for.
    length: usize,
    lookup: Lookup<'a, K>,
    seed: Seed,
}

impl<K: FlowKey> Fill<'_, K> {
    /// Queues packets from `number` on while `read` reads them; tells their octets.
    #[inline(always)]
    fn run<I: Instructions, P: Packets + ?Sized>(
        &mut self,
        framed: &Framed<'_, P>,
        number: &mut usize,
        read: impl Fn(&Packet<'_>) -> Option<Headers<K>>,
    ) -> u64 {
        // Copies, so that they stay in registers.
        let (lookup, seed) = (self.lookup, self.seed);
        let (mut next, mut length) = (*number, self.length);
        let mut octets = 0;
        while next < framed.numbers.end {
            framed.packets.prefetch(next + AHEAD);
            let Some(headers) = read(&framed.packets.packet(next)) else {
                break;
            };
            octets += u64::from(headers.octets);
            self.pending[length % FRAME].fill::<I>(headers, next, lookup, &seed);
            length += 1;
            next += 1;
        }
        *number = next;
        self.length = length;
        octets
    }

    /// Queues a packet; tells its octets.
    #[inline(always)]
    fn put<I: Instructions>(&mut self, number: usize, headers: Headers<K>) -> u32 {
        self.pending[self.length % FRAME].fill::<I>(headers, number, self.lookup, &self.seed);
        self.length += 1;
        headers.octets
    }
}

impl<K: FlowKey> Default for Queue<K> {
    fn default() -> Self {
        Self {
            pending: Box::new([Pending::empty(); FRAME]),
            length: 0,
        }
    }
}

impl<K: FlowKey> Queue<K> {
    /// Begins to fill it anew.
    #[inline(always)]
    fn fill<'a>(&'a mut self, lookup: Lookup<'a, K>, seed: Seed) -> Fill<'a, K> {
        self.length = 0;
        self.fill_on(lookup, seed)
    }

    /// Goes on to fill it.
    #[inline(always)]
    fn fill_on<'a>(&'a mut self, lookup: Lookup<'a, K>, seed: Seed) -> Fill<'a, K> {
        Fill {
            pending: &mut self.pending,
            length: self.length,
            lookup,
            seed,
        }
    }

    /// The other phases, each a step behind the one before: while a step is counted, the
    /// slots of the next are on their way from memory.
    #[inline(always)]
    pub(super) fn meter<I: Instructions, P: Packets + ?Sized, E: Export<K>>(
        &mut self,
        framed: &Framed<'_, P>,
        table: &mut FlowTable<K>,
        shared: &mut Shared,
        export: &mut E,
    ) {
        let Some(queue) = self.pending.get_mut(..self.length) else {
            return;
        };
        let steps = queue.len().div_ceil(STEP);
        let step = |number: usize| number * STEP..self.length.min((number + 1) * STEP);
        let mut waiting = Waiting::default();
        for number in 0..=steps {
            if number < steps {
                probe::<I, K>(&mut queue[step(number)], table);
            }
            if number > 0 {
                let step = step(number - 1);
                let first = step.start;
                let octets = count(&queue[step], first, framed, table, shared.timeouts, &mut waiting);
                shared.statistics.metered.octets += octets;
            }
        }
        shared.statistics.metered.packets += queue.len() as u64;
        wait::<I, K, P, E>(queue, &waiting, framed, table, shared, export);
    }
}

/// Packets of a queue that need more than counting, by their places.
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

impl<K: FlowKey> Pending<K> {
    fn empty() -> Self {
        Self {
            key: K::zeroed(),
            octets: 0,
            number: 0,
            tcp_flags: 0,
            type_of_service: 0,
            attributes: K::Attributes::zeroed(),
            candidates: Candidates::default(),
            probed: SlotIndex::NONE,
        }
    }

    /// Field by field: written as wholes they went through memory once more.
    #[inline(always)]
    fn fill<I: Instructions>(
        &mut self,
        headers: Headers<K>,
        number: usize,
        lookup: Lookup<'_, K>,
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
fn probe<I: Instructions, K: FlowKey>(step: &mut [Pending<K>], table: &FlowTable<K>) {
    let lookup = table.lookup();
    for pending in step {
        pending.probed = lookup.probe::<I>(&pending.candidates);
        if pending.probed == SlotIndex::NONE {
            table.prefetch_stamps(&pending.candidates);
        }
    }
}

/// Phase three: each packet is counted into its flow. Those of flows that are new, were not
/// where the first matching tag pointed, or may owe a record wait, so that this loop calls
/// nothing. All later packets of their flow wait behind them: nothing here changes that flow,
/// and what is due stays due. Tells the octets of all.
#[inline(always)]
fn count<K: FlowKey, P: Packets + ?Sized>(
    step: &[Pending<K>],
    first: usize,
    framed: &Framed<'_, P>,
    table: &mut FlowTable<K>,
    timeouts: Timeouts,
    waiting: &mut Waiting,
) -> u64 {
    let mut octets = 0;
    let slots = table.slots_mut();
    for (place, pending) in (first..).zip(step) {
        octets += u64::from(pending.octets);
        let (time, uptime) = framed.times(pending);
        match slots.get_mut(pending.probed.number()) {
            Some(slot)
                if slot.holds(&pending.key) && !timeouts.may_be_due(&slot.flow, uptime) =>
            {
                slot.flow.add(pending.octets, pending.tcp_flags, time, uptime);
            }
            _ => {
                waiting.places[waiting.length % FRAME] = place as u8;
                waiting.length += 1;
            }
        }
    }
    octets
}

/// Phase four: the packets that wait get their flow, which is begun where there is none.
#[inline(always)]
fn wait<I: Instructions, K: FlowKey, P: Packets + ?Sized, E: Export<K>>(
    queue: &[Pending<K>],
    waiting: &Waiting,
    framed: &Framed<'_, P>,
    table: &mut FlowTable<K>,
    shared: &mut Shared,
    export: &mut E,
) {
    let Some(last) = queue.last() else { return };
    // Flows may have been seen after the packet that waited.
    let (_, now) = framed.times(last);
    let places = waiting.places.get(..waiting.length).unwrap_or_default();
    for step in places.chunks(STEP) {
        let step = step.iter().map(|place| &queue[usize::from(*place)]);
        for pending in step.clone() {
            if pending.probed == SlotIndex::NONE {
                table.prefetch_place::<I>(&pending.candidates, now);
            } else {
                table.lookup().prefetch_others::<I>(&pending.candidates);
            }
        }
        for pending in step {
            let index = match table.find::<I>(&pending.candidates, &pending.key) {
                Some(index) => index,
                None => {
                    let packet = framed.packet(pending);
                    begin::<I, K, E>(pending, &packet, now, table, shared, export)
                }
            };
            let slot = &mut table[index];
            let (time, uptime) = framed.times(pending);
            if shared.timeouts.may_be_due(&slot.flow, uptime) {
                settle(slot, pending, &framed.packet(pending), shared, export);
            }
            slot.flow.add(pending.octets, pending.tcp_flags, time, uptime);
        }
    }
}

/// Begins the flow of a packet that has none, and makes room for it if need be.
#[inline(always)]
fn begin<I: Instructions, K: FlowKey, E: Export<K>>(
    pending: &Pending<K>,
    packet: &Packet<'_>,
    now: Uptime,
    table: &mut FlowTable<K>,
    shared: &mut Shared,
    export: &mut E,
) -> SlotIndex {
    let place = table.place::<I>(&pending.candidates, now);
    if let Place::Taken(index) = place {
        give_way(&table[index], now, shared, export);
    }
    shared.statistics.flows += 1;
    let slot = Slot {
        key: pending.key,
        flow: Flow::new(pending.type_of_service, packet),
        attributes: pending.attributes,
    };
    table.write(place, &pending.candidates, slot)
}

/// Makes the last record of a flow whose slot is taken for another.
#[inline(never)]
fn give_way<K: FlowKey, E: Export<K>>(
    slot: &Slot<K>,
    now: Uptime,
    shared: &mut Shared,
    export: &mut E,
) {
    if slot.flow.packets() == 0 {
        return;
    }
    let due = shared.timeouts.due(&slot.flow, now).record;
    let reason = due.unwrap_or(EndReason::LackOfResources);
    if shared.offer(slot, reason, export).is_err() {
        shared.statistics.lost.count(slot.flow.tally());
    }
}

/// Makes the record that a flow owes before it counts a packet, and begins it anew where
/// that ended it.
#[cold]
#[inline(never)]
fn settle<K: FlowKey, E: Export<K>>(
    slot: &mut Slot<K>,
    pending: &Pending<K>,
    packet: &Packet<'_>,
    shared: &mut Shared,
    export: &mut E,
) {
    let due = shared.timeouts.due(&slot.flow, packet.uptime);
    if let Some(reason) = due.record {
        if shared.offer(slot, reason, export).is_err() {
            // The flow goes on and is tried again.
            return;
        }
        slot.flow.clear();
    }
    if due.leaves {
        slot.flow = Flow::new(pending.type_of_service, packet);
        slot.attributes = pending.attributes;
        shared.statistics.flows += 1;
    } else {
        slot.flow.resume(packet.time);
    }
}
