// SPDX-License-Identifier: Apache-2.0
//! One thread's flow meter: the engine's two processes, and what hosts them in VPP.
//!
//! It decides when flows are swept and how much of that a call does, and knows neither
//! commands nor interfaces. Its accounts balance whenever no call is under way, also over
//! tables that were replaced.

use std::collections::BTreeSet;

use flowmeter::exporting::{ExportingProcess, FlowTemplate, Interface};
use flowmeter::metering::{
    Export, FlowRecord, Flush, IgnoredReason, MeteringProcess, NoRoom, Statistics, Swept, Tally,
    Timeouts,
};
use flowmeter::observation::{Direction, ObservationDomainId};
use flowmeter::packet::{Packet, Packets};
use flowmeter::time::{Timestamp, Uptime};

use crate::datagram::{Datagrams, LookupNodes, Session};
use crate::shared::{Gate, SHARED};
use crate::vlib::Thread;

/// Groups of slots that are visited between two looks at the clock: a few microseconds.
const SLICE: usize = 8;

/// How long one call of [`Worker::expire`] works at most, in microseconds.
const BUDGET_MICROSECONDS: f64 = 50.0;

/// Messages that may leave in one millisecond, so that a million flows that end together don't
/// overrun a collector's socket: as the command `flowmeter replay` has it.
const MESSAGES_PER_MILLISECOND: u32 = 32;

/// One thread's flow meter.
pub(crate) struct Worker {
    metering: Option<MeteringProcess>,
    /// The process before, whose flows are being ended.
    retiring: Option<(MeteringProcess, Flush)>,
    /// The process before without flows, whose memory the main thread gives back: that takes
    /// too long for a worker.
    retired: Option<MeteringProcess>,
    ending: Option<Ending>,
    exporting: ExportingProcess<Datagrams>,
    /// The accounts of processes that are no more.
    before: Statistics,
    /// Milliseconds since VPP's start; never steps back.
    now: u64,
    /// How many messages the sweep may still begin, since the time of `allowed`.
    allowance: u32,
    allowed: u64,
    /// As of [`SHARED`]'s sends, when the message under construction was last sent.
    sends: u32,
    /// When the accounts were last published.
    published: u64,
}

/// Flows that are to be ended, whether their time has come or not.
#[derive(Default)]
struct Ending {
    flush: Flush,
    all: bool,
    interfaces: BTreeSet<(u32, bool)>,
}

/// What was ignored, by reason.
pub(crate) type IgnoredTallies = [Tally; IgnoredReason::ALL.len()];

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing is left to do for now.
    Done,
    /// There is more to do, at once.
    More,
    /// There is more to do, when records are taken again.
    Waiting,
}

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
            metering: None,
            retiring: None,
            retired: None,
            ending: None,
            exporting: ExportingProcess::new(Datagrams::new(nodes), domain, true),
            before: Statistics::default(),
            now: 0,
            allowance: 0,
            allowed: 0,
            sends: 0,
            published: 0,
        }
    }

    /// The process that meters now.
    pub(crate) fn metering(&self) -> Option<&MeteringProcess> {
        self.metering.as_ref()
    }

    /// All processes that have flows.
    pub(crate) fn processes(&self) -> impl Iterator<Item = &MeteringProcess> {
        let retiring = self.retiring.as_ref().map(|(process, _)| process);
        self.metering.iter().chain(retiring)
    }

    /// Meters with `process` from now on; the flows of the one before are ended.
    pub(crate) fn replace(&mut self, process: MeteringProcess) {
        if let Some(old) = self.metering.replace(process) {
            self.retiring = Some((old, Flush::default()));
        }
    }

    /// Whether a process that was replaced still has flows.
    pub(crate) fn is_retiring(&self) -> bool {
        self.retiring.is_some()
    }

    /// What has no flows left, for the main thread to give its memory back.
    pub(crate) fn take_retired(&mut self) -> Option<MeteringProcess> {
        self.retired.take()
    }

    /// Whether [`Self::take_retired`] has something to take.
    pub(crate) fn has_retired(&self) -> bool {
        self.retired.is_some()
    }

    /// Sets when flows expire.
    pub(crate) fn set_timeouts(&mut self, timeouts: Timeouts) {
        if let Some(process) = &mut self.metering {
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
        self.tell_time(thread);
        self.exporting.restart();
        self.exporting.set_announce_interval(announce_millis);
        self.exporting.transport().set_session(session);
    }

    /// Names the interfaces for collectors.
    pub(crate) fn set_interfaces(&mut self, interfaces: &[Interface]) {
        self.exporting.set_interfaces(interfaces);
    }

    /// Has all flows ended.
    pub(crate) fn end_all(&mut self) {
        let ending = self.ending.get_or_insert_default();
        ending.all = true;
        ending.flush = Flush::default();
    }

    /// Has the flows ended that were observed at an interface.
    pub(crate) fn end_interface(&mut self, sw_if_index: u32, direction: Direction) {
        let ending = self.ending.get_or_insert_default();
        ending
            .interfaces
            .insert((sw_if_index, direction == Direction::Egress));
        ending.flush = Flush::default();
    }

    /// Whether flows wait to be ended.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.is_some() || self.retiring.is_some()
    }

    /// The accounts so far.
    pub(crate) fn accounts(&self) -> Accounts {
        let mut accounts = Accounts {
            statistics: self.before,
            live_flows: 0,
            messages: self.exporting.statistics().messages,
            records: self.exporting.statistics().flow_records,
        };
        for process in self.processes() {
            accounts.statistics += *process.statistics();
            accounts.live_flows += process.live_flows() as u64;
        }
        accounts
    }

    /// Begins the accounts anew; what stands in live flows counts as observed just now.
    pub(crate) fn clear_statistics(&mut self) {
        self.before = Statistics::default();
        let retiring = self.retiring.as_mut().map(|(process, _)| process);
        for process in self.metering.iter_mut().chain(retiring) {
            process.clear_statistics();
        }
        self.exporting.clear_statistics();
    }

    /// Meters packets, all observed now.
    #[inline]
    pub(crate) fn observe<P: Packets>(&mut self, thread: Thread, packets: P) {
        let Some(metering) = &mut self.metering else {
            return;
        };
        self.exporting.transport().set_thread(thread);
        let exporter = &mut Exporter::new(&mut self.exporting);
        metering.observe(packets, exporter);
        self.exporting.transport().hand_on();
    }

    /// The time of packets that are observed now.
    #[inline]
    pub(crate) fn time(&mut self, thread: Thread) -> (Timestamp, Uptime) {
        self.now = self.now.max(thread.milliseconds());
        let uptime = Uptime::from_millis(self.now as u32);
        (Timestamp::from_millis(self.now), uptime)
    }

    /// Whether a packet belongs to a flow that is already there.
    pub(crate) fn is_known(&self, packet: &Packet<'_>) -> bool {
        self.metering
            .as_ref()
            .is_some_and(|metering| metering.is_known(packet))
    }

    /// Makes the records that are due, within a budget of time and of messages.
    pub(crate) fn expire(&mut self, thread: Thread) -> Progress {
        self.tell_time(thread);
        if self.now != self.allowed {
            self.allowed = self.now;
            self.allowance = MESSAGES_PER_MILLISECOND;
        } else if self.allowance == 0 {
            return Progress::More;
        }
        let budget = BUDGET_MICROSECONDS * thread.clocks_per_microsecond();
        let deadline = thread.clocks() + budget as u64;
        let progress = self.sweep(|| thread.clocks() < deadline);
        let sends = SHARED.sends();
        if core::mem::replace(&mut self.sends, sends) != sends {
            self.exporting.flush();
        }
        self.exporting.transport().hand_on();
        progress
    }

    /// Ends all flows and sends what stands in messages, as much as there is a way for;
    /// after each millisecond's worth of messages, `between` says whether to go on.
    pub(crate) fn finish(&mut self, thread: Thread, between: &mut dyn FnMut() -> bool) {
        self.end_all();
        loop {
            self.tell_time(thread);
            self.allowance = MESSAGES_PER_MILLISECOND;
            let progress = self.sweep(|| true);
            if progress != Progress::More {
                self.exporting.flush();
            }
            self.exporting.transport().hand_on();
            if !between() || progress != Progress::More {
                return;
            }
        }
    }

    /// Whether accounts are to be published; once in a millisecond at most.
    pub(crate) fn publish_is_due(&mut self) -> bool {
        let published = core::mem::replace(&mut self.published, self.now);
        published != self.now
    }

    /// Whether there is nothing left to do without new packets.
    pub(crate) fn is_idle(&self) -> bool {
        let flows: usize = self.processes().map(MeteringProcess::live_flows).sum();
        flows == 0 && !self.is_ending() && !self.has_retired() && !self.exporting.is_open()
    }

    /// What was ignored by the process that meters now, by reason.
    #[inline(always)]
    pub(crate) fn ignored_by_reason(&self) -> IgnoredTallies {
        let metering = self.metering.as_ref();
        metering.map_or_else(Default::default, |metering| metering.statistics().ignored)
    }

    fn tell_time(&mut self, thread: Thread) {
        self.exporting.transport().set_thread(thread);
        let (time, uptime) = self.time(thread);
        if SHARED.gate() == Gate::Open {
            let wall = Timestamp::from_millis(time.as_millis().wrapping_add(SHARED.wall()));
            self.exporting.tick(wall, uptime);
        }
    }

    /// Visits flows as long as there is something to do, messages are allowed, and `go_on`
    /// says so.
    fn sweep(&mut self, go_on: impl FnMut() -> bool) -> Progress {
        self.exporting.transport().set_allowance(self.allowance);
        let progress = self.visit(go_on);
        self.allowance = self.exporting.transport().allowance();
        self.exporting.transport().set_allowance(u32::MAX);
        match progress {
            // Nothing is missing but patience.
            Progress::Waiting if self.allowance == 0 => Progress::More,
            progress => progress,
        }
    }

    fn visit(&mut self, mut go_on: impl FnMut() -> bool) -> Progress {
        let now = Uptime::from_millis(self.now as u32);
        let exporter = &mut Exporter::new(&mut self.exporting);
        if let Some(metering) = &mut self.metering {
            let swept = repeat(&mut go_on, || metering.expire(now, SLICE, exporter));
            if swept != Swept::Done {
                return swept.into();
            }
            if let Some(ending) = &mut self.ending {
                let Ending {
                    flush,
                    all,
                    interfaces,
                } = ending;
                let swept = repeat(&mut go_on, || {
                    metering.flush(
                        flush,
                        now,
                        SLICE,
                        |observed| {
                            let egress = observed.direction() == Direction::Egress;
                            let interface = if egress {
                                observed.egress_interface
                            } else {
                                observed.ingress_interface
                            };
                            *all || interfaces.contains(&(interface, egress))
                        },
                        exporter,
                    )
                });
                if swept != Swept::Done {
                    return swept.into();
                }
            }
        }
        self.ending = None;
        if let Some((process, flush)) = &mut self.retiring {
            let swept = repeat(&mut go_on, || {
                process.flush(flush, now, SLICE, |_| true, exporter)
            });
            if swept != Swept::Done {
                return swept.into();
            }
            self.before += *process.statistics();
            self.retired = self.retiring.take().map(|(process, _)| process);
        }
        Progress::Done
    }
}

/// Calls `step` until it has nothing more to do or `go_on` says no.
fn repeat(go_on: &mut impl FnMut() -> bool, mut step: impl FnMut() -> Swept) -> Swept {
    loop {
        match step() {
            Swept::More if go_on() => {}
            swept => return swept,
        }
    }
}

impl From<Swept> for Progress {
    fn from(swept: Swept) -> Self {
        match swept {
            Swept::Done => Self::Done,
            Swept::More => Self::More,
            Swept::NoRoom(_) => Self::Waiting,
        }
    }
}

/// Hands records to the exporting process, where they can be sent at all.
///
/// Flows are metered by VPP's time, which never steps; here it becomes that of the world.
struct Exporter<'a> {
    process: &'a mut ExportingProcess<Datagrams>,
    gate: Gate,
    wall: u64,
}

impl<'a> Exporter<'a> {
    #[inline]
    fn new(process: &'a mut ExportingProcess<Datagrams>) -> Self {
        Self {
            process,
            gate: SHARED.gate(),
            wall: SHARED.wall(),
        }
    }
}

impl<K: FlowTemplate> Export<K> for Exporter<'_> {
    #[inline]
    fn export(&mut self, record: &FlowRecord<K>) -> Result<(), NoRoom> {
        if let Gate::Closed(why) = self.gate {
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
