// SPDX-License-Identifier: Apache-2.0
//! How packets reach workers, each of which has a thread of its own.
//!
//! Both directions of a conversation go to the same worker, and packets of a flow stay in
//! order. Nothing is dropped: a worker that is behind is waited for.

use std::thread;

use crossbeam_channel::{Sender, bounded};
use flowmeter::flow::Ports;
use flowmeter::packet::{Dissection, Packet, dissect};
use flowmeter::time::Uptime;

use super::EPOCH;
use super::worker::{Batch, Outcome, Worker};

/// Batches that may wait for a worker.
const WAITING_BATCHES: usize = 64;

/// The workers.
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    /// When all workers were last told the time.
    told: Uptime,
}

/// A worker on a thread of its own.
struct Lane {
    batches: Sender<Step>,
    thread: thread::JoinHandle<Outcome>,
}

/// What a worker does next.
enum Step {
    Observe(Batch),
    Finish(Uptime),
}

impl Lanes {
    /// Puts the workers to work.
    pub(super) fn new(workers: Vec<Worker>) -> Self {
        Self {
            lanes: workers.into_iter().map(Lane::start).collect(),
            told: Uptime::default(),
        }
    }

    /// Meters the packets of `batch`.
    pub(super) fn observe(&mut self, batch: Batch) {
        let Self { lanes, told } = self;
        if let [lane] = &lanes[..] {
            return lane.send(Step::Observe(batch));
        }
        let mut shares: Vec<Batch> = lanes
            .iter()
            .map(|_| {
                let interfaces = batch.interfaces.clone();
                let mut share = Batch::new(batch.block.clone(), interfaces, batch.packets.len());
                share.uptime = batch.uptime;
                share
            })
            .collect();
        for timed in &batch.packets {
            let hash = conversation_hash(&timed.packet(&batch.block));
            let share = (u64::from(hash) * shares.len() as u64) >> 32;
            shares[share as usize].packets.push(*timed);
        }
        // Workers without a packet hear of the time now and then.
        let tells_time = batch.uptime.since(*told) >= EPOCH;
        if tells_time {
            *told = batch.uptime;
        }
        for (lane, share) in lanes.iter().zip(shares) {
            if tells_time || !share.packets.is_empty() || share.interfaces.is_some() {
                lane.send(Step::Observe(share));
            }
        }
    }

    /// Ends all flows at `uptime`.
    pub(super) fn finish(self, uptime: Uptime) -> Vec<Outcome> {
        for lane in &self.lanes {
            lane.send(Step::Finish(uptime));
        }
        self.lanes.into_iter().map(Lane::join).collect()
    }
}

impl Lane {
    fn start(mut worker: Worker) -> Self {
        let (batches, steps) = bounded(WAITING_BATCHES);
        let thread = thread::spawn(move || {
            let mut end = Uptime::default();
            for step in steps {
                match step {
                    Step::Observe(batch) => worker.observe(&batch),
                    Step::Finish(uptime) => {
                        end = uptime;
                        break;
                    }
                }
            }
            worker.finish(end)
        });
        Self { batches, thread }
    }

    fn send(&self, step: Step) {
        // Only a worker that panicked does not receive; `join` passes that on.
        let _ = self.batches.send(step);
    }

    fn join(self) -> Outcome {
        self.thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// The same number for both directions of a conversation. Packets without a flow all have
/// the same.
fn conversation_hash(packet: &Packet<'_>) -> u32 {
    match dissect(packet) {
        Dissection::Ipv4(headers) => {
            let key = headers.key;
            let ends = [key.source, key.destination].map(|end| u128::from(u32::from_ne_bytes(end)));
            mix(ends, conversation_ports(key.ports, key.observed.payload))
        }
        Dissection::Ipv6(headers) => {
            let key = headers.key;
            let ends = [key.source, key.destination].map(u128::from_ne_bytes);
            mix(ends, conversation_ports(key.ports, key.observed.payload))
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
fn conversation_ports(ports: Ports, protocol: u16) -> Ports {
    match protocol {
        1 | 58 => Ports::default(),
        _ => ports,
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
