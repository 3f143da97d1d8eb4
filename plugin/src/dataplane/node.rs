// SPDX-License-Identifier: Apache-2.0
//! The body of the observing nodes: the packets of a frame go to the engine and to the next nodes.
//!
//! One generic body serves all places. The engine is called once per frame and reads the packets in
//! place; the packets of a frame with traced packets are metered one by one.

use core::marker::PhantomData;

use flowmeter::observation::ObservationPoint;
use flowmeter::packet::{Packet, Packets};
use flowmeter::time::{Timestamp, Uptime};

use super::errors;
use super::place::{Observe, Points, offset, point};
use super::trace::Trace;
use super::worker::{IgnoredTallies, Worker};
use crate::ffi::Thread;
use crate::ffi::frame::{Buffers, Common, FRAME, Frame};

/// A frame in an observing node.
pub(crate) struct Pass<'a> {
    pub(super) frame: Frame<'a>,
    pub(super) common: Common,
    nexts: [u16; FRAME],
    /// Octets in the packets' first buffers.
    lengths: [u16; FRAME],
}

impl<'a> Pass<'a> {
    /// Finds the next features of the packets, and what they have in common.
    #[inline(always)]
    pub(crate) fn begin(frame: Frame<'a>) -> Self {
        let (mut nexts, mut lengths) = ([0; FRAME], [0; FRAME]);
        let common = frame.find_next(&mut nexts, &mut lengths);
        Self {
            frame,
            common,
            nexts,
            lengths,
        }
    }

    /// The thread that runs the node.
    #[inline(always)]
    pub(crate) fn thread(&self) -> Thread {
        self.frame.thread()
    }

    /// Enqueues the packets to their next nodes, and returns how many there were.
    #[inline(always)]
    pub(crate) fn enqueue(mut self) -> u64 {
        self.frame.enqueue(self.common, &mut self.nexts)
    }
}

/// Meters a frame as flows.
#[inline(always)]
pub(crate) fn meter<O: Observe>(pass: &Pass<'_>, worker: &mut Worker, points: &Points) {
    let Pass { frame, common, .. } = pass;
    if common.flags().is_flow_report() {
        observe_without_reports::<O>(worker, frame, points);
    } else if common.is_uniform() && !frame.is_traced() {
        observe_uniform::<O>(worker, pass, points);
    } else {
        observe_any::<O>(worker, frame, frame.buffers(), points);
    }
}

/// Meters packets with the same interfaces and a single buffer each, as in nearly all frames: their
/// observation point is looked up once.
#[inline(always)]
fn observe_uniform<O: Observe>(worker: &mut Worker, pass: &Pass<'_>, points: &Points) {
    let frame = &pass.frame;
    let buffers = frame.buffers();
    let (time, uptime) = worker.flows.time(frame.thread());
    counting_ignored(worker, frame, |worker| {
        let packets = Uniform::<O> {
            buffers,
            common: pass.common,
            lengths: &pass.lengths,
            point: point::<O>(points, buffers.get(0)),
            time,
            uptime,
            place: PhantomData,
        };
        worker.observe(frame.thread(), packets);
    });
}

/// Meters a frame without the packets that VPP generated to report flows.
#[cold]
#[inline(never)]
fn observe_without_reports<O: Observe>(worker: &mut Worker, frame: &Frame<'_>, points: &Points) {
    let mut indices = [0; FRAME];
    let buffers = without_reports(frame, &mut indices);
    observe_any::<O>(worker, frame, buffers, points);
}

/// Counts the packets that VPP generated to report flows, and returns the others.
pub(crate) fn without_reports<'b>(
    frame: &'b Frame<'_>,
    indices: &'b mut [u32; FRAME],
) -> Buffers<'b> {
    let buffers = frame.buffers();
    let mut count = 0;
    for buffer in buffers.iter().filter(|b| !b.flags().is_flow_report()) {
        indices[count] = buffer.index(buffers);
        count += 1;
    }
    let reports = (buffers.count() - count) as u64;
    let thread = frame.thread();
    thread.count(frame.node(), errors::FLOW_REPORT, reports);
    buffers.subset(indices, count)
}

/// Meters any packets.
#[inline(never)]
fn observe_any<O: Observe>(
    worker: &mut Worker,
    frame: &Frame<'_>,
    buffers: Buffers<'_>,
    points: &Points,
) {
    let (time, uptime) = worker.flows.time(frame.thread());
    counting_ignored(worker, frame, |worker| {
        let packets = Any::<O> {
            buffers,
            points,
            time,
            uptime,
            place: PhantomData,
        };
        if frame.is_traced() {
            observe_traced(worker, frame, &packets);
        } else {
            worker.observe(frame.thread(), packets);
        }
    });
}

/// Calls `observe`, and counts the packets that it ignores on the node's error counters, too.
#[inline(always)]
fn counting_ignored(worker: &mut Worker, frame: &Frame<'_>, observe: impl FnOnce(&mut Worker)) {
    let before = worker.ignored_by_reason();
    observe(worker);
    count_ignored(frame, before, worker.ignored_by_reason());
}

/// Counts the packets ignored since `before` on the node's error counters, too.
#[inline(always)]
pub(crate) fn count_ignored(frame: &Frame<'_>, before: IgnoredTallies, now: IgnoredTallies) {
    if now != before {
        count_some_ignored(frame, before, now);
    }
}

#[cold]
#[inline(never)]
fn count_some_ignored(frame: &Frame<'_>, before: IgnoredTallies, now: IgnoredTallies) {
    for (counter, (before, now)) in before.into_iter().zip(now).enumerate() {
        let packets = now.packets - before.packets;
        if packets > 0 {
            frame.thread().count(frame.node(), counter as u32, packets);
        }
    }
}

/// Meters packets one by one, and adds trace records to those that are traced.
#[cold]
#[inline(never)]
fn observe_traced<O: Observe>(worker: &mut Worker, frame: &Frame<'_>, packets: &Any<'_, O>) {
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

/// Packets of a frame without anything in common, for the engine.
#[derive(Clone, Copy)]
struct Any<'a, O> {
    buffers: Buffers<'a>,
    points: &'a Points,
    time: Timestamp,
    uptime: Uptime,
    place: PhantomData<O>,
}

impl<O: Observe> Packets for Any<'_, O> {
    #[inline(always)]
    fn count(&self) -> usize {
        self.buffers.count()
    }

    #[inline(always)]
    fn packet(&self, number: usize) -> Packet<'_> {
        let buffer = self.buffers.get(number);
        let offset = offset::<O>(buffer);
        Packet {
            data: buffer.data(offset),
            point: point::<O>(self.points, buffer),
            time: self.time,
            uptime: self.uptime,
            length: buffer.length(offset),
            segment_size: buffer.segment_size(),
        }
    }

    #[inline(always)]
    fn times(&self, _number: usize) -> (Timestamp, Uptime) {
        (self.time, self.uptime)
    }

    #[inline(always)]
    fn prefetch(&self, _number: usize) {
        // `Frame::find_next` has just read the headers of all buffers; prefetching their data as
        // well gained nothing in VPP.
    }
}

/// Packets of a frame with one observation point and a single buffer each, for the engine.
#[derive(Clone, Copy)]
struct Uniform<'a, O> {
    buffers: Buffers<'a>,
    common: Common,
    lengths: &'a [u16; FRAME],
    point: ObservationPoint,
    time: Timestamp,
    uptime: Uptime,
    place: PhantomData<O>,
}

impl<O: Observe> Packets for Uniform<'_, O> {
    #[inline(always)]
    fn count(&self) -> usize {
        self.buffers.count()
    }

    #[inline(always)]
    fn packet(&self, number: usize) -> Packet<'_> {
        let buffer = self.buffers.get(number);
        let offset = offset::<O>(buffer);
        Packet {
            data: buffer.data(offset),
            point: ObservationPoint {
                direction: O::PLACE.direction(),
                link_type: O::PLACE.link_type(),
                ..self.point
            },
            time: self.time,
            uptime: self.uptime,
            length: buffer.length_of_one(offset),
            segment_size: 0,
        }
    }

    #[inline(always)]
    fn head(&self, number: usize) -> Packet<'_> {
        if self.common.octets() < O::PLACE.head() {
            return self.packet(number);
        }
        // SAFETY: both belong to one frame, and the engine reads only packets below the count.
        let data = unsafe { self.buffers.head(self.common, number) };
        Packet {
            data,
            point: ObservationPoint {
                direction: O::PLACE.direction(),
                link_type: O::PLACE.link_type(),
                ..self.point
            },
            time: self.time,
            uptime: self.uptime,
            // From an array rather than from the buffer's header, whose cache line the first level
            // may have lost meanwhile (`benches/record/`).
            length: self.lengths[number % FRAME].into(),
            segment_size: 0,
        }
    }

    #[inline(always)]
    fn times(&self, _number: usize) -> (Timestamp, Uptime) {
        (self.time, self.uptime)
    }

    #[inline(always)]
    fn prefetch(&self, _number: usize) {
        // `Frame::find_next` has just read the headers of all buffers; prefetching their data as
        // well gained nothing in VPP.
    }
}
