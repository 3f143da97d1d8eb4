// SPDX-License-Identifier: Apache-2.0
//! Live flows, found while they go on.
//!
//! Tables are gone through in slices, and the workers run between them: a flow is shown as it
//! was when its slice's turn came.

use core::cmp::{Ordering, Reverse};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ops::{Range, RangeInclusive};
use std::collections::BinaryHeap;

use flowmeter::metering::flow_key::{FlowKey, Ipv4Key, Ipv6Key, L2Key, Observed, Ports};
use flowmeter::metering::{Export, FlowRecord, NoRoom};
use flowmeter::observation::Direction;
use flowmeter::time::Timestamp;

use super::slices::{self, Walk};
use crate::dataplane::worker::Worker;
use crate::ffi::Main;

/// Which flows are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filter {
    pub(crate) ip4: bool,
    pub(crate) ip6: bool,
    pub(crate) l2: bool,
    /// One of whose ends this is.
    pub(crate) matching: Option<IpAddr>,
}

/// What the largest flows are largest in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Packets,
    Octets,
}

/// How many of the largest may be asked for: they are kept until all flows were seen.
pub(crate) const TOP: RangeInclusive<u32> = 1..=10_000;

/// A live flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub(crate) ends: Ends,
    pub(crate) observed: Observed,
    pub(crate) packets: u64,
    pub(crate) octets: u64,
    /// Of VPP's time.
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    /// The table of the interface where it is observed.
    pub(crate) vrf: u32,
    pub(crate) type_of_service: u8,
    pub(crate) tcp_flags: u8,
}

/// Between whom it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ends {
    Ip([IpAddr; 2], Ports),
    L2([[u8; 6]; 2]),
}

/// Takes flows as they are seen.
pub(crate) trait Take {
    /// One that was asked for; the workers stand still.
    fn take(&mut self, flow: Flow);

    /// The workers run. `false` ends it.
    fn pause(&mut self, main: Main) -> bool;
}

/// Shows all flows that are asked for; tells how many there were.
pub(crate) fn each(main: Main, filter: Filter, take: &mut impl Take) -> u64 {
    let mut viewer = Viewer {
        filter,
        take,
        matched: 0,
        looked_at: 0,
    };
    slices::each(main, &mut viewer, |_| ());
    viewer.matched
}

/// The largest of the flows that are asked for, in order, and how many there were of all.
pub(crate) fn largest(main: Main, filter: Filter, order: Order, top: usize) -> (Vec<Flow>, u64) {
    let mut largest = Largest {
        order,
        top,
        flows: BinaryHeap::new(),
    };
    let matched = each(main, filter, &mut largest);
    let flows = largest.flows.into_sorted_vec();
    (
        flows
            .into_iter()
            .map(|Reverse(Sized(_, flow))| flow)
            .collect(),
        matched,
    )
}

struct Viewer<'a, T> {
    filter: Filter,
    take: &'a mut T,
    matched: u64,
    looked_at: usize,
}

impl<T: Take> Walk for Viewer<'_, T> {
    fn look(&mut self, worker: &Worker, groups: Range<usize>) -> usize {
        let before = self.looked_at;
        if let Some(process) = worker.flows.metering() {
            let end = groups.end.min(process.groups());
            process.show(groups.start.min(end)..end, self);
        }
        self.looked_at - before
    }

    fn pause(&mut self, main: Main) -> bool {
        self.take.pause(main)
    }
}

impl<T: Take> Viewer<'_, T> {
    fn see<K: FlowKey>(&mut self, record: &FlowRecord<K>, is_wanted: bool, ends: Ends) {
        self.looked_at += 1;
        let matches = match (self.filter.matching, ends) {
            (None, _) => true,
            (Some(address), Ends::Ip(ends, _)) => ends.contains(&address),
            (Some(_), Ends::L2(_)) => false,
        };
        if !is_wanted || !matches {
            return;
        }
        self.matched += 1;
        self.take.take(Flow {
            ends,
            observed: *record.key.observed(),
            packets: record.packets,
            octets: record.octets,
            start: record.start,
            end: record.end,
            vrf: match record.key.observed().direction() {
                Direction::Ingress => record.ingress_vrf,
                Direction::Egress => record.egress_vrf,
            },
            type_of_service: record.type_of_service,
            tcp_flags: record.tcp_flags,
        });
    }
}

impl<T: Take> Export<Ipv4Key> for Viewer<'_, T> {
    fn export(&mut self, record: &FlowRecord<Ipv4Key>) -> Result<(), NoRoom> {
        let key = &record.key;
        let ends = [key.source, key.destination].map(|end| Ipv4Addr::from(end).into());
        self.see(record, self.filter.ip4, Ends::Ip(ends, key.ports));
        Ok(())
    }
}

impl<T: Take> Export<Ipv6Key> for Viewer<'_, T> {
    fn export(&mut self, record: &FlowRecord<Ipv6Key>) -> Result<(), NoRoom> {
        let key = &record.key;
        let ends = [key.source, key.destination].map(|end| Ipv6Addr::from(end).into());
        self.see(record, self.filter.ip6, Ends::Ip(ends, key.ports));
        Ok(())
    }
}

impl<T: Take> Export<L2Key> for Viewer<'_, T> {
    fn export(&mut self, record: &FlowRecord<L2Key>) -> Result<(), NoRoom> {
        let key = &record.key;
        let ends = Ends::L2([key.source, key.destination]);
        self.see(record, self.filter.l2, ends);
        Ok(())
    }
}

/// A flow and its size, by which it is compared.
struct Sized(u64, Flow);

struct Largest {
    order: Order,
    top: usize,
    /// The least first out.
    flows: BinaryHeap<Reverse<Sized>>,
}

impl Take for Largest {
    fn take(&mut self, flow: Flow) {
        let size = match self.order {
            Order::Packets => flow.packets,
            Order::Octets => flow.octets,
        };
        if self.flows.len() >= self.top {
            match self.flows.peek() {
                Some(Reverse(Sized(least, _))) if *least >= size => return,
                _ => self.flows.pop(),
            };
        }
        self.flows.push(Reverse(Sized(size, flow)));
    }

    fn pause(&mut self, main: Main) -> bool {
        let _ = main.suspend(slices::PAUSE);
        true
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
