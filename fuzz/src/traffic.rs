// SPDX-License-Identifier: Apache-2.0
//! Packets from octets: most of them plausible, of few flows, so that flows meet.

use arbitrary::{Result, Unstructured};
use flowmeter::observation::{Direction, LinkType, ObservationPoint};
use flowmeter::packet::Packet;
use flowmeter::time::{Timestamp, Uptime};

/// A packet that owns its octets.
pub(crate) struct Sent {
    octets: Vec<u8>,
    point: ObservationPoint,
    length: u32,
    segment_size: u16,
    pub(crate) time: u64,
    pub(crate) uptime: u32,
}

impl Sent {
    pub(crate) fn packet(&self) -> Packet<'_> {
        Packet {
            data: &self.octets,
            point: self.point,
            time: Timestamp::from_millis(self.time),
            uptime: Uptime::from_millis(self.uptime),
            length: self.length,
            segment_size: self.segment_size,
        }
    }

    /// A packet as the input has it: link type, length on the wire beyond what was captured, octets
    /// behind their count. See `seeds`.
    pub(crate) fn raw(input: &mut Unstructured<'_>) -> Result<Self> {
        let link_type = LinkType::ALL[usize::from(input.arbitrary::<u8>()?) % LinkType::ALL.len()];
        let beyond: u16 = input.arbitrary()?;
        let count: u8 = input.arbitrary()?;
        let octets = input.bytes(usize::from(count).min(input.len()))?.to_vec();
        Ok(Self::new(octets, link_type, beyond.into()))
    }

    /// A packet of one of a few flows.
    pub(crate) fn usual(input: &mut Unstructured<'_>) -> Result<Self> {
        let [kind, id, flags, payload]: [u8; 4] = input.arbitrary()?;
        let tcp = [
            [0, id, 0, 80, 0, 0, 0, 0].as_slice(),
            &[0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        let payload = vec![0; payload.into()];
        let length = (tcp.len() + payload.len()) as u16;
        let mut octets = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, id];
        match kind % 4 {
            0 => octets.extend([0x88, 0xb5]),
            1 => {
                octets.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
                octets.extend(length.to_be_bytes());
                octets.extend([if kind & 4 == 0 { 6 } else { 17 }, 64]);
                octets.extend([id; 32]);
            }
            _ => {
                octets.extend([0x08, 0x00, 0x45, flags]);
                octets.extend((length + 20).to_be_bytes());
                octets.extend([0, 0, 0, 0, 64, if kind & 4 == 0 { 6 } else { 17 }, 0, 0]);
                octets.extend([10, 0, 0, id, 10, 0, 0, 1]);
            }
        }
        octets.extend(tcp);
        octets.extend(payload);
        let mut sent = Self::new(octets, LinkType::Ethernet, 0);
        if kind & 0x18 == 0x18 {
            sent.segment_size = u16::from(kind >> 5) * 10;
        }
        if kind & 0x20 != 0 {
            sent.point.direction = Direction::Egress;
        }
        sent.point.ingress_interface = u32::from(kind >> 6);
        Ok(sent)
    }

    fn new(octets: Vec<u8>, link_type: LinkType, beyond: u32) -> Self {
        Self {
            length: octets.len() as u32 + beyond,
            octets,
            point: ObservationPoint {
                link_type,
                ..ObservationPoint::default()
            },
            segment_size: 0,
            time: 0,
            uptime: 0,
        }
    }
}
