// SPDX-License-Identifier: Apache-2.0
//! The body of the observing nodes that replace flowprobe's: a frame's packets go to the layered
//! process.
//!
//! MAC addresses of routed packets are recorded, too: if such a packet still has an Ethernet header
//! before it, or already has one, the process gets the packet with that header.

use core::marker::PhantomData;

use flowmeter::metering::Layers;
use flowmeter::observation::{Direction, LinkType, ObservationPoint};
use flowmeter::packet::{Packet, Packets};
use flowmeter::time::{Timestamp, Uptime};

use super::node::{Pass, count_ignored, without_reports};
use super::place::{Layer, Observe, Points, point};
use super::recording::Recording;
use super::trace::Trace;
use super::worker::{IgnoredTallies, Worker};
use crate::ffi::frame::{Buffer, Buffers, FRAME, Frame};

/// Meters a frame as recorded flows.
#[inline(always)]
pub(crate) fn meter<O: Observe>(pass: &Pass<'_>, worker: &mut Worker, points: &Points) {
    let Some(recording) = worker.recording.as_deref_mut() else {
        return;
    };
    let Pass { frame, common, .. } = pass;
    if common.flags().is_flow_report() {
        observe_without_reports::<O>(recording, frame, points);
    } else {
        observe_these::<O>(recording, frame, frame.buffers(), points);
    }
}

/// Meters a frame without the packets that VPP generated to report flows.
#[cold]
#[inline(never)]
fn observe_without_reports<O: Observe>(
    recording: &mut Recording,
    frame: &Frame<'_>,
    points: &Points,
) {
    let mut indices = [0; FRAME];
    let buffers = without_reports(frame, &mut indices);
    observe_these::<O>(recording, frame, buffers, points);
}

/// Meters packets.
#[inline(always)]
fn observe_these<O: Observe>(
    recording: &mut Recording,
    frame: &Frame<'_>,
    buffers: Buffers<'_>,
    points: &Points,
) {
    let (time, uptime) = recording.meter.time(frame.thread());
    let packets = Recorded::<O> {
        buffers,
        points,
        time,
        uptime,
        has_mac_addresses: recording.layers().has(Layers::L2),
        place: PhantomData,
    };
    if frame.is_traced() {
        trace(frame, &packets);
    }
    let before = ignored_by_reason(recording);
    recording.observe(frame.thread(), packets, O::PLACE.is_l2());
    count_ignored(frame, before, ignored_by_reason(recording));
}

fn ignored_by_reason(recording: &Recording) -> IgnoredTallies {
    let process = recording.meter.metering();
    process.map_or_else(Default::default, |process| process.statistics().ignored)
}

/// Adds trace records to the packets that are traced.
#[cold]
#[inline(never)]
fn trace<O: Observe>(frame: &Frame<'_>, packets: &Recorded<'_, O>) {
    for number in 0..packets.count() {
        let buffer = packets.buffers.get(number);
        if buffer.is_traced() {
            let trace = Trace::new(O::PLACE, &packets.packet(number), false);
            frame.trace(buffer, trace);
        }
    }
}

/// Packets of a frame, for the process.
#[derive(Clone, Copy)]
struct Recorded<'a, O> {
    buffers: Buffers<'a>,
    points: &'a Points,
    time: Timestamp,
    uptime: Uptime,
    /// Whether MAC addresses are recorded.
    has_mac_addresses: bool,
    place: PhantomData<O>,
}

impl<O: Observe> Recorded<'_, O> {
    /// The offset of the first header from the start of the buffer's data, and its type. The offset
    /// is negative if the Ethernet header lies before the data.
    #[inline(always)]
    fn start(&self, buffer: Buffer<'_>) -> (isize, LinkType) {
        match (O::PLACE.layer(), O::PLACE.direction()) {
            (Layer::L2, _) => (0, LinkType::Ethernet),
            (_, Direction::Ingress) if self.has_mac_addresses => match buffer.ethernet_before() {
                0 => (0, LinkType::RawIp),
                before => (-(before as isize), LinkType::Ethernet),
            },
            (_, Direction::Ingress) => (0, LinkType::RawIp),
            (_, Direction::Egress) => {
                let rewrite = buffer.rewrite_length();
                if self.has_mac_addresses && buffer.ethernet_until(rewrite) {
                    (0, LinkType::Ethernet)
                } else {
                    (rewrite as isize, LinkType::RawIp)
                }
            }
        }
    }
}

impl<O: Observe> Packets for Recorded<'_, O> {
    #[inline(always)]
    fn count(&self) -> usize {
        self.buffers.count()
    }

    #[inline(always)]
    fn packet(&self, number: usize) -> Packet<'_> {
        let buffer = self.buffers.get(number);
        let (start, link_type) = self.start(buffer);
        let length = i64::from(buffer.length(0)) - start as i64;
        Packet {
            data: buffer.data_from(start),
            point: ObservationPoint {
                link_type,
                ..point::<O>(self.points, buffer)
            },
            time: self.time,
            uptime: self.uptime,
            length: length.max(0) as u32,
            segment_size: buffer.segment_size(),
        }
    }

    #[inline(always)]
    fn times(&self, _number: usize) -> (Timestamp, Uptime) {
        (self.time, self.uptime)
    }

    #[inline(always)]
    fn prefetch(&self, _number: usize) {
        // `Frame::find_next` has read the headers of all buffers.
    }
}
