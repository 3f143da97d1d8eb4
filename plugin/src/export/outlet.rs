// SPDX-License-Identifier: Apache-2.0
//! A thread's way from flow records to messages: the time, whether records can be sent at all,
//! and how many messages a sweep may begin.
//!
//! It knows neither flows nor who meters them.

use flowmeter::exporting::ExportingProcess;
use flowmeter::flow::{Ipv4Key, Ipv6Key, L2Key};
use flowmeter::metering::{Export, FlowKey, FlowRecord, NoRoom, RecordedKey};
use flowmeter::observation::ObservationDomainId;
use flowmeter::time::{Timestamp, Uptime};

use super::budget::{Deadline, Progress};
use super::datagram::{Allowance, Datagrams, LookupNodes, Session};
use super::pacing::MESSAGES_PER_MILLISECOND;
use super::shared::{Gate, Shared};
use crate::ffi::Thread;

/// See the file.
pub(crate) struct Outlet {
    shared: &'static Shared,
    exporting: ExportingProcess<Datagrams>,
    /// Milliseconds since VPP's start; never steps back.
    now: u64,
    /// [`Shared::sends`] when the message under construction was last sent.
    sends: u32,
}

impl Outlet {
    /// A way for records of this domain.
    pub(crate) fn new(
        shared: &'static Shared,
        domain: ObservationDomainId,
        nodes: LookupNodes,
    ) -> Self {
        Self {
            shared,
            exporting: ExportingProcess::new(Datagrams::new(nodes, &shared.pacing), domain),
            now: 0,
            sends: 0,
        }
    }

    /// What all threads share.
    pub(crate) fn shared(&self) -> &'static Shared {
        self.shared
    }

    /// What makes messages of records.
    pub(crate) fn exporting(&mut self) -> &mut ExportingProcess<Datagrams> {
        &mut self.exporting
    }

    /// Messages that were sent, and flow records in them.
    pub(crate) fn sent(&self) -> (u64, u64) {
        let statistics = self.exporting.statistics();
        (statistics.messages, statistics.flow_records)
    }

    /// Whether a message is under construction.
    pub(crate) fn is_open(&self) -> bool {
        self.exporting.is_open()
    }

    /// The time of packets that are observed now.
    #[inline]
    pub(crate) fn time(&mut self, thread: Thread) -> (Timestamp, Uptime) {
        self.now = self.now.max(thread.milliseconds());
        let uptime = Uptime::from_millis(self.now as u32);
        (Timestamp::from_millis(self.now), uptime)
    }

    /// When this thread last read the time.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// Brings the exporting process to the present; what is due leaves.
    pub(crate) fn advance(&mut self, thread: Thread) {
        self.exporting.transport().set_thread(thread);
        let (time, uptime) = self.time(thread);
        if self.shared.gate() == Gate::Open {
            let wall = Timestamp::from_millis(time.as_millis().wrapping_add(self.shared.wall()));
            self.exporting.tick(wall, uptime);
        }
    }

    /// Sends what is under construction.
    pub(crate) fn send(&mut self, thread: Thread) {
        self.advance(thread);
        self.exporting.flush();
        self.exporting.transport().hand_on();
    }

    /// Sends what is under construction, and exports to another collector from now on.
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

    /// Sends what is under construction, and exports in another domain from now on. In the same
    /// domain nothing is sent: the main thread's message might arrive behind the worker's next one.
    pub(crate) fn set_domain(&mut self, thread: Thread, domain: ObservationDomainId) {
        if self.exporting.domain() == domain {
            return;
        }
        self.advance(thread);
        self.exporting.set_domain(domain);
        self.exporting.transport().hand_on();
    }

    /// Lets `act` export, and hands on what messages that makes.
    #[inline]
    pub(crate) fn export(&mut self, thread: Thread, act: impl FnOnce(&mut Exporter<'_>)) {
        self.exporting.transport().set_thread(thread);
        act(&mut Exporter::new(self.shared, thread, &mut self.exporting));
        self.exporting.transport().hand_on();
    }

    /// Lets `visit` make the records that are due, within a budget of time and what this VPP's
    /// pacing allows; what is announced is within both, too.
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
        let sends = self.shared.sends();
        if core::mem::replace(&mut self.sends, sends) != sends {
            self.exporting.flush();
        }
        self.exporting.transport().hand_on();
        progress
    }

    /// Lets `visit` make records until `deadline`, within so many messages, and sends what is
    /// under construction in the end.
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
        self.exporting.transport().hand_on();
        progress
    }

    /// Lets `visit` make records, as many as fit a millisecond's worth of messages, and sends
    /// what is under construction after the last one.
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
            // Only messages are used up for now.
            Progress::Blocked if self.exporting.transport().was_refused() => Progress::More,
            progress => progress,
        }
    }
}

/// Hands records to the exporting process, where they can be sent at all.
///
/// Flows are metered by VPP's time, which never steps; here it becomes that of the world.
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
    fn closed(&self) -> Option<NoRoom> {
        match self.gate {
            Gate::Closed(why) => Some(why),
            Gate::Open => None,
        }
    }

    #[inline]
    fn send<K: FlowKey>(&mut self, record: &FlowRecord<K>) -> Result<(), NoRoom>
    where
        ExportingProcess<Datagrams>: Export<K>,
    {
        if let Some(why) = self.closed() {
            return Err(why);
        }
        let in_world =
            |time: Timestamp| Timestamp::from_millis(time.as_millis().wrapping_add(self.wall));
        self.process.export(&FlowRecord {
            start: in_world(record.start),
            end: in_world(record.end),
            ..*record
        })
    }
}

macro_rules! export {
    ($($key:ty),+) => {
        $(
            impl Export<$key> for Exporter<'_> {
                #[inline]
                fn closed(&self) -> Option<NoRoom> {
                    self.closed()
                }

                #[inline]
                fn export(&mut self, record: &FlowRecord<$key>) -> Result<(), NoRoom> {
                    self.send(record)
                }
            }
        )+
    };
}

export! { Ipv4Key, Ipv6Key, L2Key }

/// Records of recorded flows leave only when their layout has been announced.
impl Export<RecordedKey> for Exporter<'_> {
    #[inline]
    fn closed(&self) -> Option<NoRoom> {
        self.closed()
    }

    fn export(&mut self, record: &FlowRecord<RecordedKey>) -> Result<(), NoRoom> {
        let layout = record.key.layout();
        if self.shared.announcements.admit(self.thread, layout) {
            return self.send(record);
        }
        Err(self.closed().unwrap_or(NoRoom::NoBuffer))
    }
}
