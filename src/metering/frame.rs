// SPDX-License-Identifier: Apache-2.0
//! A frame's way through the table: parse, hash, prefetch, probe, update.
//!
//! Each phase runs over the whole frame, so that the memory that the next one needs is on
//! its way. It knows nothing of timeouts beyond asking [`Timeouts`](super::expiration::Timeouts).

use bytemuck::Zeroable;

use super::export::Export;
use super::flow_key::{FlowKey, Ipv4Key, Ipv6Key, L2Key};
use super::flow_record::{EndReason, Flow};
use super::flow_table::group::{Instructions, prefetch};
use super::flow_table::{Candidates, FlowTable, Place, Slot, SlotIndex};
use super::ignored::IgnoredReason;
use super::process::Shared;
use super::statistics::{Statistics, Tally};
use super::plain::plain_ipv4;
use crate::packet::{Dissection, Headers, Packet, dissect};
use crate::time::Uptime;

/// Packets in a frame at most, as in VPP.
pub(super) const FRAME: usize = 256;

/// How many packets ahead their headers are asked for: enough to cover the time that one
/// header takes from memory (`benches/metering.rs`).
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
    /// Packets whose flow was not where the probe's first match pointed.
    misses: [u8; FRAME],
}

/// One packet between the phases.
#[derive(Clone, Copy)]
struct Pending<K: FlowKey> {
    headers: Headers<K>,
    candidates: Candidates,
    /// The slots that the probe asked for.
    probed: [SlotIndex; 2],
    /// Which packet of the frame it is.
    packet: u16,
}

impl Frame {
    /// Phase one: headers are read.
    #[inline(always)]
    pub(super) fn parse(&mut self, packets: &[Packet<'_>], l2: bool, statistics: &mut Statistics) {
        self.ipv4.length = 0;
        self.ipv6.length = 0;
        self.l2.length = 0;
        let mut octets = 0;
        for (number, packet) in packets.iter().enumerate() {
            if let Some(next) = packets.get(number + AHEAD) {
                prefetch(next.data.as_ptr());
            }
            octets += u64::from(match plain_ipv4(packet) {
                Some(headers) => self.ipv4.push(number, headers),
                None => self.parse_any(number, packet, l2, statistics),
            });
        }
        statistics.observed += Tally {
            packets: packets.len() as u64,
            octets,
        };
    }

    /// Queues or ignores any packet; tells its octets.
    #[inline(never)]
    fn parse_any(
        &mut self,
        number: usize,
        packet: &Packet<'_>,
        l2: bool,
        statistics: &mut Statistics,
    ) -> u32 {
        let (reason, octets) = match dissect(packet) {
            Dissection::Ipv4(headers) => return self.ipv4.push(number, headers),
            Dissection::Ipv6(headers) => return self.ipv6.push(number, headers),
            Dissection::NonIp(headers) if l2 => return self.l2.push(number, headers),
            Dissection::NonIp(headers) => (IgnoredReason::NonIp, headers.octets),
            Dissection::Ignored(reason) => (reason, packet.length),
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
            misses: [0; FRAME],
        }
    }
}

impl<K: FlowKey> Queue<K> {
    /// Queues packet `number`; tells its octets.
    #[inline(always)]
    fn push(&mut self, number: usize, headers: Headers<K>) -> u32 {
        if let Some(pending) = self.pending.get_mut(self.length) {
            pending.headers = headers;
            pending.packet = number as u16;
            self.length += 1;
        }
        headers.octets
    }

    /// The other phases: keys are hashed and their control octets asked for; these are
    /// matched and slots asked for; then each packet is counted into its flow, which is
    /// begun where there was none.
    #[inline(always)]
    pub(super) fn meter<I: Instructions, E: Export<K>>(
        &mut self,
        packets: &[Packet<'_>],
        table: &mut FlowTable<K>,
        shared: &mut Shared,
        export: &mut E,
    ) {
        let pending = &mut self.pending[..self.length];
        for pending in pending.iter_mut() {
            pending.candidates = table.candidates::<I>(&shared.seed, &pending.headers.key);
            table.prefetch_tags(&pending.candidates);
        }
        for pending in pending.iter_mut() {
            pending.probed = table.probe::<I>(&pending.candidates);
        }
        let Some(now) = packets.last().map(|packet| packet.uptime) else {
            return;
        };
        let mut octets = 0;
        let mut misses = 0;
        for (number, pending) in pending.iter().enumerate() {
            octets += u64::from(pending.headers.octets);
            match table.slot_of_key(pending.probed[0], &pending.headers.key) {
                Some(slot) => count(slot, pending, packets, shared, export),
                None => {
                    self.misses[misses % FRAME] = number as u8;
                    misses += 1;
                }
            }
        }
        for number in &self.misses[..misses.min(FRAME)] {
            let pending = &pending[usize::from(*number)];
            let key = &pending.headers.key;
            let index = if table.holds(pending.probed[1], key) {
                pending.probed[1]
            } else if let Some(index) = table.find::<I>(&pending.candidates, key) {
                // Begun earlier in this frame, or behind other keys with its tag.
                index
            } else {
                begin::<I, K, E>(pending, packets, now, table, shared, export)
            };
            count(&mut table[index], pending, packets, shared, export);
        }
        shared.statistics.metered += Tally {
            packets: pending.len() as u64,
            octets,
        };
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
            candidates: Candidates::default(),
            probed: [SlotIndex::NONE; 2],
            packet: 0,
        }
    }
}

/// Counts one packet into its flow.
#[inline(always)]
fn count<K: FlowKey, E: Export<K>>(
    slot: &mut Slot<K>,
    pending: &Pending<K>,
    packets: &[Packet<'_>],
    shared: &mut Shared,
    export: &mut E,
) {
    let packet = &packets[usize::from(pending.packet)];
    if shared.timeouts.may_be_due(&slot.flow, packet.uptime) {
        settle(slot, &pending.headers, packet, shared, export);
    }
    slot.flow.add(
        packet.time,
        packet.uptime,
        pending.headers.octets,
        pending.headers.tcp_flags,
    );
}

/// Begins the flow of a packet that has none, and makes room for it if need be.
#[inline(always)]
fn begin<I: Instructions, K: FlowKey, E: Export<K>>(
    pending: &Pending<K>,
    packets: &[Packet<'_>],
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
    let packet = &packets[usize::from(pending.packet)];
    let slot = Slot {
        key: pending.headers.key,
        flow: Flow::new(packet, pending.headers.type_of_service),
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
    if shared.offer(slot, reason, export).is_err() {
        shared.statistics.lost.count(slot.flow.tally());
    }
}

/// Makes the record that a flow owes before it counts `packet`, and begins it anew where
/// that ended it.
#[cold]
#[inline(never)]
fn settle<K: FlowKey, E: Export<K>>(
    slot: &mut Slot<K>,
    headers: &Headers<K>,
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
        slot.flow = Flow::new(packet, headers.type_of_service);
        slot.attributes = headers.attributes;
        shared.statistics.flows += 1;
    } else {
        slot.flow.resume(packet.time);
    }
}
