// SPDX-License-Identifier: Apache-2.0
//! The flows with the most octets, from their records, in bounded memory.
//!
//! A flow that was reported in several records is added up, as long as no more flows are
//! going on at a time than the flow table holds.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use flowmeter::flow::{Ipv4Key, Ipv6Key, L2Key};
use flowmeter::metering::{EndReason, FlowKey, FlowRecord};
use flowmeter::time::Timestamp;

/// The key of any flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AnyKey {
    Ipv4(Ipv4Key),
    Ipv6(Ipv6Key),
    L2(L2Key),
}

impl From<Ipv4Key> for AnyKey {
    fn from(key: Ipv4Key) -> Self {
        Self::Ipv4(key)
    }
}

impl From<Ipv6Key> for AnyKey {
    fn from(key: Ipv6Key) -> Self {
        Self::Ipv6(key)
    }
}

impl From<L2Key> for AnyKey {
    fn from(key: L2Key) -> Self {
        Self::L2(key)
    }
}

/// A flow's records, added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TopFlow {
    pub(crate) key: AnyKey,
    pub(crate) packets: u64,
    pub(crate) octets: u64,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) tcp_flags: u8,
    pub(crate) end_reason: EndReason,
}

/// The order of the table: most octets, then most packets, then the earliest; the rest only
/// makes the order complete, so that it does not depend on the number of workers.
type Rank = (u64, u64, Reverse<u64>, [u64; 6], u64);

/// The largest flows so far.
#[derive(Debug)]
pub(crate) struct Top {
    size: usize,
    flows: BTreeMap<Rank, TopFlow>,
    /// Flows that have been reported and go on.
    going_on: HashMap<AnyKey, TopFlow>,
    going_on_at_most: usize,
    /// Flows that were ranked, so that equals stand side by side.
    ranked: u64,
}

impl Top {
    /// The `size` largest, adding up at most `flows` that go on at a time.
    pub(crate) fn new(size: usize, flows: usize) -> Self {
        Self {
            size,
            flows: BTreeMap::new(),
            going_on: HashMap::new(),
            going_on_at_most: flows,
            ranked: 0,
        }
    }

    /// Takes a record into account.
    #[inline]
    pub(crate) fn add<K: FlowKey + Into<AnyKey>>(&mut self, record: &FlowRecord<K>) {
        if self.size == 0 {
            return;
        }
        let ends = record.end_reason != EndReason::ActiveTimeout;
        if ends && self.going_on.is_empty() && !self.is_large(record.octets) {
            return;
        }
        self.add_any(
            ends,
            TopFlow {
                key: record.key.into(),
                packets: record.packets,
                octets: record.octets,
                start: record.start,
                end: record.end,
                tcp_flags: record.tcp_flags,
                end_reason: record.end_reason,
            },
        );
    }

    fn add_any(&mut self, ends: bool, mut flow: TopFlow) {
        if let Some(before) = self.going_on.remove(&flow.key) {
            flow.packets += before.packets;
            flow.octets += before.octets;
            flow.start = flow.start.min(before.start);
            flow.end = flow.end.max(before.end);
            flow.tcp_flags |= before.tcp_flags;
        }
        if ends {
            self.rank(flow);
            return;
        }
        if self.going_on.len() >= self.going_on_at_most {
            // Flows that fell silent after a record end without another; let go of them.
            self.end_all();
        }
        self.going_on.insert(flow.key, flow);
    }

    fn is_large(&self, octets: u64) -> bool {
        self.flows.len() < self.size
            || self
                .flows
                .first_key_value()
                .is_some_and(|(smallest, _)| octets >= smallest.0)
    }

    fn rank(&mut self, flow: TopFlow) {
        let rank = rank(&flow, self.ranked);
        self.ranked += 1;
        if self.flows.len() >= self.size {
            match self.flows.first_key_value() {
                Some((smallest, _)) if *smallest < rank => self.flows.pop_first(),
                _ => return,
            };
        }
        self.flows.insert(rank, flow);
    }

    fn end_all(&mut self) {
        for (_, flow) in std::mem::take(&mut self.going_on) {
            self.rank(flow);
        }
    }

    /// Takes another worker's flows into account.
    pub(crate) fn merge(&mut self, mut other: Self) {
        self.end_all();
        other.end_all();
        for flow in other.flows.into_values() {
            self.rank(flow);
        }
    }

    /// The flows, largest first.
    pub(crate) fn into_flows(mut self) -> Vec<TopFlow> {
        self.end_all();
        self.flows.into_values().rev().collect()
    }
}

fn rank(flow: &TopFlow, number: u64) -> Rank {
    let mut words = [0; 6];
    match &flow.key {
        AnyKey::Ipv4(key) => words[..3].copy_from_slice(&key.words()),
        AnyKey::Ipv6(key) => words.copy_from_slice(&key.words()),
        AnyKey::L2(key) => words[..3].copy_from_slice(&key.words()),
    }
    (
        flow.octets,
        flow.packets,
        Reverse(flow.start.as_millis()),
        words,
        number,
    )
}
