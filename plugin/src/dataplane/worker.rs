// SPDX-License-Identifier: Apache-2.0
//! One thread's meters: flows as `flowmeter interface` asks for them, and recorded flows in
//! flowprobe's place.

use std::sync::Arc;

use flowmeter::exporting::Interfaces;
use flowmeter::metering::{IgnoredReason, MeteringProcess, Tally, Timeouts};
use flowmeter::observation::ObservationDomainId;
use flowmeter::packet::{Packet, Packets};

use super::counters::Levels;
use super::delivery::Delivery;
use super::inspection::{Inspection, Request, Snapshot, State};
use super::live_flows::View;
use super::recording::Recording;
use super::thread_meter::{Accounts, AnyMeter, ThreadMeter};
use crate::export::budget::{Deadline, Progress};
use crate::export::datagram::LookupNodes;
use crate::export::outlet::Outlet;
use crate::export::shared::Shared;
use crate::ffi::Thread;

/// How long a call of the sweep's node works, in microseconds.
const BUDGET_MICROSECONDS: f64 = 50.0;

/// How much of that is for showing flows, once in a millisecond: a hundredth of a worker's time,
/// however many look.
const SHOWING_MICROSECONDS: f64 = 10.0;

/// See the file.
pub(crate) struct Worker {
    pub(crate) flows: ThreadMeter<MeteringProcess>,
    /// Once a client of flowprobe's API or commands has enabled an interface.
    pub(crate) recording: Option<Box<ThreadMeter<Recording>>>,
    /// Tables that come while it runs.
    delivery: Arc<Delivery>,
    /// Clocks that the last call of the sweep took, and the longest.
    sweep_clocks: [u64; 2],
    /// When the accounts were last published, and what had been asked for until then.
    published: (u64, u64),
    /// A request for live flows that is under way, and when flows were last shown.
    showing: Option<Request>,
    shown: u64,
    /// Whether more records are due at once.
    has_more: bool,
}

/// What was ignored, by reason.
pub(crate) type IgnoredTallies = [Tally; IgnoredReason::ALL.len()];

impl Worker {
    /// A worker without tables, whose flows are exported in this domain.
    pub(crate) fn new(
        shared: &'static Shared,
        domain: ObservationDomainId,
        nodes: LookupNodes,
        delivery: Arc<Delivery>,
    ) -> Self {
        Self {
            flows: ThreadMeter::new(Outlet::new(shared, domain, nodes)),
            recording: None,
            delivery,
            sweep_clocks: [0; 2],
            published: (0, 0),
            showing: None,
            shown: 0,
            has_more: false,
        }
    }

    /// All meters.
    pub(crate) fn meters(&self) -> impl Iterator<Item = &dyn AnyMeter> {
        let recording = self
            .recording
            .as_deref()
            .map(|meter| meter as &dyn AnyMeter);
        [&self.flows as &dyn AnyMeter].into_iter().chain(recording)
    }

    /// All meters.
    pub(crate) fn meters_mut(&mut self) -> impl Iterator<Item = &mut dyn AnyMeter> {
        let recording = self.recording.as_deref_mut();
        let recording = recording.map(|meter| meter as &mut dyn AnyMeter);
        [&mut self.flows as &mut dyn AnyMeter]
            .into_iter()
            .chain(recording)
    }

    /// The accounts of all meters.
    pub(crate) fn accounts(&self) -> Accounts {
        let mut accounts = Accounts::default();
        for meter in self.meters() {
            accounts += meter.accounts();
        }
        accounts
    }

    /// Begins the accounts anew; what stands in live flows counts as observed just now.
    pub(crate) fn clear_statistics(&mut self) {
        for meter in self.meters_mut() {
            meter.clear_statistics();
        }
        self.sweep_clocks[1] = 0;
    }

    /// What gauges say of it, whose accounts are these.
    pub(crate) fn levels(&self, accounts: &Accounts) -> Levels {
        let [last_sweep_clocks, longest_sweep_clocks] = self.sweep_clocks;
        let mut levels = Levels {
            last_sweep_clocks,
            longest_sweep_clocks,
            live_flows: accounts.live_flows,
            ..Levels::default()
        };
        for meter in self.meters() {
            levels.slots += meter.slots() as u64;
            levels.expiry_lag = levels.expiry_lag.max(meter.lag_millis().into());
        }
        levels
    }

    /// Exports the flows that it meters in another domain from now on.
    pub(crate) fn set_domain(&mut self, thread: Thread, domain: ObservationDomainId) {
        self.flows.outlet.set_domain(thread, domain);
    }

    /// Sets when flows expire.
    pub(crate) fn set_timeouts(&mut self, timeouts: Timeouts) {
        if let (Some(process), _) = self.flows.parts() {
            process.set_timeouts(timeouts);
        }
    }

    /// Sets what collectors learn of interfaces.
    pub(crate) fn set_interfaces(&mut self, interfaces: &Interfaces) {
        self.flows.outlet.exporting().set_interfaces(interfaces);
    }

    /// Meters packets, all observed now.
    #[inline]
    pub(super) fn observe<P: Packets>(&mut self, thread: Thread, packets: P) {
        let (Some(metering), outlet) = self.flows.parts() else {
            return;
        };
        outlet.export(thread, |exporter| metering.observe(packets, exporter));
    }

    /// Whether a packet belongs to a flow that is already there.
    pub(super) fn is_known(&self, packet: &Packet<'_>) -> bool {
        let metering = self.flows.metering();
        metering.is_some_and(|metering| metering.is_known(packet))
    }

    /// What was ignored by the process that meters now, by reason.
    #[inline(always)]
    pub(super) fn ignored_by_reason(&self) -> IgnoredTallies {
        let metering = self.flows.metering();
        metering.map_or_else(Default::default, |metering| metering.statistics().ignored)
    }

    /// Shows live flows where that is asked for, and makes the records that are due on this thread,
    /// in `node`, which is interrupted again where more is to be done.
    pub(crate) fn sweep(&mut self, thread: Thread, node: u32, inspection: &Inspection) {
        let now = thread.milliseconds();
        if self.showing.is_some() && now == self.shown && !self.has_more {
            // Nothing before the next millisecond.
            thread.interrupt(node);
            return;
        }
        let deadline = Deadline::after(thread, BUDGET_MICROSECONDS);
        let began = thread.clocks();
        self.delivery.serve(thread, &mut self.flows);
        if now != self.shown {
            self.shown = now;
            self.answer(thread, inspection);
        }
        let recording = self.recording.as_mut();
        let recording = recording.map(|meter| meter.announce_and_expire(thread, node, deadline));
        let flows = self.flows.expire(thread, deadline);
        self.has_more = flows == Progress::More || recording == Some(Progress::More);
        if self.has_more || self.showing.is_some() {
            thread.interrupt(node);
        }
        let clocks = thread.clocks().saturating_sub(began);
        let [_, longest] = self.sweep_clocks;
        self.sweep_clocks = [clocks, longest.max(clocks)];
    }

    /// Goes on with the request under way, or the next one.
    fn answer(&mut self, thread: Thread, inspection: &Inspection) {
        let Some(mut request) = self.showing.take().or_else(|| inspection.take()) else {
            return;
        };
        let deadline = Deadline::after(thread, SHOWING_MICROSECONDS);
        self.show(&mut request.view, deadline);
        if request.view.is_complete() {
            inspection.answer(request);
        } else {
            self.showing = Some(request);
        }
    }

    /// Shows more of the live flows.
    pub(crate) fn show(&self, view: &mut View, deadline: Deadline) {
        view.look_at(self.flows.metering(), deadline);
        let recording = self.recording.as_deref();
        let recording = recording.and_then(ThreadMeter::metering);
        view.look_at_recorded(recording.map(Recording::recorder), deadline);
    }

    /// Whether accounts are to be published: where they were asked for, else once in a millisecond
    /// at most.
    pub(crate) fn publish_is_due(&mut self, inspection: &Inspection) -> bool {
        let now = (self.flows.outlet.now(), inspection.asked());
        core::mem::replace(&mut self.published, now) != now
    }

    /// What the main thread sees of this worker.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = State {
            is_idle: self.is_idle(),
            is_ending: self.meters().any(AnyMeter::is_ending),
            is_retiring: self.flows.is_retiring(),
            has_retired: self.flows.has_retired(),
        };
        let octets: usize = self.meters().map(AnyMeter::octets).sum();
        let (_, asked) = self.published;
        let mut snapshot = Snapshot::new(self.accounts(), octets as u64, state, asked);
        if let Some(meter) = self.recording.as_deref() {
            snapshot.recorded_flows = meter.accounts().live_flows;
            snapshot.recorded_octets = meter.octets() as u64;
            snapshot.recorded_room = meter.metering().map_or(0, Recording::room) as u64;
        }
        snapshot
    }

    /// Whether there is nothing left to do without new packets.
    pub(crate) fn is_idle(&self) -> bool {
        self.meters().all(AnyMeter::is_idle)
    }
}
