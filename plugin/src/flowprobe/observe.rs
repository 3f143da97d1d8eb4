// SPDX-License-Identifier: Apache-2.0
//! The observing nodes in flowprobe's place: a frame's packets to the recorder, the frame on.
//!
//! MAC addresses are recorded of routed packets too: where such a packet's Ethernet header still
//! stands before it, or already does, the recorder is given both.

use core::marker::PhantomData;

use flowmeter::metering::Layers;
use flowmeter::observation::{LinkType, ObservationPoint};
use flowmeter::packet::{Packet, Packets};
use flowmeter::time::{Timestamp, Uptime};

use super::host::Host;
use crate::meter;
use crate::observe::{but_reports, count_ignored};
use crate::place::{Observe, Place, Point, point};
use crate::trace::Trace;
use crate::vlib::frame::{Buffer, Buffers, FRAME, Frame};

/// Meters a frame and hands it on.
#[inline(always)]
pub(super) fn observe<O: Observe>(frame: Frame<'_>) -> u64 {
    let mut nexts = [0; FRAME];
    let common = frame.find_next(&mut nexts);
    meter::with_worker(frame.thread(), |worker, points| {
        if let Some(host) = &mut worker.flowprobe {
            let points = points.of(O::PLACE);
            if common.flags().is_flow_report() {
                observe_but_reports::<O>(host, &frame, points);
            } else {
                observe_these::<O>(host, &frame, frame.buffers(), points);
            }
        }
    });
    frame.hand_on(common, &mut nexts)
}

/// Meters the packets of a frame that are not VPP's own reports of flows.
#[cold]
#[inline(never)]
fn observe_but_reports<O: Observe>(host: &mut Host, frame: &Frame<'_>, points: &[Point]) {
    let mut indices = [0; FRAME];
    let buffers = but_reports(frame, &mut indices);
    observe_these::<O>(host, frame, buffers, points);
}

/// Meters packets.
#[inline(always)]
fn observe_these<O: Observe>(
    host: &mut Host,
    frame: &Frame<'_>,
    buffers: Buffers<'_>,
    points: &[Point],
) {
    let (time, uptime) = host.time(frame.thread());
    let packets = Recorded::<O> {
        buffers,
        points,
        time,
        uptime,
        has_stations: host.layers().has(Layers::L2),
        place: PhantomData,
    };
    if frame.is_traced() {
        trace(frame, &packets);
    }
    let before = host.recorder().statistics().ignored;
    host.observe(frame.thread(), packets, O::PLACE.is_l2());
    count_ignored(frame, before, host.recorder().statistics().ignored);
}

/// Writes down what becomes of those packets that are traced.
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

/// Packets of a frame as the recorder reads them.
#[derive(Clone, Copy)]
struct Recorded<'a, O> {
    buffers: Buffers<'a>,
    points: &'a [Point],
    time: Timestamp,
    uptime: Uptime,
    /// Whether MAC addresses are recorded.
    has_stations: bool,
    place: PhantomData<O>,
}

impl<O: Observe> Recorded<'_, O> {
    /// How many octets before a buffer's data its packet begins, where it is given with its
    /// Ethernet header, or how many after that, where it is given without.
    #[inline(always)]
    fn start(&self, buffer: Buffer<'_>) -> (isize, LinkType) {
        match O::PLACE {
            Place::InputL2 | Place::OutputL2 => (0, LinkType::Ethernet),
            Place::InputIp4 | Place::InputIp6 if self.has_stations => {
                match buffer.ethernet_before() {
                    0 => (0, LinkType::RawIp),
                    before => (-(before as isize), LinkType::Ethernet),
                }
            }
            Place::InputIp4 | Place::InputIp6 => (0, LinkType::RawIp),
            Place::OutputIp4 | Place::OutputIp6 => {
                let rewrite = buffer.rewrite_length();
                if self.has_stations && buffer.ethernet_until(rewrite) {
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
            segment_size: 0,
        }
    }

    #[inline(always)]
    fn times(&self, _number: usize) -> (Timestamp, Uptime) {
        (self.time, self.uptime)
    }

    #[inline(always)]
    fn prefetch(&self, _number: usize) {
        // `Frame::find_next` has done so.
    }
}
