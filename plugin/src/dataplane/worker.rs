// SPDX-License-Identifier: Apache-2.0
//! A thread's meters: one of the flows of `flowmeter interface`, and one of recorded flows, which
//! replace flowprobe's.

use std::sync::Arc;

use flowmeter::exporting::Interfaces;
use flowmeter::metering::{Families, IgnoredReason, Tally, Timeouts};
use flowmeter::observation::ObservationDomainId;
use flowmeter::packet::{Packet, Packets};

use super::counters::GaugeValues;
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

/// The time budget of a call of the sweep's node, in microseconds.
const BUDGET_MICROSECONDS: f64 = 50.0;

/// The part of the budget for listing flows, once in a millisecond: one percent of a worker's time,
/// however many clients list flows.
const SHOWING_MICROSECONDS: f64 = 10.0;

/// A thread's meters.
pub(crate) struct Worker {
    pub(crate) flows: ThreadMeter<Families>,
    /// Created when flowprobe's API or commands first enable an interface.
    pub(crate) recording: Option<Box<Recording>>,
    /// New tables, delivered while the thread runs.
    delivery: Arc<Delivery>,
    /// Clocks of the last call of the sweep, and of the longest one.
    sweep_clocks: [u64; 2],
    /// When the accounts were last published, and [`Inspection::requested`] then.
    published: (u64, u64),
    /// The request for live flows in progress, and when one was last worked on.
    showing: Option<Request>,
    shown: u64,
    /// Whether more records are due.
    has_more: bool,
}

/// Packets and octets ignored, by reason.
pub(crate) type IgnoredTallies = [Tally; IgnoredReason::ALL.len()];

impl Worker {
    /// Creates a worker without tables, whose flows are exported in this domain.
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
            .map(|recording| &recording.meter as &dyn AnyMeter);
        [&self.flows as &dyn AnyMeter].into_iter().chain(recording)
    }

    /// All meters.
    pub(crate) fn meters_mut(&mut self) -> impl Iterator<Item = &mut dyn AnyMeter> {
        let recording = self.recording.as_deref_mut();
        let recording = recording.map(|recording| &mut recording.meter as &mut dyn AnyMeter);
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

    /// Resets the accounts; packets in live flows count as observed just now.
    pub(crate) fn clear_statistics(&mut self) {
        for meter in self.meters_mut() {
            meter.clear_statistics();
        }
        self.sweep_clocks[1] = 0;
    }

    /// The values of its gauges, given its accounts.
    pub(crate) fn gauge_values(&self, accounts: &Accounts) -> GaugeValues {
        let [last_sweep_clocks, longest_sweep_clocks] = self.sweep_clocks;
        let mut values = GaugeValues {
            last_sweep_clocks,
            longest_sweep_clocks,
            live_flows: accounts.live_flows,
            ..GaugeValues::default()
        };
        for meter in self.meters() {
            values.slots += meter.slots() as u64;
            values.expiry_lag = values.expiry_lag.max(meter.lag_millis().into());
        }
        values
    }

    /// Exports flows in another observation domain from now on.
    pub(crate) fn set_domain(&mut self, thread: Thread, domain: ObservationDomainId) {
        self.flows.outlet.set_domain(thread, domain);
    }

    /// Sets the timeouts.
    pub(crate) fn set_timeouts(&mut self, timeouts: Timeouts) {
        if let (Some(process), _) = self.flows.parts() {
            process.set_timeouts(timeouts);
        }
    }

    /// Sets the names and descriptions of interfaces that are announced to collectors.
    pub(crate) fn set_interfaces(&mut self, interfaces: &Interfaces) {
        self.flows.outlet.exporting().set_interfaces(interfaces);
    }

    /// Meters packets that are observed now.
    #[inline]
    pub(super) fn observe<P: Packets>(&mut self, thread: Thread, packets: P) {
        let (Some(metering), outlet) = self.flows.parts() else {
            return;
        };
        outlet.export(thread, |exporter| metering.observe(packets, exporter));
    }

    /// Whether a packet belongs to an existing flow.
    pub(super) fn is_known(&self, packet: &Packet<'_>) -> bool {
        let metering = self.flows.metering();
        metering.is_some_and(|metering| metering.is_known(packet))
    }

    /// Packets and octets that the current process has ignored, by reason.
    #[inline(always)]
    pub(super) fn ignored_by_reason(&self) -> IgnoredTallies {
        let metering = self.flows.metering();
        metering.map_or_else(Default::default, |metering| metering.statistics().ignored)
    }

    /// Lists live flows if requested, and exports the records that are due on this thread. If there
    /// is more to do, it interrupts `node`, which calls it.
    pub(crate) fn sweep(&mut self, thread: Thread, node: u32, inspection: &Inspection) {
        let now = thread.milliseconds();
        if self.showing.is_some() && now == self.shown && !self.has_more {
            // Listing continues in the next millisecond.
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
        let recording =
            recording.map(|recording| recording.announce_and_expire(thread, node, deadline));
        let flows = self.flows.expire(thread, deadline);
        self.has_more = flows == Progress::More || recording == Some(Progress::More);
        if self.has_more || self.showing.is_some() {
            thread.interrupt(node);
        }
        let clocks = thread.clocks().saturating_sub(began);
        let [_, longest] = self.sweep_clocks;
        self.sweep_clocks = [clocks, longest.max(clocks)];
    }

    /// Continues the request in progress, or starts the next one.
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

    /// Adds more live flows to a view.
    pub(crate) fn show(&self, view: &mut View, deadline: Deadline) {
        view.fill(self.flows.metering(), deadline);
        let recording = self.recording.as_deref();
        let process = recording.and_then(|recording| recording.meter.metering());
        view.fill_recorded(process, deadline);
    }

    /// Whether the accounts are to be published: if they were requested, or if a millisecond has
    /// passed.
    pub(crate) fn publish_is_due(&mut self, inspection: &Inspection) -> bool {
        let now = (self.flows.outlet.now(), inspection.requested());
        core::mem::replace(&mut self.published, now) != now
    }

    /// A snapshot for the main thread.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = State {
            is_idle: self.is_idle(),
            is_ending: self.meters().any(AnyMeter::is_ending),
            is_retiring: self.flows.is_retiring(),
            has_retired: self.flows.has_retired(),
        };
        let octets: usize = self.meters().map(AnyMeter::octets).sum();
        let (_, requested) = self.published;
        let mut snapshot = Snapshot::new(self.accounts(), octets as u64, state, requested);
        if let Some(recording) = self.recording.as_deref() {
            snapshot.recorded_flows = recording.meter.accounts().live_flows;
            snapshot.recorded_octets = recording.meter.octets() as u64;
            snapshot.recorded_room = recording.room() as u64;
        }
        snapshot
    }

    /// Whether there is nothing left to do without new packets.
    pub(crate) fn is_idle(&self) -> bool {
        self.meters().all(AnyMeter::is_idle)
    }
}
