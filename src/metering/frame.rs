// SPDX-License-Identifier: Apache-2.0
//! A frame's way through the table: parse, hash, probe, count.
//!
//! Headers are read first, of the whole frame; the other phases go through it in steps, so
//! that the memory that one needs has been asked for by the one before. It knows nothing of
//! timeouts beyond asking [`Timeouts`](super::expiration::Timeouts).

use core::ops::Range;

use bytemuck::Zeroable;

use super::export::Export;
use super::flow_key::{FlowKey, Ipv4Key, Ipv6Key, L2Key};
use super::flow_record::{EndReason, Flow};
use super::flow_table::group::{Instructions, Seed};
use super::flow_table::{Candidates, FlowTable, Place, Slot, SlotIndex};
use super::ignored::IgnoredReason;
use super::plain::plain_ipv4;
use super::process::Shared;
use super::statistics::{Statistics, Tally};
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

/// One packet between the phases: of IPv4 a cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Pending<K: FlowKey> {
    pub(super) headers: Headers<K>,
    pub(super) time: Timestamp,
    pub(super) uptime: Uptime,
    pub(super) vrf: u32,
    candidates: Candidates,
    /// The slot that the probe found.
    probed: SlotIndex,
}

impl Frame {
    /// Phase one: headers are read, of the packets with these numbers.
    #[inline(always)]
    pub(super) fn parse<P: Packets + ?Sized>(
        &mut self,
        packets: &P,
        numbers: Range<usize>,
        l2: bool,
        statistics: &mut Statistics,
    ) {
        // The length of the queue that most packets go to stays in a register.
        let mut ipv4 = 0;
        self.ipv6.length = 0;
        self.l2.length = 0;
        let mut octets = 0;
        for number in numbers.clone() {
            packets.prefetch(number + AHEAD);
            let packet = packets.packet(number);
            octets += u64::from(match plain_ipv4(&packet) {
                Some(headers) => self.ipv4.put(&mut ipv4, &packet, headers),
                None => {
                    self.ipv4.length = ipv4;
                    let octets = self.parse_any(&packet, l2, statistics);
                    ipv4 = self.ipv4.length;
                    octets
                }
            });
        }
        self.ipv4.length = ipv4;
        statistics.observed += Tally {
            packets: numbers.len() as u64,
            octets,
        };
    }

    /// Queues or ignores any packet; tells its octets.
    #[inline(never)]
    fn parse_any(&mut self, packet: &Packet<'_>, l2: bool, statistics: &mut Statistics) -> u32 {
        let (reason, octets) = match dissect(packet) {
            Dissection::Ipv4(headers) => return self.ipv4.push(packet, headers),
            Dissection::Ipv6(headers) => return self.ipv6.push(packet, headers),
            Dissection::NonIp(headers) if l2 => return self.l2.push(packet, headers),
            Dissection::NonIp(headers) => (IgnoredReason::NonIp, headers.octets),
            Dissection::Ignored(reason) => (reason, packet.octets_on_wire()),
        };
        statistics.ignored[reason as usize] += Tally::packet(octets);
        octets
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
    /// Queues a packet; tells its octets.
    fn push(&mut self, packet: &Packet<'_>, headers: Headers<K>) -> u32 {
        let mut length = self.length;
        let octets = self.put(&mut length, packet, headers);
        self.length = length;
        octets
    }

    #[inline(always)]
    fn put(&mut self, length: &mut usize, packet: &Packet<'_>, headers: Headers<K>) -> u32 {
        if let Some(pending) = self.pending.get_mut(*length) {
            pending.headers = headers;
            pending.time = packet.time;
            pending.uptime = packet.uptime;
            pending.vrf = packet.point.vrf;
            *length += 1;
        }
        headers.octets
    }

    /// The other phases, each a step behind the one before: while a step is counted, the
    /// slots of the next are on their way from memory, and the control octets of the one
    /// after.
    #[inline(always)]
    pub(super) fn meter<I: Instructions, E: Export<K>>(
        &mut self,
        table: &mut FlowTable<K>,
        shared: &mut Shared,
        export: &mut E,
    ) {
        let Some(queue) = self.pending.get_mut(..self.length) else {
            return;
        };
        let steps = queue.len().div_ceil(STEP);
        let step = |number: usize| number * STEP..self.length.min((number + 1) * STEP);
        for number in 0..steps + 2 {
            if number < steps {
                hash::<I, K>(&mut queue[step(number)], table, &shared.seed);
            }
            if (1..=steps).contains(&number) {
                probe::<I, K>(&mut queue[step(number - 1)], table);
            }
            if number >= 2 {
                count::<I, K, E>(&queue[step(number - 2)], table, shared, export);
            }
        }
    }
}

impl<K: FlowKey> Pending<K> {
    fn empty() -> Self {
        Self {
            headers: Headers {
                key: K::zeroed(),
                octets: 0,
                type_of_service: 0,
                tcp_flags: 0,
                attributes: K::Attributes::zeroed(),
            },
            time: Timestamp::default(),
            uptime: Uptime::default(),
            vrf: 0,
            candidates: Candidates::default(),
            probed: SlotIndex::NONE,
        }
    }
}

/// Phase two: keys are hashed, and the control octets of their groups asked for.
#[inline(always)]
fn hash<I: Instructions, K: FlowKey>(step: &mut [Pending<K>], table: &FlowTable<K>, seed: &Seed) {
    // Copies, so that they stay in registers.
    let (seed, lookup) = (*seed, table.lookup());
    for pending in step {
        let hash = I::hash(&seed, pending.headers.key.words().as_ref());
        pending.candidates = lookup.candidates(hash);
        lookup.prefetch_tags(&pending.candidates);
    }
}

/// Phase three: control octets are matched, and what is behind them asked for.
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

/// Phase four: each packet is counted into its flow, which is begun where there was none.
#[inline(always)]
fn count<I: Instructions, K: FlowKey, E: Export<K>>(
    step: &[Pending<K>],
    table: &mut FlowTable<K>,
    shared: &mut Shared,
    export: &mut E,
) {
    let Some(last) = step.last() else { return };
    // Packets that need more than counting wait, so that this loop calls nothing. All later
    // packets of their flow wait behind them: nothing here changes that flow, and what is due
    // stays due.
    let mut waiting = [0; STEP];
    let mut waits = 0;
    let mut octets = 0;
    let timeouts = shared.timeouts;
    let slots = table.slots_mut();
    for (number, pending) in step.iter().enumerate() {
        octets += u64::from(pending.headers.octets);
        match slots.get_mut(pending.probed.number()) {
            Some(slot)
                if slot.holds(&pending.headers.key)
                    && !timeouts.may_be_due(&slot.flow, pending.uptime) =>
            {
                slot.flow.add(pending);
            }
            _ => {
                waiting[waits % STEP] = number as u8;
                waits += 1;
            }
        }
    }
    shared.statistics.metered += Tally {
        packets: step.len() as u64,
        octets,
    };
    // Flows may have been seen after the packet that waited.
    let now = last.uptime;
    let waiting = waiting.iter().take(waits);
    let waiting = waiting.map(|number| &step[usize::from(*number)]);
    for pending in waiting.clone() {
        if pending.probed == SlotIndex::NONE {
            table.prefetch_place::<I>(&pending.candidates, now);
        }
    }
    for pending in waiting {
        let index = match table.find::<I>(&pending.candidates, &pending.headers.key) {
            Some(index) => index,
            None => begin::<I, K, E>(pending, now, table, shared, export),
        };
        let slot = &mut table[index];
        if shared.timeouts.may_be_due(&slot.flow, pending.uptime) {
            settle(slot, pending, shared, export);
        }
        slot.flow.add(pending);
    }
}

/// Begins the flow of a packet that has none, and makes room for it if need be.
#[inline(always)]
fn begin<I: Instructions, K: FlowKey, E: Export<K>>(
    pending: &Pending<K>,
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
        key: pending.headers.key,
        flow: Flow::new(pending),
        attributes: pending.headers.attributes,
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
    if let Err(why) = shared.offer(slot, reason, export) {
        shared.statistics.lost[why as usize].count(slot.flow.tally());
    }
}

/// Makes the record that a flow owes before it counts a packet, and begins it anew where
/// that ended it.
#[cold]
#[inline(never)]
fn settle<K: FlowKey, E: Export<K>>(
    slot: &mut Slot<K>,
    pending: &Pending<K>,
    shared: &mut Shared,
    export: &mut E,
) {
    let due = shared.timeouts.due(&slot.flow, pending.uptime);
    if let Some(reason) = due.record {
        if shared.offer(slot, reason, export).is_err() {
            // The flow goes on and is tried again.
            return;
        }
        slot.flow.clear();
    }
    if due.leaves {
        slot.flow = Flow::new(pending);
        slot.attributes = pending.headers.attributes;
        shared.statistics.flows += 1;
    } else {
        slot.flow.resume(pending.time);
    }
}
