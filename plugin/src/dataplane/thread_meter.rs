// SPDX-License-Identifier: Apache-2.0
//! One meter of one thread: its flows, the flows that are to be ended, and the export path.
//!
//! It decides the order in which flows are swept, and knows neither commands nor interfaces. Its
//! accounts balance whenever none of its methods is running, also across replaced tables.

use core::ops::Range;

use bytemuck::{Pod, Zeroable};
use flowmeter::metering::{
    ExportTo, Families, Flush, MeteringProcess, Records, Statistics, Swept, Table,
};
use flowmeter::observation::Direction;
use flowmeter::time::{Timestamp, Uptime};

use super::ending::Ending;
use crate::export::budget::{Deadline, Progress};
use crate::export::datagram::Session;
use crate::export::outlet::{Exporter, Outlet};
use crate::ffi::Thread;

/// Groups of slots that are visited between two reads of the clock: a few microseconds.
const SLICE: usize = 8;

/// A classifier whose records are exported.
pub(crate) trait Exports: for<'a> ExportTo<Exporter<'a>> {}

impl<C: for<'a> ExportTo<Exporter<'a>>> Exports for C {}

/// One meter of one thread, whose packets `C` classifies.
pub(crate) struct ThreadMeter<C> {
    flows: Flows<C>,
    pub(super) outlet: Outlet,
}

/// The flows, and the flows that are to be ended.
struct Flows<C> {
    metering: Option<MeteringProcess<C>>,
    /// The replaced process, whose flows are being ended.
    retiring: Option<(MeteringProcess<C>, Flush)>,
    /// A replaced process without flows. The main thread frees its memory, which takes too long for
    /// a worker.
    retired: Option<MeteringProcess<C>>,
    ending: Option<Ending>,
    /// The accounts of processes that were freed.
    before: Statistics,
}

/// A meter's accounts.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Accounts {
    pub(crate) statistics: Statistics,
    pub(crate) live_flows: u64,
    pub(crate) messages: u64,
    pub(crate) records: u64,
}

impl core::ops::AddAssign for Accounts {
    fn add_assign(&mut self, other: Self) {
        self.statistics += other.statistics;
        self.live_flows += other.live_flows;
        self.messages += other.messages;
        self.records += other.records;
    }
}

impl<C> ThreadMeter<C> {
    /// Creates a meter without tables.
    pub(super) fn new(outlet: Outlet) -> Self {
        Self {
            flows: Flows {
                metering: None,
                retiring: None,
                retired: None,
                ending: None,
                before: Statistics::default(),
            },
            outlet,
        }
    }

    /// The process that meters now.
    pub(crate) fn metering(&self) -> Option<&MeteringProcess<C>> {
        self.flows.metering.as_ref()
    }

    /// The process that meters now, and the export path.
    #[inline]
    pub(super) fn parts(&mut self) -> (Option<&mut MeteringProcess<C>>, &mut Outlet) {
        (self.flows.metering.as_mut(), &mut self.outlet)
    }

    /// Replaces the process; the flows of the previous one are ended.
    pub(crate) fn replace(&mut self, process: MeteringProcess<C>) {
        if let Some(old) = self.flows.metering.replace(process) {
            self.flows.retiring = Some((old, Flush::default()));
        }
    }

    /// Whether a replaced process still has flows.
    pub(crate) fn is_retiring(&self) -> bool {
        self.flows.retiring.is_some()
    }

    /// Whether [`Self::take_retired`] has something to free.
    pub(super) fn has_retired(&self) -> bool {
        self.flows.retired.is_some()
    }

    /// Takes a replaced process without flows, for the main thread to free.
    pub(crate) fn take_retired(&mut self) -> Option<MeteringProcess<C>> {
        self.flows.retired.take()
    }

    /// Ends the flows that were observed at an interface.
    pub(crate) fn end_interface(&mut self, sw_if_index: u32, direction: Direction) {
        let ending = self.flows.ending.get_or_insert_default();
        ending.add_interface(sw_if_index, direction);
    }

    /// Restarts the pass that ends flows.
    pub(super) fn restart_ending(&mut self) {
        self.flows.ending.get_or_insert_default().flush = Flush::default();
    }

    /// The current time, for packets that are observed now.
    #[inline]
    pub(crate) fn time(&mut self, thread: Thread) -> (Timestamp, Uptime) {
        self.outlet.time(thread)
    }
}

impl<C: Exports> ThreadMeter<C> {
    /// Exports the records that are due, until `deadline` and within the pacing of this VPP.
    pub(super) fn expire(&mut self, thread: Thread, deadline: Deadline) -> Progress {
        let flows = &mut self.flows;
        self.outlet
            .sweep(thread, deadline, |now, deadline, exporter| {
                flows.visit(now, deadline, exporter)
            })
    }

    /// Exports the records that are due, until `deadline` and within `messages` messages, and sends
    /// all.
    pub(super) fn expire_until(&mut self, thread: Thread, deadline: Deadline, messages: u32) {
        let flows = &mut self.flows;
        self.outlet
            .sweep_now(thread, deadline, messages, |now, deadline, exporter| {
                flows.visit(now, deadline, exporter)
            });
        // Also sends the last message if the deadline came first.
        self.outlet.send(thread);
    }
}

impl<C: Exports> Flows<C> {
    fn processes(&self) -> impl Iterator<Item = &MeteringProcess<C>> {
        let retiring = self.retiring.as_ref().map(|(process, _)| process);
        self.metering.iter().chain(retiring)
    }

    /// Exports flows while records are accepted and there is time: first flows that have expired,
    /// then flows that are to be ended, then flows in replaced tables.
    fn visit(&mut self, now: Uptime, deadline: Deadline, exporter: &mut Exporter<'_>) -> Progress {
        if let Some(metering) = &mut self.metering {
            let mut swept = deadline.repeat(|| metering.expire(now, SLICE, exporter));
            if let Some(Ending { flush, selected }) = &mut self.ending
                && swept == Swept::Done
            {
                swept = deadline
                    .repeat(|| metering.flush(flush, now, SLICE, |at| selected.has(at), exporter));
            }
            if swept != Swept::Done {
                return swept.into();
            }
        }
        self.ending = None;
        if let Some((process, flush)) = &mut self.retiring {
            let swept = deadline.repeat(|| process.flush(flush, now, SLICE, |_| true, exporter));
            if swept != Swept::Done {
                return swept.into();
            }
            self.before += *process.statistics();
            self.retired = self.retiring.take().map(|(process, _)| process);
        }
        Progress::Done
    }
}

impl ThreadMeter<Families> {
    /// Replaces a starter table with the full one in `table`, and leaves the unused one there.
    pub(super) fn adopt(&mut self, thread: Thread, table: &mut Option<Table>) {
        let (_, now) = self.outlet.time(thread);
        if let Some(process) = &mut self.flows.metering {
            self.outlet.export(thread, |exporter| {
                *table = table.take().map(|full| process.adopt(full, now, exporter));
            });
        }
    }
}

/// What the main thread and the sweep do with any meter of a thread.
pub(crate) trait AnyMeter {
    /// The accounts so far.
    fn accounts(&self) -> Accounts;

    /// Resets the accounts; packets in live flows count as observed just now.
    fn clear_statistics(&mut self);

    /// The number of groups of slots in the largest table.
    fn groups(&self) -> usize;

    /// Counts the live flows in `groups` of each table, their packets and octets, one by one.
    fn count(&self, groups: Range<usize>) -> Records;

    /// The memory of all tables, in octets.
    fn octets(&self) -> usize;

    /// The number of slots of the tables in use.
    fn slots(&self) -> usize;

    /// Milliseconds by which expiry is behind its schedule.
    fn lag_millis(&self) -> u32;

    /// Sends the message under construction, and then exports to another collector.
    fn set_session(&mut self, thread: Thread, session: Option<Session>, announce_millis: u32);

    /// Ends all flows.
    fn end_all(&mut self);

    /// Whether flows are still to be ended.
    fn is_ending(&self) -> bool;

    /// Whether there is nothing left to do without new packets.
    fn is_idle(&self) -> bool;

    /// Exports records as [`Outlet::finish`].
    fn finish(&mut self, thread: Thread) -> Progress;
}

impl<C: Exports> AnyMeter for ThreadMeter<C> {
    fn accounts(&self) -> Accounts {
        let (messages, records) = self.outlet.sent();
        let mut accounts = Accounts {
            statistics: self.flows.before,
            live_flows: 0,
            messages,
            records,
        };
        for process in self.flows.processes() {
            accounts.statistics += *process.statistics();
            accounts.live_flows += process.live_flows() as u64;
        }
        accounts
    }

    fn clear_statistics(&mut self) {
        self.flows.before = Statistics::default();
        let retiring = self.flows.retiring.as_mut().map(|(process, _)| process);
        for process in self.flows.metering.iter_mut().chain(retiring) {
            process.clear_statistics();
        }
        self.outlet.exporting().clear_statistics();
    }

    fn groups(&self) -> usize {
        let groups = self.flows.processes().map(MeteringProcess::groups);
        groups.max().unwrap_or(0)
    }

    fn count(&self, groups: Range<usize>) -> Records {
        let within = |all: usize| groups.start.min(all)..groups.end.min(all);
        let mut counted = Records::default();
        for process in self.flows.processes() {
            counted = counted + process.count(within(process.groups()));
        }
        counted
    }

    fn octets(&self) -> usize {
        self.flows.processes().map(MeteringProcess::octets).sum()
    }

    fn slots(&self) -> usize {
        self.flows
            .metering
            .as_ref()
            .map_or(0, MeteringProcess::slots)
    }

    fn lag_millis(&self) -> u32 {
        self.flows
            .metering
            .as_ref()
            .map_or(0, MeteringProcess::sweep_lag_millis)
    }

    fn set_session(&mut self, thread: Thread, session: Option<Session>, announce_millis: u32) {
        self.outlet.set_session(thread, session, announce_millis);
    }

    fn end_all(&mut self) {
        self.flows.ending.get_or_insert_default().add_all();
    }

    fn is_ending(&self) -> bool {
        self.flows.ending.is_some() || self.flows.retiring.is_some()
    }

    fn is_idle(&self) -> bool {
        let live: usize = self
            .flows
            .processes()
            .map(MeteringProcess::live_flows)
            .sum();
        live == 0 && !self.is_ending() && self.flows.retired.is_none() && !self.outlet.is_open()
    }

    fn finish(&mut self, thread: Thread) -> Progress {
        let flows = &mut self.flows;
        self.outlet.finish(thread, |now, deadline, exporter| {
            flows.visit(now, deadline, exporter)
        })
    }
}
