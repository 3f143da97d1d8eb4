// SPDX-License-Identifier: Apache-2.0
//! Live flows as they are shown: which are asked for, and one part of a table at a time.
//!
//! The main thread makes the room for what is found, and the thread that owns the table fills it:
//! it allocates nothing, and stops at its deadline.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ops::Range;

use flowmeter::flow::{FlowKey, Ipv4Key, Ipv6Key, L2Key, Observed, Ports};
use flowmeter::metering::{
    Export, FlowRecord, MeteringProcess, NoRoom, RecordedKey, Recorder, Swept,
};
use flowmeter::observation::Direction;
use flowmeter::time::Timestamp;

use crate::export::budget::Deadline;

/// Groups of slots that are looked at between two looks at the clock: a microsecond or two.
const STEP: usize = 4;

/// Flows that a part has room for.
const ROOM: usize = 1024;

/// In how many calls a part is filled, at most: who asks learns that the thread is at work, and the
/// thread what else has been found.
const CALLS: u32 = 50;

/// Which flows are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filter {
    pub(crate) ip4: bool,
    pub(crate) ip6: bool,
    pub(crate) l2: bool,
    /// One of whose ends this is.
    pub(crate) matching: Option<IpAddr>,
}

/// What flows are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Packets,
    Octets,
}

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

/// Some of a thread's live flows.
pub(crate) enum View {
    Flows(Query, Part<Flow>),
    /// In flowprobe's place.
    Recorded(Part<RecordedKey>),
}

/// Which flows are counted, and which of them are found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query {
    pub(crate) filter: Filter,
    /// Flows no larger than this are only counted.
    pub(crate) above: Option<(Order, u64)>,
}

/// A part of a table.
pub(crate) struct Part<F> {
    /// The flows that were found in it.
    pub(crate) found: Vec<F>,
    /// How many flows match.
    pub(crate) matched: u64,
    /// The group behind it.
    next: usize,
    /// In how many calls it was filled.
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
    /// From the start of a table.
    pub(crate) fn flows(query: Query) -> Self {
        Self::Flows(query, Part::new())
    }

    /// The same of recorded flows.
    pub(crate) fn recorded() -> Self {
        Self::Recorded(Part::new())
    }

    /// Whether nothing of the table remains.
    pub(crate) fn is_last(&self) -> bool {
        match self {
            Self::Flows(_, part) => part.is_last,
            Self::Recorded(part) => part.is_last,
        }
    }

    /// Whether what was found is to be handed to the main thread.
    pub(super) fn is_complete(&self) -> bool {
        let (is_full, calls) = match self {
            Self::Flows(_, part) => (part.is_full, part.calls),
            Self::Recorded(part) => (part.is_full, part.calls),
        };
        self.is_last() || is_full || calls >= CALLS
    }

    /// Makes room for the next part.
    pub(crate) fn go_on(&mut self) {
        match self {
            Self::Flows(_, part) => part.go_on(),
            Self::Recorded(part) => part.go_on(),
        }
    }

    /// Looks at more of this process's tables.
    pub(super) fn look_at(&mut self, process: Option<&MeteringProcess>, deadline: Deadline) {
        let Self::Flows(query, part) = self else {
            return;
        };
        let Some(process) = process else {
            part.is_last = true;
            return;
        };
        let flows_in_group = MeteringProcess::FLOWS_IN_GROUP;
        part.fill(
            process.groups(),
            flows_in_group,
            deadline,
            |groups, part| {
                let query = *query;
                process.show(groups, &mut Viewer { query, part });
            },
        );
    }

    /// The same of recorded flows.
    pub(super) fn look_at_recorded(&mut self, recorder: Option<&Recorder>, deadline: Deadline) {
        let Self::Recorded(part) = self else {
            return;
        };
        let Some(recorder) = recorder else {
            part.is_last = true;
            return;
        };
        let flows_in_group = Recorder::FLOWS_IN_GROUP;
        part.fill(
            recorder.groups(),
            flows_in_group,
            deadline,
            |groups, part| {
                recorder.show(groups, part);
            },
        );
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

    /// Makes room for the next part.
    fn go_on(&mut self) {
        self.found.clear();
        self.matched = 0;
        self.calls = 0;
        self.is_full = false;
    }

    /// Shows the next groups to `show`, which puts what it finds: until time is up, or there might
    /// be no room for what the next ones hold.
    fn fill(
        &mut self,
        groups: usize,
        flows_in_group: usize,
        deadline: Deadline,
        mut show: impl FnMut(Range<usize>, &mut Self),
    ) {
        self.calls += 1;
        deadline.repeat(|| {
            let start = self.next.min(groups);
            self.next = groups.min(start + STEP);
            show(start..self.next, self);
            self.is_full = ROOM - self.found.len() < STEP * flows_in_group;
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
        // There is always room, or `fill` had stopped. A worker must not allocate.
        if self.found.len() < ROOM {
            self.found.push(flow);
        }
    }
}

/// Finds the flows that are asked for.
struct Viewer<'a> {
    query: Query,
    part: &'a mut Part<Flow>,
}

impl Viewer<'_> {
    #[inline]
    fn see<K: FlowKey>(&mut self, record: &FlowRecord<K>, matches: bool, ends: Ends) {
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
    fn has_end(&self, ends: &[IpAddr]) -> bool {
        let matching = self.query.filter.matching;
        matching.is_none_or(|address| ends.contains(&address))
    }
}

impl Export<Ipv4Key> for Viewer<'_> {
    #[inline]
    fn export(&mut self, record: &FlowRecord<Ipv4Key>) -> Result<(), NoRoom> {
        let key = &record.key;
        let ends = [key.source, key.destination].map(|end| Ipv4Addr::from(end).into());
        let matches = self.query.filter.ip4 && self.has_end(&ends);
        self.see(record, matches, Ends::Ip(ends, key.ports));
        Ok(())
    }
}

impl Export<Ipv6Key> for Viewer<'_> {
    #[inline]
    fn export(&mut self, record: &FlowRecord<Ipv6Key>) -> Result<(), NoRoom> {
        let key = &record.key;
        let ends = [key.source, key.destination].map(|end| Ipv6Addr::from(end).into());
        let matches = self.query.filter.ip6 && self.has_end(&ends);
        self.see(record, matches, Ends::Ip(ends, key.ports));
        Ok(())
    }
}

impl Export<L2Key> for Viewer<'_> {
    #[inline]
    fn export(&mut self, record: &FlowRecord<L2Key>) -> Result<(), NoRoom> {
        let key = &record.key;
        let matches = self.query.filter.l2 && self.has_end(&[]);
        self.see(record, matches, Ends::L2([key.source, key.destination]));
        Ok(())
    }
}

impl Export<RecordedKey> for Part<RecordedKey> {
    #[inline]
    fn export(&mut self, record: &FlowRecord<RecordedKey>) -> Result<(), NoRoom> {
        self.matched += 1;
        self.put(record.key);
        Ok(())
    }
}
