// SPDX-License-Identifier: Apache-2.0
//! One thread's flow meter: its flows, and how their records leave.
//!
//! It decides in which order flows are swept, and knows neither commands nor interfaces. Its
//! accounts balance whenever no call is under way, also over tables that were replaced.

use core::ops::Range;
use std::sync::Arc;

use flowmeter::exporting::Interface;
use flowmeter::metering::{
    Flush, IgnoredReason, MeteringProcess, Records, Statistics, Swept, Tally, Timeouts,
};
use flowmeter::observation::{Direction, ObservationDomainId};
use flowmeter::packet::{Packet, Packets};
use flowmeter::time::{Timestamp, Uptime};

use crate::datagram::{LookupNodes, Session};
use crate::flowprobe;
use crate::outlet::{Exporter, Outlet};
use crate::sweeping::{Deadline, Ending, Progress, SLICE};
use crate::vlib::Thread;

/// One thread's flow meter.
pub(crate) struct Worker {
    flows: Flows,
    outlet: Outlet,
    /// When the accounts were last published.
    published: u64,
    /// What meters in flowprobe's place, once it was asked to.
    pub(crate) flowprobe: Option<Box<flowprobe::Host>>,
}

/// The flows, and what becomes of them.
#[derive(Default)]
struct Flows {
    metering: Option<MeteringProcess>,
    /// The process before, whose flows are being ended.
    retiring: Option<(MeteringProcess, Flush)>,
    /// The process before without flows, whose memory the main thread gives back: that takes
    /// too long for a worker.
    retired: Option<MeteringProcess>,
    ending: Option<Ending>,
    /// The accounts of processes that are no more.
    before: Statistics,
}

/// What was ignored, by reason.
pub(crate) type IgnoredTallies = [Tally; IgnoredReason::ALL.len()];

/// A worker's accounts.
#[derive(Clone, Copy, Debug, Default)]
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

impl Worker {
    pub(crate) fn new(domain: ObservationDomainId, nodes: LookupNodes) -> Self {
        Self {
            flows: Flows::default(),
            outlet: Outlet::new(domain, nodes),
            published: 0,
            flowprobe: None,
        }
    }

    /// The process that meters now.
    pub(crate) fn metering(&self) -> Option<&MeteringProcess> {
        self.flows.metering.as_ref()
    }

    /// All processes that have flows.
    pub(crate) fn processes(&self) -> impl Iterator<Item = &MeteringProcess> {
        self.flows.processes()
    }

    /// Meters with `process` from now on; the flows of the one before are ended.
    pub(crate) fn replace(&mut self, process: MeteringProcess) {
        if let Some(old) = self.flows.metering.replace(process) {
            self.flows.retiring = Some((old, Flush::default()));
        }
    }

    /// Whether a process that was replaced still has flows.
    pub(crate) fn is_retiring(&self) -> bool {
        self.flows.retiring.is_some()
    }

    /// What has no flows left, for the main thread to give its memory back.
    pub(crate) fn take_retired(&mut self) -> Option<MeteringProcess> {
        self.flows.retired.take()
    }

    /// Sets when flows expire.
    pub(crate) fn set_timeouts(&mut self, timeouts: Timeouts) {
        if let Some(process) = &mut self.flows.metering {
            process.set_timeouts(timeouts);
        }
    }

    /// Sends what is under construction, and exports to another collector from now on.
    pub(crate) fn set_session(
        &mut self,
        thread: Thread,
        session: Option<Session>,
        announce_millis: u32,
    ) {
        self.outlet.set_session(thread, session, announce_millis);
        if let Some(host) = &mut self.flowprobe {
            host.set_session(thread, session, announce_millis);
        }
    }

    /// Names the interfaces for collectors.
    pub(crate) fn set_interfaces(&mut self, interfaces: Arc<[Interface]>) {
        self.outlet.exporting().set_interfaces(interfaces);
    }

    /// Has all flows ended.
    pub(crate) fn end_all(&mut self) {
        self.flows.ending.get_or_insert_default().add_all();
        if let Some(host) = &mut self.flowprobe {
            host.end_all();
        }
    }

    /// Has the flows ended that were observed at an interface.
    pub(crate) fn end_interface(&mut self, sw_if_index: u32, direction: Direction) {
        let ending = self.flows.ending.get_or_insert_default();
        ending.add_interface(sw_if_index, direction);
    }

    /// Whether flows wait to be ended.
    pub(crate) fn is_ending(&self) -> bool {
        let host = self.flowprobe.as_ref();
        self.flows.is_ending() || host.is_some_and(|host| host.is_ending())
    }

    /// The accounts so far.
    pub(crate) fn accounts(&self) -> Accounts {
        let (messages, records) = self.outlet.sent();
        let mut accounts = Accounts {
            statistics: self.flows.before,
            live_flows: 0,
            messages,
            records,
        };
        for process in self.processes() {
            accounts.statistics += *process.statistics();
            accounts.live_flows += process.live_flows() as u64;
        }
        if let Some(host) = &self.flowprobe {
            accounts += host.accounts();
        }
        accounts
    }

    /// Groups of slots in the largest table.
    pub(crate) fn groups(&self) -> usize {
        let host = self.flowprobe.as_ref().map(|host| host.recorder().groups());
        let processes = self.processes().map(MeteringProcess::groups);
        processes.chain(host).max().unwrap_or(0)
    }

    /// The live flows of `groups` of each table and what stands in them, by looking at them.
    pub(crate) fn count(&self, groups: Range<usize>) -> Records {
        let within = |all: usize| groups.start.min(all)..groups.end.min(all);
        let mut counted = Records::default();
        for process in self.processes() {
            counted = counted + process.count(within(process.groups()));
        }
        if let Some(host) = &self.flowprobe {
            let recorder = host.recorder();
            counted = counted + recorder.count(within(recorder.groups()));
        }
        counted
    }

    /// Octets of memory that all tables take.
    pub(crate) fn table_octets(&self) -> usize {
        let host = self.flowprobe.as_ref().map(|host| host.recorder().octets());
        let processes = self.processes().map(MeteringProcess::octets);
        processes.chain(host).sum()
    }

    /// Begins the accounts anew; what stands in live flows counts as observed just now.
    pub(crate) fn clear_statistics(&mut self) {
        let Flows {
            metering,
            retiring,
            before,
            ..
        } = &mut self.flows;
        *before = Statistics::default();
        let retiring = retiring.as_mut().map(|(process, _)| process);
        for process in metering.iter_mut().chain(retiring) {
            process.clear_statistics();
        }
        self.outlet.exporting().clear_statistics();
        if let Some(host) = &mut self.flowprobe {
            host.clear_statistics();
        }
    }

    /// Meters packets, all observed now.
    #[inline]
    pub(crate) fn observe<P: Packets>(&mut self, thread: Thread, packets: P) {
        let Some(metering) = &mut self.flows.metering else {
            return;
        };
        self.outlet
            .export(thread, |exporter| metering.observe(packets, exporter));
    }

    /// The time of packets that are observed now.
    #[inline]
    pub(crate) fn time(&mut self, thread: Thread) -> (Timestamp, Uptime) {
        self.outlet.time(thread)
    }

    /// Whether a packet belongs to a flow that is already there.
    pub(crate) fn is_known(&self, packet: &Packet<'_>) -> bool {
        let metering = self.metering();
        metering.is_some_and(|metering| metering.is_known(packet))
    }

    /// Makes the records that are due, within a budget of time and of messages.
    pub(crate) fn expire(&mut self, thread: Thread) -> Progress {
        self.outlet.sweep(thread, |now, deadline, exporter| {
            self.flows.visit(now, deadline, exporter)
        })
    }

    /// Ends all flows and sends what stands in messages, as much as there is a way for;
    /// after each millisecond's worth of messages, `between` says whether to go on.
    pub(crate) fn finish(&mut self, thread: Thread, between: &mut dyn FnMut() -> bool) {
        self.end_all();
        self.outlet
            .finish(thread, between, |now, deadline, exporter| {
                self.flows.visit(now, deadline, exporter)
            });
        if let Some(host) = &mut self.flowprobe {
            host.finish(thread, between);
        }
    }

    /// Whether accounts are to be published; once in a millisecond at most.
    pub(crate) fn publish_is_due(&mut self) -> bool {
        let now = self.outlet.now();
        core::mem::replace(&mut self.published, now) != now
    }

    /// Whether there is nothing left to do without new packets.
    pub(crate) fn is_idle(&self) -> bool {
        let flows: usize = self.processes().map(MeteringProcess::live_flows).sum();
        flows == 0
            && !self.flows.is_ending()
            && self.flows.retired.is_none()
            && !self.outlet.is_open()
            && self.flowprobe.as_ref().is_none_or(|host| host.is_idle())
    }

    /// What was ignored by the process that meters now, by reason.
    #[inline(always)]
    pub(crate) fn ignored_by_reason(&self) -> IgnoredTallies {
        self.metering()
            .map_or_else(Default::default, |metering| metering.statistics().ignored)
    }
}

impl Flows {
    fn processes(&self) -> impl Iterator<Item = &MeteringProcess> {
        let retiring = self.retiring.as_ref().map(|(process, _)| process);
        self.metering.iter().chain(retiring)
    }

    fn is_ending(&self) -> bool {
        self.ending.is_some() || self.retiring.is_some()
    }

    /// Visits flows as long as there is something to do, records are taken, and there is time.
    fn visit(&mut self, now: Uptime, deadline: Deadline, exporter: &mut Exporter<'_>) -> Progress {
        if let Some(metering) = &mut self.metering {
            let swept = deadline.sweep(&mut self.ending, |ending| match ending {
                None => metering.expire(now, SLICE, exporter),
                Some(Ending { flush, chosen }) => {
                    metering.flush(flush, now, SLICE, |at| chosen.has(at), exporter)
                }
            });
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
