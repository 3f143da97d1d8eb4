// SPDX-License-Identifier: Apache-2.0
//! Live flows, found while they go on.
//!
//! Tables are gone through in parts: a flow is shown as it was when its part's turn came.

use core::cmp::{Ordering, Reverse};
use core::ops::RangeInclusive;
use std::collections::BinaryHeap;

use flowmeter::metering::RecordedKey;

use super::inspection;
pub(crate) use crate::dataplane::live_flows::{Ends, Filter, Flow, Order};
use crate::dataplane::live_flows::{Query, View};
use crate::ffi::{Main, Refusal};

/// How many of the largest may be asked for: they are kept until all flows were seen.
pub(crate) const TOP: RangeInclusive<u32> = 1..=10_000;

/// Shows all flows that are asked for to `take`, as they are found; tells how many there were.
/// `take` may suspend the process; `false` ends it.
pub(crate) fn each(
    main: Main,
    filter: Filter,
    mut take: impl FnMut(&[Flow]) -> bool,
) -> Result<u64, Refusal> {
    let query = Query {
        filter,
        above: None,
    };
    let mut matched = 0;
    inspection::walk(main, || View::flows(query), &mut |view| {
        let View::Flows(_, part) = view else {
            return false;
        };
        matched += part.matched;
        take(&part.found)
    })?;
    Ok(matched)
}

/// The largest of the flows that are asked for, in order, and how many there were of all.
pub(crate) fn largest(
    main: Main,
    filter: Filter,
    order: Order,
    top: usize,
) -> Result<(Vec<Flow>, u64), Refusal> {
    let mut largest = Largest {
        order,
        top,
        flows: BinaryHeap::new(),
    };
    let query = Query {
        filter,
        above: None,
    };
    let mut matched = 0;
    inspection::walk(main, || View::flows(query), &mut |view| {
        let View::Flows(query, part) = view else {
            return false;
        };
        matched += part.matched;
        part.found.iter().for_each(|flow| largest.take(*flow));
        // Of the next part only those that may be among the largest.
        query.above = largest.least().map(|least| (order, least));
        true
    })?;
    let flows = largest.flows.into_sorted_vec();
    let flows = flows.into_iter().map(|Reverse(Sized(_, flow))| flow);
    Ok((flows.collect(), matched))
}

/// Shows the keys of all recorded flows to `take`.
pub(crate) fn each_recorded(
    main: Main,
    mut take: impl FnMut(&[RecordedKey]),
) -> Result<(), Refusal> {
    inspection::walk(main, View::recorded, &mut |view| {
        let View::Recorded(part) = view else {
            return false;
        };
        take(&part.found);
        true
    })
}

/// A flow and its size, by which it is compared.
struct Sized(u64, Flow);

struct Largest {
    order: Order,
    top: usize,
    /// The least first out.
    flows: BinaryHeap<Reverse<Sized>>,
}

impl Largest {
    fn take(&mut self, flow: Flow) {
        let size = self.order.of(flow.packets, flow.octets);
        if let Some(least) = self.least() {
            if least >= size {
                return;
            }
            self.flows.pop();
        }
        self.flows.push(Reverse(Sized(size, flow)));
    }

    /// What a flow must be larger than, once there are enough.
    fn least(&self) -> Option<u64> {
        let least = self.flows.peek();
        let least = least.map(|Reverse(Sized(least, _))| *least);
        least.filter(|_| self.flows.len() >= self.top)
    }
}

impl Ord for Sized {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Sized {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Sized {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Sized {}
