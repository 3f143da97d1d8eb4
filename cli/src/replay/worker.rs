// SPDX-License-Identifier: Apache-2.0
//! A worker runs the engine over its share of the packets.
//!
//! It hosts one metering and one exporting process. It knows nothing of captures, and hands messages
//! to an outlet.

use flowmeter::exporting::{ExportingProcess, FlowTemplate, Interfaces, Message, Transport};
use flowmeter::metering::{
    Configuration, Export, ExportRefused, FlowRecord, Flows, Flush, MeteringProcess, STARTER_FLOWS,
    Statistics, Swept, TableError,
};
use flowmeter::observation::{Direction, ObservationDomainId, ObservationPoint};
use flowmeter::packet::Packet;
use flowmeter::time::Uptime;

use super::clock::{Moment, Moments};
use super::top::{AnyKey, Top};
use crate::capture::{Block, CapturedPacket};
use crate::target::Outlet;

/// Packets of one block that go through the engine together.
pub(super) struct Batch {
    pub(super) block: Block,
    pub(super) packets: Vec<Timed>,
    /// Times that pass between packets, in order.
    pub(super) gaps: Vec<Gap>,
    /// The time at which the last of them was observed.
    pub(super) now: Moment,
    /// The interfaces, if they have changed.
    pub(super) interfaces: Option<Interfaces>,
}

impl Batch {
    /// Creates a batch with room for `packets` packets.
    pub(super) fn new(block: Block, interfaces: Option<Interfaces>, packets: usize) -> Self {
        Self {
            block,
            packets: Vec::with_capacity(packets),
            gaps: Vec::new(),
            now: Moment::default(),
            interfaces,
        }
    }

    /// Returns the same batch without packets and gaps, with room for `packets` packets.
    pub(super) fn without_packets(&self, packets: usize) -> Self {
        Self {
            now: self.now,
            ..Self::new(self.block.clone(), self.interfaces.clone(), packets)
        }
    }

    /// Returns whether a worker has nothing to do for it.
    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty() && self.gaps.is_empty() && self.interfaces.is_none()
    }
}

/// A time that passes between two packets.
#[derive(Clone, Copy)]
pub(super) struct Gap {
    /// The index of the packet after it.
    pub(super) at: usize,
    pub(super) moments: Moments,
}

/// A captured packet and the uptime at which it was observed.
#[derive(Clone, Copy)]
pub(super) struct Timed {
    pub(super) packet: CapturedPacket,
    pub(super) uptime: Uptime,
}

/// The results of a worker.
pub(super) struct Outcome {
    pub(super) statistics: Statistics,
    pub(super) messages: u64,
    pub(super) records: u64,
    pub(super) top: Top,
    /// Whether there was no memory to grow a table.
    pub(super) lacked_memory: bool,
}

/// A worker.
pub(super) struct Worker {
    metering: MeteringProcess,
    export: Exporter,
    /// The sizes that its tables may grow to.
    flows: Flows,
    /// Whether there was no memory to grow a table. Then tables grow no more.
    lacks_memory: bool,
}

impl Worker {
    /// Creates a worker that exports in `domain` and hands messages of up to `message_octets` to
    /// `outlet`. Its tables begin small and grow with the flows up to the size in `configuration`.
    pub(super) fn new(
        configuration: &Configuration,
        domain: ObservationDomainId,
        message_octets: usize,
        outlet: Outlet,
        top: Top,
    ) -> Result<Self, TableError> {
        let flows = configuration.flows;
        let mut small = *configuration;
        small.flows = Flows {
            ipv4: flows.ipv4.min(STARTER_FLOWS),
            ipv6: flows.ipv6.min(STARTER_FLOWS),
            l2: flows.l2.min(STARTER_FLOWS),
        };
        let channel = Channel {
            outlet,
            message_octets,
        };
        let mut process = ExportingProcess::new(channel, domain);
        // Announcements are repeated by targets, which know their sessions.
        process.set_announce_interval(u32::MAX);
        Ok(Self {
            metering: MeteringProcess::new(&small)?,
            export: Exporter { process, top },
            flows,
            lacks_memory: false,
        })
    }

    /// Meters one batch.
    pub(super) fn observe(&mut self, batch: &Batch) {
        let first = batch.gaps.first();
        self.tick(first.map_or(batch.now, |gap| gap.moments.from()));
        if let Some(interfaces) = &batch.interfaces {
            self.export.process.set_interfaces(interfaces);
            // The channel always has a buffer.
            let _ = self.export.process.finish_options();
        }
        let mut packets = &batch.packets[..];
        let mut start = 0;
        for gap in &batch.gaps {
            let (before, after) = packets.split_at(gap.at - start);
            self.meter(&batch.block, before, gap.moments.from());
            gap.moments.for_each(|moment| self.pass(moment));
            (packets, start) = (after, gap.at);
        }
        self.meter(&batch.block, packets, batch.now);
    }

    /// Meters packets, the last of which was observed at `now`.
    fn meter(&mut self, block: &Block, packets: &[Timed], now: Moment) {
        self.tick(now);
        for chunk in packets.chunks(BATCH) {
            let Some(first) = chunk.first() else { continue };
            self.grow(first.uptime);
            let mut packets = [Packet::default(); BATCH];
            for (packet, timed) in packets.iter_mut().zip(chunk) {
                *packet = timed.packet(block);
            }
            self.metering
                .observe(&packets[..chunk.len()], &mut self.export);
        }
    }

    fn tick(&mut self, now: Moment) {
        self.export.process.tick(now.time, now.uptime);
    }

    /// Grows the tables if necessary. Without memory for that, new flows replace others, as in any full
    /// table.
    fn grow(&mut self, now: Uptime) {
        if self.lacks_memory {
            return;
        }
        let grown = self.metering.grow(self.flows, now, &mut self.export);
        self.lacks_memory = grown.is_err();
    }

    /// Exports what is due at `now`.
    pub(super) fn pass(&mut self, now: Moment) {
        self.tick(now);
        let all = usize::MAX;
        self.metering.expire(now.uptime, all, &mut self.export);
    }

    /// Sends the message under construction.
    pub(super) fn send(&mut self) {
        self.export.process.flush();
    }

    /// Ends all flows.
    pub(super) fn finish(mut self, now: Moment) -> Outcome {
        self.tick(now);
        let flush = &mut Flush::default();
        let all = usize::MAX;
        while self
            .metering
            .flush(flush, now.uptime, all, |_| true, &mut self.export)
            != Swept::Done
        {}
        // The channel always has a buffer.
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

/// The maximum number of packets in a call of the engine.
const BATCH: usize = 256;

impl Timed {
    /// Returns the packet in the form that the engine takes.
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

/// Exports records and keeps the largest flows.
struct Exporter {
    process: ExportingProcess<Channel>,
    top: Top,
}

impl<K: FlowTemplate + Into<AnyKey>> Export<K> for Exporter {
    #[inline]
    fn export(&mut self, record: &FlowRecord<K>) -> Result<(), ExportRefused> {
        self.process.export(record)?;
        self.top.add(record);
        Ok(())
    }
}

/// The engine's transport to the targets.
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
