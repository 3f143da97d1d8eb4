// SPDX-License-Identifier: Apache-2.0
//! A worker: the engine over the packets of one lane.
//!
//! It hosts one metering and one exporting process, and knows neither files nor targets.

use std::io;

use crossbeam_channel::Sender;
use flowmeter::exporting::{ExportingProcess, FlowTemplate, Interfaces, Message, Transport};
use flowmeter::metering::{
    Configuration, Export, FlowRecord, Flush, MeteringProcess, NoRoom, Statistics, Swept,
};
use flowmeter::observation::{Direction, ObservationDomainId, ObservationPoint};
use flowmeter::packet::Packet;
use flowmeter::time::{Timestamp, Uptime};

use super::EPOCH;
use super::top::{AnyKey, Top};
use crate::capture::{Block, CapturedPacket};
use crate::target::Outgoing;

/// Packets of one block that go through the engine together.
pub(super) struct Batch {
    pub(super) block: Block,
    pub(super) packets: Vec<Timed>,
    /// The uptime at the first of them.
    pub(super) uptime: Uptime,
    /// The interfaces, where they have changed.
    pub(super) interfaces: Option<Interfaces>,
}

impl Batch {
    /// A batch that waits for `packets` packets.
    pub(super) fn new(block: Block, interfaces: Option<Interfaces>, packets: usize) -> Self {
        Self {
            block,
            packets: Vec::with_capacity(packets),
            uptime: Uptime::default(),
            interfaces,
        }
    }
}

/// A captured packet and the uptime at which it was observed.
#[derive(Clone, Copy)]
pub(super) struct Timed {
    pub(super) packet: CapturedPacket,
    pub(super) uptime: Uptime,
}

/// What a worker leaves behind.
pub(super) struct Outcome {
    pub(super) statistics: Statistics,
    pub(super) messages: u64,
    pub(super) records: u64,
    pub(super) top: Top,
}

/// Groups of slots that are looked at for expired flows after each frame: with a full frame and
/// every slot in use that is two flows for each packet, a few clocks.
const SWEEP_BUDGET: usize = 32;

/// A worker.
pub(super) struct Worker {
    metering: MeteringProcess,
    export: Exporter,
    now: Timestamp,
    /// When all flows were last looked at in one go.
    swept: Uptime,
}

impl Worker {
    /// A worker that exports as `domain` and hands messages of up to `message_octets` to
    /// `messages`.
    pub(super) fn new(
        configuration: &Configuration,
        domain: ObservationDomainId,
        message_octets: usize,
        messages: Option<Sender<Outgoing>>,
        top: Top,
    ) -> io::Result<Self> {
        let channel = Channel {
            messages,
            message_octets,
        };
        Ok(Self {
            metering: MeteringProcess::new(configuration)?,
            export: Exporter {
                process: ExportingProcess::new(channel, domain, configuration.l2),
                top,
            },
            now: Timestamp::default(),
            swept: Uptime::default(),
        })
    }

    /// Announces templates and interfaces once only, as is enough where no message gets lost.
    pub(super) fn announce_once(&mut self) {
        self.export.process.set_announce_interval(u32::MAX);
    }

    /// Meters one batch.
    pub(super) fn observe(&mut self, batch: &Batch) {
        if let Some(interfaces) = &batch.interfaces {
            self.export.process.set_interfaces(interfaces);
        }
        if batch.uptime.since(self.swept) >= EPOCH {
            // The sweep may be behind, but never so far that uptime wraps around.
            self.swept = batch.uptime;
            self.export.process.tick(self.now, batch.uptime);
            let all = usize::MAX;
            self.metering.expire(batch.uptime, all, &mut self.export);
        }
        for frame in batch.packets.chunks(FRAME) {
            let mut packets = [Packet::default(); FRAME];
            for (packet, timed) in packets.iter_mut().zip(frame) {
                *packet = timed.packet(&batch.block);
                // Times may step back; the time of export does not follow.
                self.now = self.now.max(packet.time);
            }
            let Some(last) = frame.last() else { continue };
            self.export.process.tick(self.now, last.uptime);
            self.metering
                .observe(&packets[..frame.len()], &mut self.export);
            self.metering
                .expire(last.uptime, SWEEP_BUDGET, &mut self.export);
        }
    }

    /// Ends all flows.
    pub(super) fn finish(mut self, uptime: Uptime) -> Outcome {
        let flush = &mut Flush::default();
        let all = usize::MAX;
        while self
            .metering
            .flush(flush, uptime, all, |_| true, &mut self.export)
            != Swept::Done
        {}
        // A channel to the exporter always has a buffer.
        let _ = self.export.process.finish_options();
        self.export.process.flush();
        let exported = *self.export.process.statistics();
        Outcome {
            statistics: *self.metering.statistics(),
            messages: exported.messages,
            records: exported.flow_records,
            top: self.export.top,
        }
    }
}

/// Packets that are handed to the engine in one call.
const FRAME: usize = 256;

impl Timed {
    /// The packet as the engine wants it.
    pub(super) fn packet<'a>(&self, block: &'a Block) -> Packet<'a> {
        let captured = &self.packet;
        let (ingress_interface, egress_interface) = match captured.direction {
            Direction::Ingress => (captured.interface, 0),
            Direction::Egress => (0, captured.interface),
        };
        Packet {
            data: captured.data(block),
            point: ObservationPoint {
                ingress_interface,
                egress_interface,
                direction: captured.direction,
                link_type: captured.link_type,
                ..ObservationPoint::default()
            },
            time: captured.time,
            uptime: self.uptime,
            length: captured.length,
            segment_size: 0,
        }
    }
}

/// Exports records and looks for the largest flows among them.
struct Exporter {
    process: ExportingProcess<Channel>,
    top: Top,
}

impl<K: FlowTemplate + Into<AnyKey>> Export<K> for Exporter {
    #[inline]
    fn export(&mut self, record: &FlowRecord<K>) -> Result<(), NoRoom> {
        self.process.export(record)?;
        self.top.add(record);
        Ok(())
    }
}

/// The way to the targets, if there are any.
struct Channel {
    messages: Option<Sender<Outgoing>>,
    message_octets: usize,
}

impl Transport for Channel {
    type Buffer = Vec<u8>;

    fn buffer(&mut self) -> Option<Vec<u8>> {
        Some(vec![0; self.message_octets])
    }

    fn send(&mut self, message: Message<Vec<u8>>) {
        if let Some(messages) = &self.messages {
            // The receiver outlives every worker; without one there is nowhere to send.
            let _ = messages.send(message);
        }
    }
}
