// SPDX-License-Identifier: Apache-2.0
//! Lists live flows while packets are metered.
//!
//! Tables are read in parts, and a flow is shown as it was when its part was read.

use core::cmp::{Ordering, Reverse};
use core::ops::RangeInclusive;
use std::collections::BinaryHeap;

use flowmeter::metering::LayeredKey;

use super::inspection;
pub(crate) use crate::dataplane::live_flows::{Endpoints, Filter, Flow, Order};
use crate::dataplane::live_flows::{Query, View};
use crate::ffi::{Main, Refusal};

/// The range of `top`. It is limited, since the largest flows are kept until all tables were read.
pub(crate) const TOP: RangeInclusive<u32> = 1..=10_000;

/// Calls `take` with the matching flows as they are found, and returns how many there were. `take`
/// may suspend the process, and returns `false` to stop.
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

/// Returns the largest of the matching flows, in order, and the number of all matching flows.
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
        // The next part returns only flows that may be among the largest.
        query.above = largest.least().map(|least| (order, least));
        true
    })?;
    let flows = largest.flows.into_sorted_vec();
    let flows = flows.into_iter().map(|Reverse(Sized(_, flow))| flow);
    Ok((flows.collect(), matched))
}

/// Calls `take` with the keys of all recorded flows.
pub(crate) fn each_recorded(
    main: Main,
    mut take: impl FnMut(&[LayeredKey]),
) -> Result<(), Refusal> {
    inspection::walk(main, View::recorded, &mut |view| {
        let View::Recorded(part) = view else {
            return false;
        };
        take(&part.found);
        true
    })
}

/// A flow that is ordered by its size.
struct Sized(u64, Flow);

struct Largest {
    order: Order,
    top: usize,
    /// A heap with the smallest flow at the top.
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

    /// The size that a flow must exceed, once there are `top` flows.
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
