// SPDX-License-Identifier: Apache-2.0
//! A thread's meter of recorded flows, which replace flowprobe's.
//!
//! The recorders of all threads export in one observation domain with one sequence; only the first
//! thread's recorder sends templates.

use core::ops::Range;
use std::io;

use flowmeter::exporting::Sequence;
use flowmeter::flow::Observed;
use flowmeter::metering::{
    Configuration, Flush, Layers, Recorder, Records, Seed, Statistics, Swept, Timeouts,
};
use flowmeter::observation::{Direction, ObservationDomainId};
use flowmeter::packet::Packets;
use flowmeter::time::Uptime;

use super::thread_meter::{Meter, ThreadMeter};
use crate::export::announcements::Round;
use crate::export::budget::{Deadline, Progress};
use crate::export::datagram::LookupNodes;
use crate::export::outlet::{Exporter, Outlet};
use crate::export::shared::{Gate, Shared};
use crate::ffi::Thread;
use crate::ffi::frame::FRAME;

/// flowprobe's observation domain.
const DOMAIN: ObservationDomainId = ObservationDomainId(1);

/// How long a message waits for more records, in milliseconds.
const LINGER_MILLIS: u32 = 200;

/// How long the main thread sweeps one meter under the barrier, in microseconds. An empty table
/// takes a fifth of that. The meter's own thread does the rest.
const BARRIER_MICROSECONDS: f64 = 100.0;

/// A thread's recorder and its configuration.
pub(crate) struct Recording {
    recorder: Recorder,
    layers: Layers,
    /// The capacity, in flows.
    room: usize,
    /// Whether this one sends templates.
    announces: bool,
}

impl Recording {
    /// Octets of a flow in the table: two cache lines.
    pub(crate) const FLOW_OCTETS: usize = 128;

    /// Creates recorders for `threads` threads, for `flows` flows each, with all of their memory.
    /// Calls `place` with a thread's index before its recorder is created.
    pub(crate) fn recorders(
        threads: usize,
        flows: usize,
        place: impl Fn(usize),
    ) -> io::Result<Vec<Recorder>> {
        let recorders = (0..threads).map(|thread| {
            place(thread);
            let seed = Seed::random().map_err(io::Error::other)?;
            Recorder::new(&Configuration::new(flows, seed)).map_err(io::Error::other)
        });
        recorders.collect()
    }

    /// Creates a meter for each thread from these recorders with a capacity of `room` flows.
    pub(crate) fn for_threads(
        recorders: Vec<Recorder>,
        room: usize,
        shared: &'static Shared,
        nodes: LookupNodes,
    ) -> impl Iterator<Item = ThreadMeter<Self>> {
        let sequence = Sequence::default();
        recorders
            .into_iter()
            .zip(0..)
            .map(move |(recorder, thread)| {
                let mut outlet = Outlet::new(shared, DOMAIN, nodes);
                outlet.exporting().share_sequence(&sequence);
                outlet.exporting().set_linger(LINGER_MILLIS);
                outlet.exporting().announce_only(Vec::new());
                let mut meter = ThreadMeter::new(outlet);
                meter.replace(Self {
                    recorder,
                    layers: Layers::default(),
                    room,
                    announces: thread == 0,
                });
                meter
            })
    }

    /// The capacity, in flows.
    pub(crate) fn room(&self) -> usize {
        self.room
    }

    /// The layers that are recorded.
    pub(super) fn layers(&self) -> Layers {
        self.layers
    }

    /// The engine's process.
    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }
}

impl ThreadMeter<Recording> {
    /// Sets the layers and the timeouts; with `None`, every packet makes a record.
    pub(crate) fn set(&mut self, layers: Layers, timeouts: Option<Timeouts>) {
        if let (Some(recording), _) = self.parts() {
            recording.layers = layers;
            recording.recorder.set_timeouts(timeouts);
        }
    }

    /// Sends the message under construction.
    pub(crate) fn send(&mut self, thread: Thread) {
        self.outlet.send(thread);
    }

    /// Meters packets that are observed now; `frames` is true for frames, false for routed packets.
    pub(super) fn observe<P: Packets>(&mut self, thread: Thread, packets: P, frames: bool) {
        let (
            Some(Recording {
                recorder, layers, ..
            }),
            outlet,
        ) = self.parts()
        else {
            return;
        };
        let recording = flowmeter::metering::Recording {
            layers: *layers,
            frames,
        };
        outlet.export(thread, |exporter| {
            recorder.observe(packets, recording, exporter);
        });
    }

    /// As [`ThreadMeter::expire`], after sending the requested templates. `node` is the node that
    /// calls this on each thread.
    pub(super) fn announce_and_expire(
        &mut self,
        thread: Thread,
        node: u32,
        deadline: Deadline,
    ) -> Progress {
        let mut round = Round::Idle;
        if self.announces() {
            round = self.outlet.shared().announcements.next_round();
            self.announce(thread);
        }
        let progress = self.expire(thread, deadline);
        match round {
            Round::Idle => progress,
            Round::Leaving => Progress::More,
            Round::Sent => {
                // Other threads may have records that waited for their templates.
                thread.interrupt_all(node);
                progress
            }
        }
    }

    fn announces(&self) -> bool {
        self.metering().is_some_and(|recording| recording.announces)
    }

    /// Sends the requested templates, if this meter sends templates.
    pub(crate) fn announce(&mut self, thread: Thread) {
        let announcements = &self.outlet.shared().announcements;
        let mut missing = announcements.missing().peekable();
        let is_closed = self.outlet.shared().gate() != Gate::Open;
        if !self.announces() || is_closed || missing.peek().is_none() {
            return;
        }
        self.outlet.advance(thread);
        let exporting = self.outlet.exporting();
        for layout in missing {
            // If there is no buffer now, the next sweep tries again.
            if exporting.announce_one(layout.template()).is_err() {
                break;
            }
            announcements.set_made(layout);
        }
        exporting.transport().enqueue_pending();
        self.update_repeated_templates();
    }

    /// Sets the templates that are repeated in each interval.
    pub(crate) fn update_repeated_templates(&mut self) {
        if self.announces() {
            let made = self.outlet.shared().announcements.made();
            let templates = made.map(|layout| layout.template()).collect();
            self.outlet.exporting().announce_only(templates);
        }
    }

    /// Ends the flows that were observed at an interface, in both directions.
    pub(crate) fn end_both(&mut self, sw_if_index: u32) {
        self.end_interface(sw_if_index, Direction::Ingress);
        self.end_interface(sw_if_index, Direction::Egress);
    }

    /// Under the barrier: exports records that are due, for a short time and within one frame of
    /// messages. The meter's own sweeps export the rest.
    pub(crate) fn end_now(&mut self, thread: Thread) {
        let deadline = Deadline::after(thread, BARRIER_MICROSECONDS);
        self.expire_until(thread, deadline, FRAME as u32);
    }

    /// Called when the collector becomes reachable: sends the templates, and exports the records
    /// that could not be sent before.
    pub(crate) fn catch_up(&mut self, thread: Thread) {
        self.announce(thread);
        // A full pass also exports due flows that the scheduled sweep would reach much later.
        self.restart_ending();
        self.end_now(thread);
    }
}

impl Meter for Recording {
    fn expire(&mut self, now: Uptime, budget: usize, export: &mut Exporter<'_>) -> Swept {
        self.recorder.expire(now, budget, export)
    }

    fn flush(
        &mut self,
        flush: &mut Flush,
        now: Uptime,
        budget: usize,
        select: impl Fn(&Observed) -> bool,
        export: &mut Exporter<'_>,
    ) -> Swept {
        self.recorder.flush(flush, now, budget, select, export)
    }

    fn statistics(&self) -> &Statistics {
        self.recorder.statistics()
    }

    fn clear_statistics(&mut self) {
        self.recorder.clear_statistics();
    }

    fn live_flows(&self) -> usize {
        self.recorder.live_flows()
    }

    fn groups(&self) -> usize {
        self.recorder.groups()
    }

    fn octets(&self) -> usize {
        self.recorder.octets()
    }

    fn slots(&self) -> usize {
        self.recorder.slots()
    }

    fn lag_millis(&self) -> u32 {
        self.recorder.sweep_lag_millis()
    }

    fn count(&self, groups: Range<usize>) -> Records {
        self.recorder.count(groups)
    }
}
