// SPDX-License-Identifier: Apache-2.0
//! One thread's recorder, and what hosts it in VPP.
//!
//! As [`Worker`](crate::worker::Worker) does, it decides when flows are swept and how much of
//! that a call does. All threads' hosts send in one observation domain and count in one
//! sequence; the main thread's alone announces.

use std::collections::BTreeSet;

use flowmeter::exporting::{ExportingProcess, Sequence};
use flowmeter::metering::{Configuration, Flush, Layers, NoRoom, Recorder, Recording, Swept};
use flowmeter::observation::{Direction, ObservationDomainId};
use flowmeter::packet::Packets;
use flowmeter::time::{Timestamp, Uptime};

use super::control::Timers;
use super::export::{ANNOUNCED, Exporter, wait_no_more};
use crate::datagram::{Datagrams, LookupNodes, Session};
use crate::shared::{Gate, SHARED};
use crate::vlib::Thread;
use crate::vlib::exporter::is_vpps;
use crate::vlib::frame::FRAME;
use crate::worker::{BUDGET_MICROSECONDS, MESSAGES_PER_MILLISECOND, Progress, SLICE, repeat};

/// flowprobe's domain.
const DOMAIN: ObservationDomainId = ObservationDomainId(1);

/// Milliseconds for which a message waits for more records.
const LINGER_MILLIS: u32 = 200;

/// One thread's recorder.
pub(crate) struct Host {
    pub(super) recorder: Recorder,
    exporting: ExportingProcess<Datagrams>,
    layers: Layers,
    /// What is in use, where it is VPP's own exporter.
    of_vpp: Option<Session>,
    ending: Option<Ending>,
    /// As of the worker.
    now: u64,
    allowance: u32,
    allowed: u64,
    sends: u32,
}

/// Flows that are to be ended, whether their time has come or not.
#[derive(Default)]
struct Ending {
    flush: Flush,
    all: bool,
    interfaces: BTreeSet<(u32, bool)>,
}

impl Host {
    /// Flows that each thread has room for: as many as flowprobe's threads have.
    pub(super) const FLOWS: usize = 1 << 18;

    /// Octets of one flow in the table: two cache lines.
    pub(super) const FLOW_OCTETS: usize = 128;

    /// One host for each of `threads`.
    pub(super) fn for_threads(threads: usize, nodes: LookupNodes) -> std::io::Result<Vec<Self>> {
        let sequence = Sequence::default();
        (0..threads)
            .map(|_| {
                let mut exporting = ExportingProcess::new(Datagrams::new(nodes), DOMAIN, false);
                exporting.share_sequence(&sequence);
                exporting.set_linger(LINGER_MILLIS);
                exporting.announce_only(Vec::new());
                Ok(Self {
                    recorder: Recorder::new(&Configuration::new(Self::FLOWS)?)?,
                    exporting,
                    layers: Layers::default(),
                    of_vpp: None,
                    ending: None,
                    now: 0,
                    allowance: 0,
                    allowed: 0,
                    sends: 0,
                })
            })
            .collect()
    }

    /// Sets what is recorded from now on, and when flows expire.
    pub(super) fn set(&mut self, layers: Layers, timers: Timers) {
        self.layers = layers;
        self.recorder.set_timeouts(timers.timeouts());
    }

    /// Sends what is under construction.
    pub(crate) fn send_open(&mut self, thread: Thread) {
        self.tell_time(thread);
        self.exporting.flush();
        self.exporting.transport().hand_on();
    }

    /// As [`Worker::set_session`](crate::worker::Worker::set_session); `is_vpps` says whether it is
    /// VPP's own exporter's.
    pub(crate) fn set_session(
        &mut self,
        thread: Thread,
        session: Option<Session>,
        announce_millis: u32,
        is_vpps: bool,
    ) {
        self.tell_time(thread);
        self.exporting.restart();
        self.exporting.set_announce_interval(announce_millis);
        self.exporting.transport().set_session(session);
        self.of_vpp = session.filter(|_| is_vpps);
        ANNOUNCED.forget();
    }

    /// Meters packets, all observed now; `frames` says whether they are frames or what is routed.
    pub(super) fn observe<P: Packets>(&mut self, thread: Thread, packets: P, frames: bool) {
        let recording = Recording {
            layers: self.layers,
            frames,
        };
        self.exporting.transport().set_thread(thread);
        let exporter = &mut Exporter::new(&mut self.exporting);
        // Who takes VPP's exporter away expects no record of any later packet.
        if let Some(session) = self.of_vpp
            && !is_vpps(thread, session.collector, session.source)
        {
            exporter.close(NoRoom::NoCollector);
        }
        self.recorder.observe(packets, recording, exporter);
        self.exporting.transport().hand_on();
    }

    /// The time of packets that are observed now.
    pub(super) fn time(&mut self, thread: Thread) -> (Timestamp, Uptime) {
        self.now = self.now.max(thread.milliseconds());
        let uptime = Uptime::from_millis(self.now as u32);
        (Timestamp::from_millis(self.now), uptime)
    }

    /// Makes the records that are due, within a budget of time and of messages.
    pub(crate) fn expire(&mut self, thread: Thread) -> Progress {
        self.tell_time(thread);
        if thread.index() == 0 {
            self.announce();
        }
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

    /// Announces now what is to be; the main thread's host does so.
    pub(super) fn announce_now(&mut self, thread: Thread) {
        self.tell_time(thread);
        self.announce();
        self.exporting.transport().hand_on();
    }

    fn announce(&mut self) {
        if SHARED.gate() != Gate::Open {
            return;
        }
        let mut told = false;
        for layout in ANNOUNCED.missing() {
            if self.exporting.announce_one(layout.template()).is_err() {
                break;
            }
            ANNOUNCED.tell(layout);
            told = true;
        }
        if told {
            self.announce_again();
        }
    }

    /// What is announced in each interval is what collectors know.
    pub(super) fn announce_again(&mut self) {
        let templates = ANNOUNCED.known().map(|layout| layout.template());
        self.exporting.announce_only(templates.collect());
    }

    /// Has the flows ended that were observed at an interface.
    pub(super) fn end_interface(&mut self, sw_if_index: u32, direction: Direction) {
        let ending = self.ending.get_or_insert_default();
        ending
            .interfaces
            .insert((sw_if_index, direction == Direction::Egress));
        ending.flush = Flush::default();
    }

    /// Ends now what is to be ended, with a frame's worth of messages: what remains is left to
    /// the sweeps.
    pub(super) fn end_now(&mut self, thread: Thread) {
        self.tell_time(thread);
        self.allowance = FRAME as u32;
        let _ = self.sweep(|| true);
        self.exporting.flush();
        self.exporting.transport().hand_on();
    }

    /// There is a way to the collector now: announces what is to be, the main thread's host first,
    /// and makes all records that are due, within a frame's worth of messages.
    pub(crate) fn catch_up(&mut self, thread: Thread) {
        self.tell_time(thread);
        self.announce();
        let now = Uptime::from_millis(self.now as u32);
        self.exporting.transport().set_allowance(FRAME as u32);
        let exporter = &mut Exporter::new(&mut self.exporting);
        let groups = self.recorder.groups();
        let _ = self
            .recorder
            .flush(&mut Flush::default(), now, groups, |_| false, exporter);
        self.exporting.transport().set_allowance(u32::MAX);
        self.exporting.flush();
        self.exporting.transport().hand_on();
        wait_no_more();
    }

    /// As [`Worker::finish`](crate::worker::Worker::finish).
    pub(crate) fn finish(&mut self, thread: Thread, between: &mut dyn FnMut() -> bool) {
        let ending = self.ending.get_or_insert_default();
        ending.all = true;
        ending.flush = Flush::default();
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

    /// Whether there is nothing left to do without new packets.
    pub(crate) fn is_idle(&self) -> bool {
        self.live_flows() == 0 && self.ending.is_none() && !self.exporting.is_open()
    }

    /// Flows in the table.
    pub(crate) fn live_flows(&self) -> u64 {
        self.recorder.live_flows() as u64
    }

    fn tell_time(&mut self, thread: Thread) {
        self.exporting.transport().set_thread(thread);
        let (time, uptime) = self.time(thread);
        if SHARED.gate() == Gate::Open {
            let wall = Timestamp::from_millis(time.as_millis().wrapping_add(SHARED.wall()));
            self.exporting.tick(wall, uptime);
        }
    }

    fn sweep(&mut self, go_on: impl FnMut() -> bool) -> Progress {
        self.exporting.transport().set_allowance(self.allowance);
        let progress = self.visit(go_on);
        self.allowance = self.exporting.transport().allowance();
        self.exporting.transport().set_allowance(u32::MAX);
        match progress {
            Progress::Waiting if self.allowance == 0 => Progress::More,
            progress => progress,
        }
    }

    fn visit(&mut self, mut go_on: impl FnMut() -> bool) -> Progress {
        let now = Uptime::from_millis(self.now as u32);
        let exporter = &mut Exporter::new(&mut self.exporting);
        let recorder = &mut self.recorder;
        let swept = repeat(&mut go_on, || recorder.expire(now, SLICE, exporter));
        if swept != Swept::Done {
            return swept.into();
        }
        if let Some(Ending {
            flush,
            all,
            interfaces,
        }) = &mut self.ending
        {
            let swept = repeat(&mut go_on, || {
                recorder.flush(
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
        self.ending = None;
        Progress::Done
    }
}
