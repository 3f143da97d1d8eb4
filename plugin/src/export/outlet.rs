// SPDX-License-Identifier: Apache-2.0
//! The export path of one meter of a thread, from flow records to messages. It owns the time, the
//! check whether records can be sent at all, and how many messages a sweep may start.
//!
//! It knows neither flow tables nor metering processes.

use flowmeter::exporting::ExportingProcess;
use flowmeter::flow::{Ipv4Key, Ipv6Key, L2Key};
use flowmeter::metering::{Export, ExportRefused, FlowKey, FlowRecord, LayeredKey};
use flowmeter::observation::ObservationDomainId;
use flowmeter::time::{Timestamp, Uptime};

use super::budget::{Deadline, Progress};
use super::datagram::{Allowance, Datagrams, LookupNodes, Session};
use super::pacing::MESSAGES_PER_MILLISECOND;
use super::shared::{Gate, Shared};
use crate::ffi::Thread;

/// The export path of one meter.
pub(crate) struct Outlet {
    shared: &'static Shared,
    exporting: ExportingProcess<Datagrams>,
    /// Milliseconds since VPP's start; never decreases.
    now: u64,
    /// The last seen value of [`Shared::flush_requests`].
    flush_requests: u32,
}

impl Outlet {
    /// Creates the export path for records of this domain.
    pub(crate) fn new(
        shared: &'static Shared,
        domain: ObservationDomainId,
        nodes: LookupNodes,
    ) -> Self {
        Self {
            shared,
            exporting: ExportingProcess::new(Datagrams::new(nodes, &shared.pacing), domain),
            now: 0,
            flush_requests: 0,
        }
    }

    /// The state that all threads share.
    pub(crate) fn shared(&self) -> &'static Shared {
        self.shared
    }

    /// The exporting process.
    pub(crate) fn exporting(&mut self) -> &mut ExportingProcess<Datagrams> {
        &mut self.exporting
    }

    /// The numbers of messages sent and of flow records in them.
    pub(crate) fn sent(&self) -> (u64, u64) {
        let statistics = self.exporting.statistics();
        (statistics.messages, statistics.flow_records)
    }

    /// Whether a message is under construction.
    pub(crate) fn is_open(&self) -> bool {
        self.exporting.is_open()
    }

    /// The current time, for packets that are observed now.
    #[inline]
    pub(crate) fn time(&mut self, thread: Thread) -> (Timestamp, Uptime) {
        self.now = self.now.max(thread.milliseconds());
        let uptime = Uptime::from_millis(self.now as u32);
        (Timestamp::from_millis(self.now), uptime)
    }

    /// The time when it was last read, in milliseconds since VPP's start.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// Updates the time of the exporting process, which sends what is due.
    pub(crate) fn advance(&mut self, thread: Thread) {
        self.exporting.transport().set_thread(thread);
        let (time, uptime) = self.time(thread);
        if self.shared.gate() == Gate::Open {
            let wall = Timestamp::from_millis(time.as_millis().wrapping_add(self.shared.wall()));
            self.exporting.tick(wall, uptime);
        }
    }

    /// Sends the message under construction.
    pub(crate) fn send(&mut self, thread: Thread) {
        self.advance(thread);
        self.exporting.flush();
        self.exporting.transport().enqueue_pending();
    }

    /// Sends the message under construction, and then exports to another collector.
    pub(crate) fn set_session(
        &mut self,
        thread: Thread,
        session: Option<Session>,
        announce_millis: u32,
    ) {
        self.advance(thread);
        self.exporting.restart();
        self.exporting.set_announce_interval(announce_millis);
        self.exporting.transport().set_session(session);
    }

    /// Sends the message under construction, and then exports in another domain. If the domain does
    /// not change, nothing is sent: the main thread's message could arrive after the worker's next
    /// one.
    pub(crate) fn set_domain(&mut self, thread: Thread, domain: ObservationDomainId) {
        if self.exporting.domain() == domain {
            return;
        }
        self.advance(thread);
        self.exporting.set_domain(domain);
        self.exporting.transport().enqueue_pending();
    }

    /// Calls `act` with an exporter, and enqueues the resulting messages.
    #[inline]
    pub(crate) fn export(&mut self, thread: Thread, act: impl FnOnce(&mut Exporter<'_>)) {
        self.exporting.transport().set_thread(thread);
        act(&mut Exporter::new(self.shared, thread, &mut self.exporting));
        self.exporting.transport().enqueue_pending();
    }

    /// Calls `visit` to export the records that are due, until `deadline` and within the pacing of
    /// this VPP. Templates and options count against both limits, too.
    pub(crate) fn sweep(
        &mut self,
        thread: Thread,
        deadline: Deadline,
        visit: impl FnOnce(Uptime, Deadline, &mut Exporter<'_>) -> Progress,
    ) -> Progress {
        self.allow(Allowance::Paced);
        self.advance(thread);
        let progress = self.visit(thread, deadline, visit);
        self.allow(Allowance::Charged);
        let requests = self.shared.flush_requests();
        if core::mem::replace(&mut self.flush_requests, requests) != requests {
            self.exporting.flush();
        }
        self.exporting.transport().enqueue_pending();
        progress
    }

    /// Calls `visit` to export records until `deadline` and within `messages` messages. Sends the
    /// message under construction when no more records can follow now.
    pub(crate) fn sweep_now(
        &mut self,
        thread: Thread,
        deadline: Deadline,
        messages: u32,
        visit: impl FnOnce(Uptime, Deadline, &mut Exporter<'_>) -> Progress,
    ) -> Progress {
        self.advance(thread);
        self.allow(Allowance::Messages(messages));
        let progress = self.visit(thread, deadline, visit);
        self.allow(Allowance::Charged);
        if progress != Progress::More {
            self.exporting.flush();
        }
        self.exporting.transport().enqueue_pending();
        progress
    }

    /// As [`Self::sweep_now`] without a deadline, within the messages of one millisecond.
    pub(crate) fn finish(
        &mut self,
        thread: Thread,
        visit: impl FnOnce(Uptime, Deadline, &mut Exporter<'_>) -> Progress,
    ) -> Progress {
        let deadline = Deadline::none(thread);
        self.sweep_now(thread, deadline, MESSAGES_PER_MILLISECOND, visit)
    }

    fn allow(&mut self, allowance: Allowance) {
        self.exporting.transport().set_allowance(allowance);
    }

    fn visit(
        &mut self,
        thread: Thread,
        deadline: Deadline,
        visit: impl FnOnce(Uptime, Deadline, &mut Exporter<'_>) -> Progress,
    ) -> Progress {
        let now = Uptime::from_millis(self.now as u32);
        let exporter = &mut Exporter::new(self.shared, thread, &mut self.exporting);
        match visit(now, deadline, exporter) {
            // Only the allowance is used up.
            Progress::Blocked if self.exporting.transport().was_refused() => Progress::More,
            progress => progress,
        }
    }
}

/// Passes records to the exporting process while the gate is open.
///
/// Flows are metered in VPP's time, which never steps; records get wall-clock times here.
pub(crate) struct Exporter<'a> {
    process: &'a mut ExportingProcess<Datagrams>,
    shared: &'static Shared,
    thread: Thread,
    gate: Gate,
    wall: u64,
}

impl<'a> Exporter<'a> {
    #[inline]
    fn new(
        shared: &'static Shared,
        thread: Thread,
        process: &'a mut ExportingProcess<Datagrams>,
    ) -> Self {
        Self {
            process,
            shared,
            thread,
            gate: shared.gate(),
            wall: shared.wall(),
        }
    }

    #[inline]
    fn closed(&self) -> Option<ExportRefused> {
        match self.gate {
            Gate::Closed(why) => Some(why),
            Gate::Open => None,
        }
    }

    #[inline]
    fn send<K: FlowKey>(&mut self, record: &FlowRecord<K>) -> Result<(), ExportRefused>
    where
        ExportingProcess<Datagrams>: Export<K>,
    {
        if let Some(why) = self.closed() {
            return Err(why);
        }
        let wall_time =
            |time: Timestamp| Timestamp::from_millis(time.as_millis().wrapping_add(self.wall));
        self.process.export(&FlowRecord {
            start: wall_time(record.start),
            end: wall_time(record.end),
            ..*record
        })
    }
}

macro_rules! export {
    ($($key:ty),+) => {
        $(
            impl Export<$key> for Exporter<'_> {
                #[inline]
                fn closed(&self) -> Option<ExportRefused> {
                    self.closed()
                }

                #[inline]
                fn export(&mut self, record: &FlowRecord<$key>) -> Result<(), ExportRefused> {
                    self.send(record)
                }
            }
        )+
    };
}

export! { Ipv4Key, Ipv6Key, L2Key }

/// Records of recorded flows are sent only after the template of their layout.
impl Export<LayeredKey> for Exporter<'_> {
    #[inline]
    fn closed(&self) -> Option<ExportRefused> {
        self.closed()
    }

    fn export(&mut self, record: &FlowRecord<LayeredKey>) -> Result<(), ExportRefused> {
        let layout = record.key.layout();
        if self.shared.announcements.admit(self.thread, layout) {
            return self.send(record);
        }
        Err(self.closed().unwrap_or(ExportRefused::NoBuffer))
    }
}
