// SPDX-License-Identifier: Apache-2.0
//! Listing live flows: the filter, and one part of a table at a time.
//!
//! The main thread allocates the memory for the result, and the thread that owns the table fills
//! it: that thread allocates nothing, and stops at its deadline.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ops::Range;

use flowmeter::flow::{FlowKey, Ipv4Key, Ipv6Key, L2Key, Observed, Ports};
use flowmeter::metering::{
    Classifier, Export, ExportRefused, FlowRecord, Layered, LayeredKey, MeteringProcess, Swept,
};
use flowmeter::observation::Direction;
use flowmeter::time::Timestamp;

use crate::export::budget::Deadline;

/// Groups of slots that are visited between two reads of the clock: a microsecond or two.
const STEP: usize = 4;

/// The capacity of a part, in flows.
const ROOM: usize = 1024;

/// The most calls that fill a part. A part is then returned even if it is not full, so that the
/// main thread sees progress and can tighten the query.
const CALLS: u32 = 50;

/// Selects flows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filter {
    pub(crate) ip4: bool,
    pub(crate) ip6: bool,
    pub(crate) l2: bool,
    /// Only flows with this source or destination address.
    pub(crate) matching: Option<IpAddr>,
}

/// The measure by which flows are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Packets,
    Octets,
}

/// A live flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub(crate) ends: Endpoints,
    pub(crate) observed: Observed,
    pub(crate) packets: u64,
    pub(crate) octets: u64,
    /// In VPP's time.
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    /// The id of the FIB table of the interface where the flow is observed.
    pub(crate) vrf: u32,
    pub(crate) type_of_service: u8,
    pub(crate) tcp_flags: u8,
}

/// A flow's source and destination.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Endpoints {
    Ip([IpAddr; 2], Ports),
    L2([[u8; 6]; 2]),
}

/// A list of some of a thread's live flows.
pub(crate) enum View {
    Flows(Query, Part<Flow>),
    /// Recorded flows, for flowprobe's commands.
    Recorded(Part<LayeredKey>),
}

/// Which flows are counted, and which of them are returned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query {
    pub(crate) filter: Filter,
    /// Flows that are not larger than this are only counted.
    pub(crate) above: Option<(Order, u64)>,
}

/// A part of a table.
pub(crate) struct Part<F> {
    /// The flows found.
    pub(crate) found: Vec<F>,
    /// The number of matching flows.
    pub(crate) matched: u64,
    /// The next group to visit.
    next: usize,
    /// The number of calls that have filled this part.
    calls: u32,
    is_full: bool,
    is_last: bool,
}

impl Order {
    pub(crate) fn of(self, packets: u64, octets: u64) -> u64 {
        match self {
            Self::Packets => packets,
            Self::Octets => octets,
        }
    }
}

impl View {
    /// A list of flows from the start of a table.
    pub(crate) fn flows(query: Query) -> Self {
        Self::Flows(query, Part::new())
    }

    /// A list of recorded flows from the start of a table.
    pub(crate) fn recorded() -> Self {
        Self::Recorded(Part::new())
    }

    /// Whether the end of the table was reached.
    pub(crate) fn is_last(&self) -> bool {
        match self {
            Self::Flows(_, part) => part.is_last,
            Self::Recorded(part) => part.is_last,
        }
    }

    /// Whether the part is to be returned to the main thread.
    pub(super) fn is_complete(&self) -> bool {
        let (is_full, calls) = match self {
            Self::Flows(_, part) => (part.is_full, part.calls),
            Self::Recorded(part) => (part.is_full, part.calls),
        };
        self.is_last() || is_full || calls >= CALLS
    }

    /// Clears the result for the next part.
    pub(crate) fn start_next(&mut self) {
        match self {
            Self::Flows(_, part) => part.start_next(),
            Self::Recorded(part) => part.start_next(),
        }
    }

    /// Visits more groups of this process's tables.
    pub(super) fn fill(&mut self, process: Option<&MeteringProcess>, deadline: Deadline) {
        let Self::Flows(query, part) = self else {
            return;
        };
        let query = *query;
        part.fill(process, deadline, |process, groups, part| {
            process.list(groups, &mut Viewer { query, part });
        });
    }

    /// Visits more groups of the table of recorded flows.
    pub(super) fn fill_recorded(
        &mut self,
        process: Option<&MeteringProcess<Layered>>,
        deadline: Deadline,
    ) {
        if let Self::Recorded(part) = self {
            part.fill(process, deadline, MeteringProcess::list);
        }
    }
}

impl<F> Part<F> {
    fn new() -> Self {
        Self {
            found: Vec::with_capacity(ROOM),
            matched: 0,
            next: 0,
            calls: 0,
            is_full: false,
            is_last: false,
        }
    }

    /// Clears the result for the next part.
    fn start_next(&mut self) {
        self.found.clear();
        self.matched = 0;
        self.calls = 0;
        self.is_full = false;
    }

    /// Calls `list` with the next groups of the process, until the deadline, or until the next
    /// groups might hold more flows than there is room for.
    fn fill<C: Classifier>(
        &mut self,
        process: Option<&MeteringProcess<C>>,
        deadline: Deadline,
        list: impl Fn(&MeteringProcess<C>, Range<usize>, &mut Self),
    ) {
        let Some(process) = process else {
            self.is_last = true;
            return;
        };
        let groups = process.groups();
        let most = STEP * MeteringProcess::<C>::FLOWS_IN_GROUP;
        self.calls += 1;
        deadline.repeat(|| {
            let start = self.next.min(groups);
            self.next = groups.min(start + STEP);
            list(process, start..self.next, self);
            self.is_full = ROOM - self.found.len() < most;
            if self.next == groups || self.is_full {
                Swept::Done
            } else {
                Swept::More
            }
        });
        self.is_last = self.next == groups;
    }

    #[inline]
    fn put(&mut self, flow: F) {
        // `fill` stops before the part is full. The check makes sure that a worker never allocates.
        if self.found.len() < ROOM {
            self.found.push(flow);
        }
    }
}

/// Collects the flows that match a query.
struct Viewer<'a> {
    query: Query,
    part: &'a mut Part<Flow>,
}

impl Viewer<'_> {
    #[inline]
    fn visit<K: FlowKey>(&mut self, record: &FlowRecord<K>, matches: bool, ends: Endpoints) {
        if !matches {
            return;
        }
        self.part.matched += 1;
        if let Some((order, size)) = self.query.above
            && order.of(record.packets, record.octets) <= size
        {
            return;
        }
        self.part.put(Flow {
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

    #[inline]
    fn has_address(&self, ends: &[IpAddr]) -> bool {
        let matching = self.query.filter.matching;
        matching.is_none_or(|address| ends.contains(&address))
    }
}

impl Export<Ipv4Key> for Viewer<'_> {
    #[inline]
    fn export(&mut self, record: &FlowRecord<Ipv4Key>) -> Result<(), ExportRefused> {
        let key = &record.key;
        let ends = [key.source, key.destination].map(|end| Ipv4Addr::from(end).into());
        let matches = self.query.filter.ip4 && self.has_address(&ends);
        self.visit(record, matches, Endpoints::Ip(ends, key.ports));
        Ok(())
    }
}

impl Export<Ipv6Key> for Viewer<'_> {
    #[inline]
    fn export(&mut self, record: &FlowRecord<Ipv6Key>) -> Result<(), ExportRefused> {
        let key = &record.key;
        let ends = [key.source, key.destination].map(|end| Ipv6Addr::from(end).into());
        let matches = self.query.filter.ip6 && self.has_address(&ends);
        self.visit(record, matches, Endpoints::Ip(ends, key.ports));
        Ok(())
    }
}

impl Export<L2Key> for Viewer<'_> {
    #[inline]
    fn export(&mut self, record: &FlowRecord<L2Key>) -> Result<(), ExportRefused> {
        let key = &record.key;
        let matches = self.query.filter.l2 && self.has_address(&[]);
        self.visit(
            record,
            matches,
            Endpoints::L2([key.source, key.destination]),
        );
        Ok(())
    }
}

impl Export<LayeredKey> for Part<LayeredKey> {
    #[inline]
    fn export(&mut self, record: &FlowRecord<LayeredKey>) -> Result<(), ExportRefused> {
        self.matched += 1;
        self.put(record.key);
        Ok(())
    }
}
