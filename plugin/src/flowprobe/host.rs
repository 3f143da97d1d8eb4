// SPDX-License-Identifier: Apache-2.0
//! One thread's recorder, and how its records leave.
//!
//! All threads' hosts send in one observation domain and count in one sequence; the main
//! thread's alone announces.

use flowmeter::exporting::Sequence;
use flowmeter::metering::{
    Configuration, Export, FlowRecord, Flush, Layers, NoRoom, RecordedKey, Recorder, Recording,
};
use flowmeter::observation::{Direction, ObservationDomainId};
use flowmeter::packet::Packets;
use flowmeter::time::{Timestamp, Uptime};

use super::announce::{ANNOUNCED, Known, Way};
use super::control::Timers;
use crate::datagram::{LookupNodes, Session};
use crate::outlet::{Exporter, Outlet};
use crate::shared::{Gate, SHARED};
use crate::sweeping::{Deadline, Ending, Progress, SLICE};
use crate::vlib::Thread;
use crate::vlib::frame::FRAME;
use crate::worker::Accounts;

/// flowprobe's domain.
const DOMAIN: ObservationDomainId = ObservationDomainId(1);

/// Milliseconds for which a message waits for more records.
const LINGER_MILLIS: u32 = 200;

/// How long the main thread sweeps one host while all threads stand still, in microseconds: an
/// empty table takes a fifth of that. The rest is left to the host's own thread.
const BARRIER_MICROSECONDS: f64 = 100.0;

/// One thread's recorder.
pub(crate) struct Host {
    flows: Flows,
    layers: Layers,
    outlet: Outlet,
    /// Flows that there is room for.
    room: usize,
    /// Whether it is the one that announces.
    announces: bool,
}

/// The flows, and what becomes of them.
struct Flows {
    recorder: Recorder,
    ending: Option<Ending>,
}

impl Host {
    /// Octets of one flow in the table: two cache lines.
    pub(super) const FLOW_OCTETS: usize = 128;

    /// Recorders for so many hosts and flows, with all the memory that they will need.
    pub(super) fn recorders(threads: usize, flows: usize) -> std::io::Result<Vec<Recorder>> {
        (0..threads)
            .map(|_| Recorder::new(&Configuration::new(flows)?))
            .collect()
    }

    /// A host for each thread, with these recorders for so many flows.
    pub(super) fn for_threads(
        recorders: Vec<Recorder>,
        room: usize,
        nodes: LookupNodes,
    ) -> impl Iterator<Item = Self> {
        let sequence = Sequence::default();
        recorders
            .into_iter()
            .zip(0..)
            .map(move |(recorder, thread)| {
                let mut outlet = Outlet::new(DOMAIN, nodes);
                outlet.exporting().share_sequence(&sequence);
                outlet.exporting().set_linger(LINGER_MILLIS);
                outlet.exporting().announce_only(Vec::new());
                Self {
                    flows: Flows {
                        recorder,
                        ending: None,
                    },
                    layers: Layers::default(),
                    outlet,
                    room,
                    announces: thread == 0,
                }
            })
    }

    /// Flows that there is room for.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// What is recorded.
    pub(super) fn layers(&self) -> Layers {
        self.layers
    }

    /// What meters.
    pub(crate) fn recorder(&self) -> &Recorder {
        &self.flows.recorder
    }

    /// Sets what is recorded from now on, and when flows expire.
    pub(super) fn set(&mut self, layers: Layers, timers: Timers) {
        self.layers = layers;
        self.flows.recorder.set_timeouts(timers.timeouts());
    }

    /// Sends what is under construction.
    pub(crate) fn send(&mut self, thread: Thread) {
        self.outlet.send(thread);
    }

    /// Exports to another collector from now on. What is under construction on any thread must
    /// have been sent: all count in one sequence, which begins anew.
    pub(crate) fn set_session(
        &mut self,
        thread: Thread,
        session: Option<Session>,
        announce_millis: u32,
    ) {
        self.outlet.set_session(thread, session, announce_millis);
        ANNOUNCED.forget();
    }

    /// Meters packets, all observed now; `frames` says whether they are frames or what is routed.
    pub(super) fn observe<P: Packets>(&mut self, thread: Thread, packets: P, frames: bool) {
        let recording = Recording {
            layers: self.layers,
            frames,
        };
        let known = ANNOUNCED.known(thread);
        let recorder = &mut self.flows.recorder;
        self.outlet.export(thread, |exporter| {
            recorder.observe(packets, recording, &mut Announcing { exporter, known });
        });
    }

    /// The time of packets that are observed now.
    pub(super) fn time(&mut self, thread: Thread) -> (Timestamp, Uptime) {
        self.outlet.time(thread)
    }

    /// Makes the records that are due, within a budget of time and of messages. `node` is the
    /// one that calls this on each thread.
    pub(crate) fn expire(&mut self, thread: Thread, node: u32) -> Progress {
        let mut way = Way::Idle;
        if self.announces {
            way = ANNOUNCED.next_round();
            self.announce(thread);
        }
        let flows = &mut self.flows;
        let progress = self.outlet.sweep(thread, |now, deadline, exporter| {
            flows.visit(thread, now, deadline, exporter)
        });
        match way {
            Way::Idle => progress,
            Way::Under => Progress::More,
            Way::Arrived => {
                // Others may have waited for it.
                thread.interrupt_all(node);
                progress
            }
        }
    }

    /// Announces what is to be and was not yet, where this host does so.
    pub(super) fn announce(&mut self, thread: Thread) {
        let mut missing = ANNOUNCED.missing().peekable();
        if !self.announces || SHARED.gate() != Gate::Open || missing.peek().is_none() {
            return;
        }
        self.outlet.tell_time(thread);
        let exporting = self.outlet.exporting();
        for layout in missing {
            // Without a buffer now, the next sweep tries again.
            if exporting.announce_one(layout.template()).is_err() {
                break;
            }
            ANNOUNCED.tell(layout);
        }
        exporting.transport().hand_on();
        self.announce_again();
    }

    /// What is announced in each interval is what collectors know.
    pub(super) fn announce_again(&mut self) {
        if self.announces {
            let templates = ANNOUNCED.told().map(|layout| layout.template());
            self.outlet.exporting().announce_only(templates.collect());
        }
    }

    /// Has all flows ended.
    pub(crate) fn end_all(&mut self) {
        self.flows.ending.get_or_insert_default().add_all();
    }

    /// Has the flows ended that were observed at an interface.
    pub(super) fn end_interface(&mut self, sw_if_index: u32) {
        let ending = self.flows.ending.get_or_insert_default();
        ending.add_interface(sw_if_index, Direction::Ingress);
        ending.add_interface(sw_if_index, Direction::Egress);
    }

    /// Whether flows wait to be ended.
    pub(crate) fn is_ending(&self) -> bool {
        self.flows.ending.is_some()
    }

    /// Makes now what records are due, for a moment and within a frame's worth of messages,
    /// while all threads stand still: what remains is left to the host's own sweeps.
    pub(super) fn end_now(&mut self, thread: Thread) {
        let deadline = Deadline::after(thread, BARRIER_MICROSECONDS);
        let flows = &mut self.flows;
        let messages = FRAME as u32;
        self.outlet
            .sweep_now(thread, deadline, messages, |now, deadline, exporter| {
                flows.visit(thread, now, deadline, exporter)
            });
        // Also where there was no time for all.
        self.outlet.send(thread);
    }

    /// There is a way to the collector now: announces what is to be, and makes the records that
    /// could not be sent before.
    pub(crate) fn catch_up(&mut self, thread: Thread) {
        self.announce(thread);
        // Also where the next sweep would not come by for a while.
        self.flows.ending.get_or_insert_default().flush = Flush::default();
        self.end_now(thread);
    }

    /// As [`Worker::finish`](crate::worker::Worker::finish).
    pub(crate) fn finish(&mut self, thread: Thread, between: &mut dyn FnMut() -> bool) {
        self.end_all();
        self.announce(thread);
        let flows = &mut self.flows;
        self.outlet
            .finish(thread, between, |now, deadline, exporter| {
                flows.visit(thread, now, deadline, exporter)
            });
    }

    /// Whether there is nothing left to do without new packets.
    pub(crate) fn is_idle(&self) -> bool {
        self.recorder().live_flows() == 0 && !self.is_ending() && !self.outlet.is_open()
    }

    /// The accounts so far.
    pub(crate) fn accounts(&self) -> Accounts {
        let (messages, records) = self.outlet.sent();
        Accounts {
            statistics: *self.recorder().statistics(),
            live_flows: self.recorder().live_flows() as u64,
            messages,
            records,
        }
    }

    /// Begins the accounts anew; what stands in live flows counts as observed just now.
    pub(crate) fn clear_statistics(&mut self) {
        self.flows.recorder.clear_statistics();
        self.outlet.exporting().clear_statistics();
    }
}

impl Flows {
    /// As of a worker's.
    fn visit(
        &mut self,
        thread: Thread,
        now: Uptime,
        deadline: Deadline,
        exporter: &mut Exporter<'_>,
    ) -> Progress {
        let Self { recorder, ending } = self;
        let known = ANNOUNCED.known(thread);
        let export = &mut Announcing { exporter, known };
        let swept = deadline.sweep(ending, |ending| match ending {
            None => recorder.expire(now, SLICE, export),
            Some(Ending { flush, chosen }) => {
                recorder.flush(flush, now, SLICE, |at| chosen.has(at), export)
            }
        });
        swept.into()
    }
}

/// Takes the records whose layout collectors know.
struct Announcing<'a, 'b> {
    exporter: &'a mut Exporter<'b>,
    known: Known,
}

impl Export<RecordedKey> for Announcing<'_, '_> {
    fn closed(&self) -> Option<NoRoom> {
        self.exporter.closed()
    }

    fn export(&mut self, record: &FlowRecord<RecordedKey>) -> Result<(), NoRoom> {
        if !self.known.has(record.key.layout()) {
            // Where there is no collector, that is why.
            return match SHARED.gate() {
                Gate::Closed(why) => Err(why),
                Gate::Open => Err(NoRoom::NoBuffer),
            };
        }
        self.exporter.export(record)
    }
}
