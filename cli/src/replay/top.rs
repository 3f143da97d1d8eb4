// SPDX-License-Identifier: Apache-2.0
//! Finds the flows with the most octets in their records, in bounded memory.
//!
//! The records of a flow are added up, as long as no more flows continue after a record than the flow
//! table has room for.

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

/// The sum of a flow's records.
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

/// The order of the table: most octets, then most packets, then the earliest. The rest makes the order
/// total, so that it does not depend on the number of workers.
type Rank = (u64, u64, Reverse<u64>, [u64; 6], u64);

/// The largest flows so far.
#[derive(Debug)]
pub(crate) struct Top {
    size: usize,
    flows: BTreeMap<Rank, TopFlow>,
    /// Flows that have a record and continue.
    continuing: HashMap<AnyKey, TopFlow>,
    most_continuing: usize,
    /// The number of flows that were ranked, which distinguishes equal ones.
    ranked: u64,
}

impl Top {
    /// Creates a list of the `size` largest flows. It adds up the records of at most `flows` continuing
    /// flows at a time.
    pub(crate) fn new(size: usize, flows: usize) -> Self {
        Self {
            size,
            flows: BTreeMap::new(),
            continuing: HashMap::new(),
            most_continuing: flows,
            ranked: 0,
        }
    }

    /// Adds a record.
    #[inline]
    pub(crate) fn add<K: FlowKey + Into<AnyKey>>(&mut self, record: &FlowRecord<K>) {
        if self.size == 0 {
            return;
        }
        let ends = record.end_reason != EndReason::ActiveTimeout;
        if ends && self.continuing.is_empty() && !self.is_large(record.octets) {
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
        if let Some(before) = self.continuing.remove(&flow.key) {
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
        if self.continuing.len() >= self.most_continuing {
            // Flows without a packet since their last record end without another one. Forget them.
            self.end_all();
        }
        self.continuing.insert(flow.key, flow);
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
        for (_, flow) in std::mem::take(&mut self.continuing) {
            self.rank(flow);
        }
    }

    /// Adds the flows of another worker.
    pub(crate) fn merge(&mut self, mut other: Self) {
        self.end_all();
        other.end_all();
        for flow in other.flows.into_values() {
            self.rank(flow);
        }
    }

    /// Returns the flows, largest first.
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
