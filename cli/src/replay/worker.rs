// SPDX-License-Identifier: Apache-2.0
//! A worker: the engine over its share of the packets.
//!
//! It hosts one metering and one exporting process, and knows neither files nor targets.

use flowmeter::exporting::{ExportingProcess, FlowTemplate, Interfaces, Message, Transport};
use flowmeter::metering::{
    Configuration, Export, FlowRecord, Flows, Flush, MeteringProcess, NoRoom, OutOfMemory,
    STARTER_FLOWS, Statistics, Swept,
};
use flowmeter::observation::{Direction, ObservationDomainId, ObservationPoint};
use flowmeter::packet::Packet;
use flowmeter::time::Uptime;

use super::clock::Moment;
use super::top::{AnyKey, Top};
use crate::capture::{Block, CapturedPacket};
use crate::target::Outlet;

/// Packets of one block that go through the engine together.
pub(super) struct Batch {
    pub(super) block: Block,
    pub(super) packets: Vec<Timed>,
    /// When the last of them was observed.
    pub(super) now: Moment,
    /// The interfaces, where they have changed.
    pub(super) interfaces: Option<Interfaces>,
}

impl Batch {
    /// A batch with room for so many packets.
    pub(super) fn new(block: Block, interfaces: Option<Interfaces>, packets: usize) -> Self {
        Self {
            block,
            packets: Vec::with_capacity(packets),
            now: Moment::default(),
            interfaces,
        }
    }

    /// The same without its packets, with room for so many.
    pub(super) fn without_packets(&self, packets: usize) -> Self {
        Self {
            now: self.now,
            ..Self::new(self.block.clone(), self.interfaces.clone(), packets)
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
    /// Whether the system had no memory for a table of the size that was asked for.
    pub(super) lacked_memory: bool,
}

/// A worker.
pub(super) struct Worker {
    metering: MeteringProcess,
    export: Exporter,
    /// The flows that its tables may grow to.
    flows: Flows,
    /// Whether there was no memory for a larger table: then all stay as they are.
    lacks_memory: bool,
}

impl Worker {
    /// A worker that exports as `domain` and hands messages of up to `message_octets` to
    /// `outlet`. Its tables begin small, and grow to what `configuration` says where flows come.
    pub(super) fn new(
        configuration: &Configuration,
        domain: ObservationDomainId,
        message_octets: usize,
        outlet: Outlet,
        top: Top,
    ) -> Result<Self, OutOfMemory> {
        let flows = configuration.flows;
        let small = Configuration {
            flows: Flows {
                ipv4: flows.ipv4.min(STARTER_FLOWS),
                ipv6: flows.ipv6.min(STARTER_FLOWS),
                l2: flows.l2.min(STARTER_FLOWS),
            },
            ..*configuration
        };
        let channel = Channel {
            outlet,
            message_octets,
        };
        Ok(Self {
            metering: MeteringProcess::new(&small)?,
            export: Exporter {
                process: ExportingProcess::new(channel, domain),
                top,
            },
            flows,
            lacks_memory: false,
        })
    }

    /// Announces templates and interfaces once only, which is enough for a file. Collectors restart,
    /// and messages to them get lost.
    pub(super) fn announce_once(&mut self) {
        self.export.process.set_announce_interval(u32::MAX);
    }

    /// Meters one batch.
    pub(super) fn observe(&mut self, batch: &Batch) {
        let Moment { uptime, time } = batch.now;
        self.export.process.tick(time, uptime);
        if let Some(interfaces) = &batch.interfaces {
            self.export.process.set_interfaces(interfaces);
        }
        for frame in batch.packets.chunks(FRAME) {
            let Some(first) = frame.first() else { continue };
            self.grow(first.uptime);
            let mut packets = [Packet::default(); FRAME];
            for (packet, timed) in packets.iter_mut().zip(frame) {
                *packet = timed.packet(&batch.block);
            }
            self.metering
                .observe(&packets[..frame.len()], &mut self.export);
        }
    }

    /// Makes room for more flows. Where there is no memory for it, flows make room for others as
    /// in any full table.
    fn grow(&mut self, now: Uptime) {
        if self.lacks_memory {
            return;
        }
        let grown = self.metering.grow(self.flows, now, &mut self.export);
        self.lacks_memory = grown.is_err();
    }

    /// Exports what is due at `now`.
    pub(super) fn pass(&mut self, now: Moment) {
        self.export.process.tick(now.time, now.uptime);
        let all = usize::MAX;
        self.metering.expire(now.uptime, all, &mut self.export);
    }

    /// Sends the message under construction.
    pub(super) fn send(&mut self) {
        self.export.process.flush();
    }

    /// Ends all flows.
    pub(super) fn finish(mut self, now: Moment) -> Outcome {
        self.export.process.tick(now.time, now.uptime);
        let flush = &mut Flush::default();
        let all = usize::MAX;
        while self
            .metering
            .flush(flush, now.uptime, all, |_| true, &mut self.export)
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
            lacked_memory: self.lacks_memory,
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

/// The way to the targets.
struct Channel {
    outlet: Outlet,
    message_octets: usize,
}

impl Transport for Channel {
    type Buffer = Vec<u8>;

    fn buffer(&mut self) -> Option<Vec<u8>> {
        Some(vec![0; self.message_octets])
    }

    fn send(&mut self, message: Message<Vec<u8>>) {
        self.outlet.send(message);
    }
}
