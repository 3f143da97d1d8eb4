// SPDX-License-Identifier: Apache-2.0
//! The observing nodes in flowprobe's place: a frame's packets to the recorder, the frame on.
//!
//! MAC addresses are recorded of routed packets too: where such a packet's Ethernet header still
//! stands before it, or already does, the recorder is given both.

use core::marker::PhantomData;

use flowmeter::observation::{LinkType, ObservationPoint};
use flowmeter::packet::{Packet, Packets};
use flowmeter::time::{Timestamp, Uptime};

use super::host::Host;
use crate::errors;
use crate::meter;
use crate::place::{Observe, Place, Point, point};
use crate::trace::Trace;
use crate::vlib::frame::{Buffer, Buffers, FRAME, Frame};

/// Meters a frame and hands it on.
pub(super) fn observe<O: Observe>(frame: Frame<'_>) -> u64 {
    let mut nexts = [0; FRAME];
    let common = frame.find_next(&mut nexts);
    meter::with_worker(frame.thread(), |worker, points| {
        if let Some(host) = &mut worker.flowprobe {
            observe_but_reports::<O>(host, &frame, points.of(O::PLACE));
        }
    });
    frame.hand_on(common, &mut nexts)
}

/// Meters the packets of a frame that are not VPP's own reports of flows.
fn observe_but_reports<O: Observe>(host: &mut Host, frame: &Frame<'_>, points: &[Point]) {
    let thread = frame.thread();
    let buffers = frame.buffers();
    let mut indices = [0; FRAME];
    let mut count = 0;
    for buffer in buffers.iter().filter(|b| !b.flags().is_flow_report()) {
        indices[count] = buffer.index(buffers);
        count += 1;
    }
    let reports = (buffers.count() - count) as u64;
    if reports > 0 {
        thread.count(frame.node(), errors::FLOW_REPORT, reports);
    }
    let (time, uptime) = host.time(thread);
    let packets = Recorded::<O> {
        buffers: buffers.only(&indices, count),
        points,
        time,
        uptime,
        place: PhantomData,
    };
    if frame.is_traced() {
        for number in (0..count).filter(|&number| packets.buffers.get(number).is_traced()) {
            let trace = Trace::new(O::PLACE, &packets.packet(number), false);
            frame.trace(packets.buffers.get(number), trace);
        }
    }
    let before = host.recorder().statistics().ignored;
    host.observe(thread, packets, O::PLACE.is_l2());
    let now = host.recorder().statistics().ignored;
    for (counter, (before, now)) in before.into_iter().zip(now).enumerate() {
        let packets = now.packets - before.packets;
        if packets > 0 {
            thread.count(frame.node(), counter as u32, packets);
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
    place: PhantomData<O>,
}

impl<O: Observe> Recorded<'_, O> {
    /// How many octets before a buffer's data its packet begins, where it is given with its
    /// Ethernet header, or how many after that, where it is given without.
    fn start(buffer: Buffer<'_>) -> (isize, LinkType) {
        match O::PLACE {
            Place::InputL2 | Place::OutputL2 => (0, LinkType::Ethernet),
            Place::InputIp4 | Place::InputIp6 => match buffer.ethernet_before() {
                0 => (0, LinkType::RawIp),
                before => (-(before as isize), LinkType::Ethernet),
            },
            Place::OutputIp4 | Place::OutputIp6 => {
                let rewrite = buffer.rewrite_length();
                if buffer.ethernet_until(rewrite) {
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
        let (start, link_type) = Self::start(buffer);
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
