// SPDX-License-Identifier: Apache-2.0
//! The observing nodes: a frame's packets to the engine, and the frame on.
//!
//! One generic body serves all places. The engine is called once for each frame, whose packets
//! it reads where they are; a frame with traced packets is metered one by one.

use flowmeter::observation::ObservationPoint;
use flowmeter::packet::{Packet, Packets};
use flowmeter::time::{Timestamp, Uptime};

use crate::errors;
use crate::meter;
use crate::place::{Observe, Place, offset, point};
use crate::trace::Trace;
use crate::vlib::frame::{Buffer, Buffers, FRAME, Frame};
use crate::worker::{IgnoredTallies, Worker};

/// Meters a frame and hands it on.
#[inline(always)]
pub(crate) fn observe<O: Observe>(frame: Frame<'_>) -> u64 {
    let mut nexts = [0; FRAME];
    let flags = frame.find_next(&mut nexts);
    meter::with_worker(frame.thread(), |worker, points| {
        let points = points.of(O::PLACE);
        let buffers = frame.buffers();
        if flags.is_flow_report() {
            observe_but_reports::<O>(worker, &frame, points);
        } else {
            observe_buffers::<O>(worker, &frame, buffers, points);
        }
    });
    frame.hand_on(&mut nexts)
}

/// Meters a frame in which some packets are VPP's own reports of flows, which are not.
#[cold]
#[inline(never)]
fn observe_but_reports<O: Observe>(
    worker: &mut Worker,
    frame: &Frame<'_>,
    points: &[ObservationPoint],
) {
    let buffers = frame.buffers();
    let mut indices = [0; FRAME];
    let mut count = 0;
    for buffer in buffers.iter().filter(|b| !b.flags().is_flow_report()) {
        indices[count] = buffer.index(buffers);
        count += 1;
    }
    let reports = (buffers.count() - count) as u64;
    frame
        .thread()
        .count(frame.node(), errors::FLOW_REPORT, reports);
    observe_buffers::<O>(worker, frame, buffers.only(&indices[..count]), points);
}

#[inline(always)]
fn observe_buffers<O: Observe>(
    worker: &mut Worker,
    frame: &Frame<'_>,
    buffers: Buffers<'_>,
    points: &[ObservationPoint],
) {
    let thread = frame.thread();
    let (time, uptime) = worker.time(thread);
    let packets = PacketsOf::<O> {
        buffers,
        points,
        time,
        uptime,
        place: core::marker::PhantomData,
    };
    let ignored = worker.ignored_by_reason();
    if frame.is_traced() {
        observe_traced(worker, frame, &packets);
    } else {
        worker.observe(thread, &packets);
    }
    let now = worker.ignored_by_reason();
    if now != ignored {
        count_ignored(frame, ignored, now);
    }
}

/// Counts what was ignored on the node's own counters, too.
#[cold]
#[inline(never)]
fn count_ignored(frame: &Frame<'_>, before: IgnoredTallies, now: IgnoredTallies) {
    for (counter, (before, now)) in before.into_iter().zip(now).enumerate() {
        let packets = now.packets - before.packets;
        if packets > 0 {
            frame.thread().count(frame.node(), counter as u32, packets);
        }
    }
}

/// Meters packets one by one, and writes down what became of those that are traced.
#[cold]
#[inline(never)]
fn observe_traced<O: Observe>(worker: &mut Worker, frame: &Frame<'_>, packets: &PacketsOf<'_, O>) {
    for number in 0..packets.count() {
        let packet = packets.packet(number);
        let buffer = packets.buffers.get(number);
        if buffer.is_traced() {
            let known = worker.is_known(&packet);
            frame.trace(buffer, Trace::new(O::PLACE, &packet, known));
        }
        worker.observe(frame.thread(), &[packet][..]);
    }
}

/// The packets of a frame as the engine reads them.
struct PacketsOf<'a, O> {
    buffers: Buffers<'a>,
    points: &'a [ObservationPoint],
    time: Timestamp,
    uptime: Uptime,
    place: core::marker::PhantomData<O>,
}

impl<O: Observe> Packets for PacketsOf<'_, O> {
    #[inline(always)]
    fn count(&self) -> usize {
        self.buffers.count()
    }

    #[inline(always)]
    fn packet(&self, number: usize) -> Packet<'_> {
        let buffer: Buffer<'_> = self.buffers.get(number);
        let offset = offset::<O>(buffer);
        Packet {
            data: buffer.data(offset),
            point: point::<O>(self.points, buffer),
            time: self.time,
            uptime: self.uptime,
            length: buffer.length(offset),
        }
    }

    #[inline(always)]
    fn times(&self, _number: usize) -> (Timestamp, Uptime) {
        (self.time, self.uptime)
    }

    #[inline(always)]
    fn prefetch(&self, number: usize) {
        // On the other arcs a node before has just read them.
        if O::PLACE == Place::InputL2 {
            self.buffers.prefetch(number);
        }
    }
}
