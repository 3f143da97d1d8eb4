// SPDX-License-Identifier: Apache-2.0
//! Dispatches packets and moments to workers, each of which has a thread of its own.
//!
//! Both directions of a conversation go to the same worker, and packets of a flow stay in
//! order. Nothing is dropped: a slow worker applies back-pressure.

use std::thread;

use crossbeam_channel::{Sender, bounded};
use flowmeter::flow::Ports;
use flowmeter::number::protocol;
use flowmeter::packet::{Dissection, Packet, dissect};

use super::clock::{Moment, Moments};
use super::worker::{Batch, Gap, Outcome, Worker};

/// The maximum number of steps in the queue of a worker.
const QUEUED_STEPS: usize = 64;

/// The workers.
pub(super) struct Dispatcher {
    workers: Vec<WorkerThread>,
}

/// A worker on a thread of its own.
struct WorkerThread {
    steps: Sender<Step>,
    thread: thread::JoinHandle<Outcome>,
}

/// A step of a worker.
enum Step {
    /// Meter packets.
    Observe(Batch),
    /// Export what is due at these moments, then send the message under construction.
    Send(Moments),
    /// End all flows.
    Finish(Moment),
}

impl Dispatcher {
    /// Starts the threads of `workers`.
    pub(super) fn new(workers: Vec<Worker>) -> Self {
        Self {
            workers: workers.into_iter().map(WorkerThread::start).collect(),
        }
    }

    /// Meters the packets of `batch`.
    pub(super) fn observe(&self, batch: Batch) {
        let workers = &self.workers;
        if let [worker] = &workers[..] {
            return worker.send(Step::Observe(batch));
        }
        let mut shares: Vec<Batch> = workers
            .iter()
            .map(|_| batch.without_packets(batch.packets.len()))
            .collect();
        let mut gaps = batch.gaps.iter().peekable();
        for (at, timed) in batch.packets.iter().enumerate() {
            if let Some(gap) = gaps.next_if(|gap| gap.at == at) {
                for share in &mut shares {
                    share.gaps.push(Gap {
                        at: share.packets.len(),
                        ..*gap
                    });
                }
            }
            let hash = conversation_hash(&timed.packet(&batch.block));
            let share = (u64::from(hash) * shares.len() as u64) >> 32;
            shares[share as usize].packets.push(*timed);
        }
        for (worker, share) in workers.iter().zip(shares) {
            if !share.is_empty() {
                worker.send(Step::Observe(share));
            }
        }
    }

    /// Makes all workers export what is due at each of `moments`, then send the messages under
    /// construction.
    pub(super) fn send(&self, moments: Moments) {
        for worker in &self.workers {
            worker.send(Step::Send(moments));
        }
    }

    /// Ends all flows and returns the results of the workers.
    pub(super) fn finish(self, moment: Moment) -> Vec<Outcome> {
        for worker in &self.workers {
            worker.send(Step::Finish(moment));
        }
        self.workers.into_iter().map(WorkerThread::join).collect()
    }
}

impl WorkerThread {
    fn start(mut worker: Worker) -> Self {
        let (sender, steps) = bounded(QUEUED_STEPS);
        let thread = thread::spawn(move || {
            let mut end = Moment::default();
            for step in steps {
                match step {
                    Step::Observe(batch) => worker.observe(&batch),
                    Step::Send(moments) => {
                        moments.for_each(|moment| worker.pass(moment));
                        worker.send();
                    }
                    Step::Finish(moment) => {
                        end = moment;
                        break;
                    }
                }
            }
            worker.finish(end)
        });
        Self {
            steps: sender,
            thread,
        }
    }

    fn send(&self, step: Step) {
        // This fails only if the worker has panicked; `join` resumes the panic.
        let _ = self.steps.send(step);
    }

    fn join(self) -> Outcome {
        self.thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Returns the same number for both directions of a conversation, and for all packets that are
/// ignored.
fn conversation_hash(packet: &Packet<'_>) -> u32 {
    match dissect(packet) {
        Dissection::Ipv4(headers) => {
            let key = headers.key;
            let ends = [key.source, key.destination].map(|end| u128::from(u32::from_ne_bytes(end)));
            mix(ends, conversation_ports(key.ports, key.observed.protocol))
        }
        Dissection::Ipv6(headers) => {
            let key = headers.key;
            let ends = [key.source, key.destination].map(u128::from_ne_bytes);
            mix(ends, conversation_ports(key.ports, key.observed.protocol))
        }
        Dissection::NonIp(headers) => {
            let ends = [headers.key.source, headers.key.destination].map(|end| {
                let mut octets = [0; 16];
                octets[..6].copy_from_slice(&end);
                u128::from_ne_bytes(octets)
            });
            mix(ends, Ports::default())
        }
        Dissection::Ignored(_) => 0,
    }
}

/// What both directions have in common: of ICMP and ICMPv6, where type and code stand for
/// ports, nothing.
fn conversation_ports(ports: Ports, protocol_number: u16) -> Ports {
    if protocol::is_icmp(protocol_number as u8) {
        Ports::default()
    } else {
        ports
    }
}

/// Sums, because they are the same in either order; the multiplication spreads them.
fn mix([one, other]: [u128; 2], ports: Ports) -> u32 {
    let [source, destination] = [ports.source, ports.destination].map(u16::from_ne_bytes);
    let sum = one
        .wrapping_add(other)
        .wrapping_add(u128::from(source).wrapping_add(u128::from(destination)) << 17);
    let folded = sum as u64 ^ (sum >> 64) as u64;
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}
