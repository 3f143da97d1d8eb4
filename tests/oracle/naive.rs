// SPDX-License-Identifier: Apache-2.0
//! Metering as one would write it first: a list of packets for each flow, and deadlines.

use std::collections::HashMap;

use flowmeter::flow::{Ipv4Key, Ipv6Key, L2Key};
use flowmeter::metering::{EndReason, FlowKey, FlowRecord, Tally};

use super::traffic::{Key, Kind, Millis, Sent};

/// A record, comparable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Record {
    pub(crate) key: Key,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) packets: u64,
    pub(crate) octets: u64,
    vrf_ids: [u32; 2],
    type_of_service: u8,
    tcp_flags: u8,
    pub(crate) end_reason: EndReason,
}

impl Record {
    pub(crate) fn from_flow_record<K: FlowKey>(record: &FlowRecord<K>) -> Self {
        let octets = bytemuck::bytes_of(&record.key);
        let (kind, id) = match size_of::<K>() {
            size if size == size_of::<Ipv6Key>() => (Kind::Ipv6, [octets[14], octets[15]]),
            _ => {
                let l2: &L2Key = bytemuck::from_bytes(octets);
                let ipv4: &Ipv4Key = bytemuck::from_bytes(octets);
                match l2.observed.protocol {
                    0x88b5 => (Kind::L2, [l2.destination[4], l2.destination[5]]),
                    _ => (Kind::Ipv4, ipv4.ports.source),
                }
            }
        };
        Self {
            key: (kind, u16::from_be_bytes(id)),
            start: record.start.as_millis(),
            end: record.end.as_millis(),
            packets: record.packets,
            octets: record.octets,
            vrf_ids: [record.ingress_vrf, record.egress_vrf],
            type_of_service: record.type_of_service,
            tcp_flags: record.tcp_flags,
            end_reason: record.end_reason,
        }
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally {
            packets: self.packets,
            octets: self.octets,
        }
    }
}

/// A flow with all its packets since the last record.
#[derive(Clone)]
struct Flow {
    first: Sent,
    packets: Vec<Sent>,
    seen: u64,
    ended: bool,
}

/// Milliseconds after FIN or RST.
const LINGER: u64 = 1000;

/// The latest time that records have room for.
const LATEST: u64 = (1 << 48) - 1;
/// How far the time at a record's end may be behind what uptime says, and how long a record may be
/// that can't be exported.
const MAX_LAG: i64 = 65_535;
const MAX_REACH: i64 = 1 << 31;

/// Where the packets of a record are, on both clocks.
struct Extent {
    start: i64,
    end: i64,
    /// From the start to the time that belongs to the latest packet's uptime.
    reach: i64,
}

impl Extent {
    /// Of packets of which none is before the one that it follows, by uptime.
    fn of<'a>(packets: impl Iterator<Item = &'a Sent>) -> Self {
        let both = packets.map(|packet| (packet.time as i64, packet.uptime as i64));
        let both: Vec<_> = both.collect();
        let start = both.iter().map(|(time, _)| *time).min().unwrap();
        let end = both.iter().map(|(time, _)| *time).max().unwrap();
        let ahead = both
            .iter()
            .map(|(time, uptime)| time - uptime)
            .max()
            .unwrap();
        let (_, seen) = both.last().unwrap();
        Self {
            start,
            end,
            reach: seen + ahead - start,
        }
    }

    fn is_representable(&self) -> bool {
        self.reach < MAX_REACH && self.reach - (self.end - self.start) <= MAX_LAG
    }
}

/// A packet with a time that records have room for.
fn representable(packet: &Sent) -> Sent {
    let mut packet = packet.clone();
    packet.time = packet.time.min(LATEST);
    packet
}

impl Flow {
    fn new(first: &Sent) -> Self {
        Self {
            first: first.clone(),
            packets: Vec::new(),
            seen: first.uptime,
            ended: false,
        }
    }

    fn add(&mut self, packet: &Sent) {
        let mut packet = representable(packet);
        if !self.with(&packet).is_representable() {
            // The record's own clock decides.
            let Extent { start, reach, .. } = self.extent();
            let passed = packet.uptime - self.seen;
            packet.time = (start + reach) as u64 + passed;
        }
        self.seen = packet.uptime;
        self.ended |= packet.tcp_flags & 0x05 != 0;
        self.packets.push(packet);
    }

    fn extent(&self) -> Extent {
        Extent::of(self.packets.iter())
    }

    /// The extent with one more packet.
    fn with(&self, packet: &Sent) -> Extent {
        Extent::of(self.packets.iter().chain([&representable(packet)]))
    }

    fn record(&mut self, end_reason: EndReason) -> Record {
        let Extent { start, end, .. } = self.extent();
        let record = Record {
            key: self.first.key(),
            start: start as u64,
            end: end as u64,
            packets: self.packets.len() as u64,
            octets: self
                .packets
                .iter()
                .map(|packet| u64::from(packet.octets()))
                .sum(),
            vrf_ids: match self.first.key().0 {
                Kind::Ipv4 => self.first.vrf_ids(),
                Kind::Ipv6 => self.first.vrf_ids().map(|id| id + 1),
                Kind::L2 => [0; 2],
            },
            type_of_service: self.first.type_of_service,
            tcp_flags: self
                .packets
                .iter()
                .fold(0, |flags, packet| flags | packet.tcp_flags),
            end_reason,
        };
        self.packets.clear();
        record
    }

    /// The record that is due at `now`, and whether the flow is over.
    fn expire(&mut self, now: u64, timeouts: Millis) -> (Option<Record>, bool) {
        let idle = if self.ended {
            timeouts.idle.min(LINGER)
        } else {
            timeouts.idle
        };
        let over_at = self.seen + idle;
        let over = over_at <= now;
        if self.packets.is_empty() {
            return (None, over);
        }
        let active_at = self.seen as i64 - self.extent().reach + timeouts.active as i64;
        let reason = if active_at <= now as i64 && (!over || active_at < over_at as i64) {
            EndReason::ActiveTimeout
        } else if over && self.ended {
            EndReason::EndOfFlow
        } else if over {
            EndReason::IdleTimeout
        } else {
            return (None, false);
        };
        (Some(self.record(reason)), over)
    }

    /// The record that is due before the flow counts `packet`, and whether the flow is over.
    fn expire_before(&mut self, packet: &Sent, timeouts: Millis) -> (Option<Record>, bool) {
        let (mut record, mut over) = self.expire(packet.uptime, timeouts);
        if self.ended && packet.tcp_flags & 0x02 != 0 {
            over = true;
            if !self.packets.is_empty() {
                record = Some(self.record(EndReason::EndOfFlow));
            }
        }
        if !self.packets.is_empty() {
            let extent = self.with(packet);
            let duration = extent.end - extent.start;
            if duration >= timeouts.active as i64 || !extent.is_representable() {
                record = Some(self.record(EndReason::ActiveTimeout));
            }
        }
        (record, over)
    }
}

/// Room for every flow.
pub(crate) struct NaiveMap {
    timeouts: Millis,
    flows: HashMap<Key, Flow>,
    records: Vec<Record>,
}

impl NaiveMap {
    pub(crate) fn new(timeouts: Millis) -> Self {
        Self {
            timeouts,
            flows: HashMap::new(),
            records: Vec::new(),
        }
    }

    pub(crate) fn observe(&mut self, packet: &Sent) {
        self.observe_with(packet, false);
    }

    /// Where the gate is closed, a flow that owes a record goes on owing it.
    pub(crate) fn observe_with(&mut self, packet: &Sent, closed: bool) {
        let flow = self
            .flows
            .entry(packet.key())
            .or_insert_with(|| Flow::new(packet));
        if !closed || flow.packets.is_empty() {
            let (record, over) = flow.expire_before(packet, self.timeouts);
            self.records.extend(record);
            if over {
                *flow = Flow::new(packet);
            }
        }
        flow.add(packet);
    }

    /// Packets of one flow between which nothing can be due.
    pub(crate) fn observe_together(&mut self, packets: &[Sent]) {
        let Some((first, others)) = packets.split_first() else {
            return;
        };
        self.observe(first);
        if let Some(flow) = self.flows.get_mut(&first.key()) {
            others.iter().for_each(|packet| flow.add(packet));
        }
    }

    /// Where the gate was closed before, what is due may not have been exported.
    pub(crate) fn sweep(&mut self, last: &Sent) {
        let (timeouts, records) = (self.timeouts, &mut self.records);
        self.flows.retain(|_, flow| {
            let (record, over) = flow.expire(last.uptime, timeouts);
            records.extend(record);
            !over
        });
    }

    /// The record of each flow that has packets, as if it ended now.
    pub(crate) fn show(&self) -> Vec<Record> {
        let flows = self.flows.values().filter(|flow| !flow.packets.is_empty());
        let mut records: Vec<_> = flows
            .map(|flow| flow.clone().record(EndReason::ForcedEnd))
            .collect();
        records.sort();
        records
    }

    pub(crate) fn finish(mut self, last: Option<&Sent>) -> Vec<Record> {
        let now = last.map_or(0, |packet| packet.uptime);
        for flow in self.flows.values_mut() {
            end(flow, now, self.timeouts, &mut self.records);
        }
        self.records.sort();
        self.records
    }
}

fn end(flow: &mut Flow, now: u64, timeouts: Millis, records: &mut Vec<Record>) {
    let (record, _) = flow.expire(now, timeouts);
    records.extend(record);
    if !flow.packets.is_empty() {
        records.push(flow.record(EndReason::ForcedEnd));
    }
}

/// Sixteen slots for each kind of flow.
pub(crate) struct NaiveTable {
    timeouts: Millis,
    slots: HashMap<Kind, [Option<Flow>; 16]>,
    records: Vec<Record>,
}

impl NaiveTable {
    pub(crate) fn new(timeouts: Millis) -> Self {
        Self {
            timeouts,
            slots: HashMap::new(),
            records: Vec::new(),
        }
    }

    pub(crate) fn observe(&mut self, packet: &Sent) {
        let (now, timeouts) = (packet.uptime, self.timeouts);
        let slots = self.slots.entry(packet.kind).or_default();
        let holds = |slot: &Option<Flow>| {
            slot.as_ref()
                .is_some_and(|flow| flow.first.key() == packet.key())
        };
        let found = slots.iter().position(holds);
        if let Some(index) = found.or_else(|| slots.iter().position(Option::is_none)) {
            let flow = slots[index].get_or_insert_with(|| Flow::new(packet));
            let (record, over) = flow.expire_before(packet, timeouts);
            self.records.extend(record);
            if over {
                *flow = Flow::new(packet);
            }
            flow.add(packet);
            return;
        }
        // `max_by_key` takes the last of equals, so look from the end for the first.
        let idle = |slot: &&mut Option<Flow>| now - slot.as_ref().unwrap().seen;
        let slot = slots.iter_mut().rev().max_by_key(idle).unwrap();
        let flow = slot.as_mut().unwrap();
        if !flow.packets.is_empty() {
            let (record, _) = flow.expire(now, timeouts);
            let record = record.unwrap_or_else(|| flow.record(EndReason::LackOfResources));
            self.records.push(record);
        }
        *flow = Flow::new(packet);
        flow.add(packet);
    }

    pub(crate) fn sweep(&mut self, last: &Sent) {
        for slot in self.slots.values_mut().flatten() {
            let Some(flow) = slot else { continue };
            let (record, over) = flow.expire(last.uptime, self.timeouts);
            self.records.extend(record);
            if over {
                *slot = None;
            }
        }
    }

    pub(crate) fn finish(mut self, last: Option<&Sent>) -> Vec<Record> {
        let now = last.map_or(0, |packet| packet.uptime);
        for flow in self.slots.values_mut().flatten().flatten() {
            end(flow, now, self.timeouts, &mut self.records);
        }
        self.records.sort();
        self.records
    }
}
