// SPDX-License-Identifier: Apache-2.0
//! A thread's meter of recorded flows, which replace flowprobe's.
//!
//! The processes of all threads export in one observation domain with one sequence; only the first
//! thread's process sends templates.

use std::io;

use flowmeter::exporting::Session;
use flowmeter::metering::{
    Configuration, LayerSelection, Layered, Layers, MeteringProcess, Seed, Timeouts,
};
use flowmeter::observation::{Direction, ObservationDomainId};
use flowmeter::packet::Packets;

use super::thread_meter::ThreadMeter;
use crate::export::announcements::Round;
use crate::export::budget::{Deadline, Progress};
use crate::export::datagram::LookupNodes;
use crate::export::outlet::Outlet;
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

/// A thread's meter of recorded flows and its configuration.
pub(crate) struct Recording {
    pub(crate) meter: ThreadMeter<Layered>,
    layers: Layers,
    /// The capacity, in flows.
    room: usize,
    /// Whether this one sends templates.
    announces: bool,
}

impl Recording {
    /// Octets of a flow in the table: two cache lines.
    pub(crate) const FLOW_OCTETS: usize = 128;

    /// Creates processes for `threads` threads, for `flows` flows each, with all of their memory.
    /// Calls `place` with a thread's index before its process is created.
    pub(crate) fn processes(
        threads: usize,
        flows: usize,
        place: impl Fn(usize),
    ) -> io::Result<Vec<MeteringProcess<Layered>>> {
        let processes = (0..threads).map(|thread| {
            place(thread);
            let seed = Seed::random().map_err(io::Error::other)?;
            let process = MeteringProcess::layered(&Configuration::new(flows, seed));
            let mut process = process.map_err(io::Error::other)?;
            process.populate();
            Ok(process)
        });
        processes.collect()
    }

    /// Creates a meter for each thread from these processes with a capacity of `room` flows.
    pub(crate) fn for_threads(
        processes: Vec<MeteringProcess<Layered>>,
        room: usize,
        shared: &'static Shared,
        nodes: LookupNodes,
    ) -> impl Iterator<Item = Self> {
        let session = Session::default();
        processes
            .into_iter()
            .zip(0..)
            .map(move |(process, thread)| {
                let mut outlet = Outlet::new(shared, DOMAIN, nodes);
                outlet.exporting().share_session(&session);
                outlet.exporting().set_linger(LINGER_MILLIS);
                let mut meter = ThreadMeter::new(outlet);
                meter.replace(process);
                Self {
                    meter,
                    layers: Layers::default(),
                    room,
                    announces: thread == 0,
                }
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

    /// Sets the layers and the timeouts.
    pub(crate) fn set(&mut self, layers: Layers, timeouts: Timeouts) {
        self.layers = layers;
        if let (Some(process), _) = self.meter.parts() {
            process.set_timeouts(timeouts);
        }
    }

    /// Sends the message under construction.
    pub(crate) fn send(&mut self, thread: Thread) {
        self.meter.outlet.send(thread);
    }

    /// Meters packets that are observed now; `frames` is true for frames, false for routed packets.
    pub(super) fn observe<P: Packets>(&mut self, thread: Thread, packets: P, frames: bool) {
        let selection = LayerSelection {
            layers: self.layers,
            frames,
        };
        if let (Some(process), outlet) = self.meter.parts() {
            outlet.export(thread, |exporter| {
                process.observe_layers(packets, selection, exporter);
            });
        }
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
        if self.announces {
            round = self.meter.outlet.shared().announcements.next_round();
            self.announce(thread);
        }
        let progress = self.meter.expire(thread, deadline);
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

    /// Sends the requested templates, if this meter sends templates.
    pub(crate) fn announce(&mut self, thread: Thread) {
        let announcements = &self.meter.outlet.shared().announcements;
        let mut missing = announcements.missing().peekable();
        let is_closed = self.meter.outlet.shared().gate() != Gate::Open;
        if !self.announces || is_closed || missing.peek().is_none() {
            return;
        }
        self.meter.outlet.advance(thread);
        let exporting = self.meter.outlet.exporting();
        for layout in missing {
            // If there is no buffer now, the next sweep tries again.
            if exporting.announce_layout(layout).is_err() {
                break;
            }
            announcements.set_made(layout);
        }
        exporting.transport().enqueue_pending();
    }

    /// Sets the templates that are repeated in each interval.
    pub(crate) fn update_repeated_templates(&mut self) {
        if self.announces {
            let made = self.meter.outlet.shared().announcements.made();
            self.meter.outlet.exporting().retain_layouts(made);
        }
    }

    /// Ends the flows that were observed at an interface, in both directions.
    pub(crate) fn end_both(&mut self, sw_if_index: u32) {
        self.meter.end_interface(sw_if_index, Direction::Ingress);
        self.meter.end_interface(sw_if_index, Direction::Egress);
    }

    /// Under the barrier: exports records that are due, for a short time and within one frame of
    /// messages. The meter's own sweeps export the rest.
    pub(crate) fn end_now(&mut self, thread: Thread) {
        let deadline = Deadline::after(thread, BARRIER_MICROSECONDS);
        self.meter.expire_until(thread, deadline, FRAME as u32);
    }

    /// Called when the collector becomes reachable: sends the templates, and exports the records
    /// that could not be sent before.
    pub(crate) fn catch_up(&mut self, thread: Thread) {
        self.announce(thread);
        // A full pass also exports due flows that the scheduled sweep would reach much later.
        self.meter.restart_ending();
        self.end_now(thread);
    }
}
