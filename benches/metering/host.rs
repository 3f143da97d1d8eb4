// SPDX-License-Identifier: Apache-2.0
//! Packets as a host hands them over that has a frame of buffers at a time, as VPP's workers do:
//! data begins with the IP header, all packets have one time, and observation points stand in
//! a table by interface.

use flowmeter::observation::{LinkType, ObservationPoint};
use flowmeter::packet::{Packet, Packets};
use flowmeter::time::{Timestamp, Uptime};

use crate::prefetch;
use crate::traffic::ETHERNET;

/// Interfaces, of which each flow has one.
const INTERFACES: usize = 2;

#[derive(Clone, Copy)]
struct Buffer<'a> {
    data: &'a [u8],
    interface: u32,
}

/// One frame.
pub(crate) struct Host<'a> {
    buffers: Vec<Buffer<'a>>,
    points: &'a [ObservationPoint],
    time: Timestamp,
    uptime: Uptime,
}

/// A table of observation points.
pub(crate) fn points() -> Vec<ObservationPoint> {
    (0..INTERFACES as u32)
        .map(|interface| ObservationPoint {
            ingress_interface: interface + 1,
            link_type: LinkType::RawIp,
            ..ObservationPoint::default()
        })
        .collect()
}

impl<'a> Host<'a> {
    /// The same packets without their Ethernet headers.
    pub(crate) fn new(packets: &[Packet<'a>], points: &'a [ObservationPoint]) -> Self {
        let buffers = packets.iter().map(|packet| Buffer {
            data: &packet.data[ETHERNET..],
            // All packets of a flow come from one interface: its number ends in this octet.
            interface: u32::from(packet.data[packet.data.len() - 1]),
        });
        Self {
            buffers: buffers.collect(),
            points,
            time: packets[0].time,
            uptime: packets[0].uptime,
        }
    }
}

impl Packets for &Host<'_> {
    #[inline(always)]
    fn count(&self) -> usize {
        self.buffers.len()
    }

    #[inline(always)]
    fn packet(&self, number: usize) -> Packet<'_> {
        let Buffer { data, interface } = self.buffers[number];
        Packet {
            data,
            point: self.points[interface as usize % INTERFACES],
            time: self.time,
            uptime: self.uptime,
            length: data.len() as u32,
            segment_size: 0,
        }
    }

    #[inline(always)]
    fn times(&self, _: usize) -> (Timestamp, Uptime) {
        (self.time, self.uptime)
    }

    #[inline(always)]
    fn prefetch(&self, number: usize) {
        if let Some(buffer) = self.buffers.get(number) {
            prefetch(buffer.data.as_ptr());
        }
    }
}
