// SPDX-License-Identifier: Apache-2.0
//! One thread's meters: flows as `flowmeter interface` asks for them, and recorded flows in
//! flowprobe's place.

use std::sync::Arc;

use flowmeter::exporting::Interfaces;
use flowmeter::metering::{IgnoredReason, MeteringProcess, Tally, Timeouts};
use flowmeter::observation::ObservationDomainId;
use flowmeter::packet::{Packet, Packets};

use super::delivery::Delivery;
use super::recording::Recording;
use super::thread_meter::{Accounts, AnyMeter, ThreadMeter};
use crate::export::budget::Progress;
use crate::export::datagram::LookupNodes;
use crate::export::outlet::Outlet;
use crate::export::shared::Shared;
use crate::ffi::Thread;

/// See the file.
pub(crate) struct Worker {
    pub(crate) flows: ThreadMeter<MeteringProcess>,
    /// Once a client of flowprobe's API or commands has enabled an interface.
    pub(crate) recording: Option<Box<ThreadMeter<Recording>>>,
    /// Tables that come while it runs.
    delivery: Arc<Delivery>,
    /// When the accounts were last published.
    published: u64,
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
            published: 0,
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

    /// Octets of memory that all tables take.
    pub(crate) fn table_octets(&self) -> usize {
        self.meters().map(AnyMeter::octets).sum()
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

    /// Makes the records that are due on this thread, in `node`, which is interrupted again where
    /// more is due.
    pub(crate) fn expire(&mut self, thread: Thread, node: u32) {
        self.delivery.serve(thread, &mut self.flows);
        let recording = self.recording.as_mut();
        let recording = recording.map(|meter| meter.announce_and_expire(thread, node));
        if self.flows.expire(thread) == Progress::More || recording == Some(Progress::More) {
            thread.interrupt(node);
        }
    }

    /// Whether accounts are to be published; once in a millisecond at most.
    pub(crate) fn publish_is_due(&mut self) -> bool {
        let now = self.flows.outlet.now();
        core::mem::replace(&mut self.published, now) != now
    }
}
