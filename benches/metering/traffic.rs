// SPDX-License-Identifier: Apache-2.0
//! Small packets in random flow order, written anew for each frame.

use flowmeter::observation::ObservationPoint;
use flowmeter::packet::Packet;
use flowmeter::time::{Timestamp, Uptime};

/// Packets in a frame.
pub(crate) const FRAME: usize = 256;

/// As far apart as VPP's buffers, and as many as do not fit the nearest caches.
const STRIDE: usize = 2304;
const BUFFERS: usize = 8192;

/// Octets of an Ethernet header.
pub(crate) const ETHERNET: usize = 14;

/// What packets are, as the octets of each but for its addresses.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// From the EtherType on.
    network: &'static [u8],
    /// Where the numbers that make a flow stand.
    flow: [usize; 2],
    /// Where the transport header begins.
    transport: usize,
    /// Octets of the frame without its checksum.
    octets: usize,
}

/// TCP in IPv4 in 64 octets of Ethernet.
pub(crate) const IPV4: Kind = Kind {
    network: &[8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 6],
    flow: [26, 30],
    transport: 34,
    octets: 60,
};

/// The same with a VLAN tag.
pub(crate) const VLAN: Kind = Kind {
    network: &[0x81, 0, 0, 5, 8, 0, 0x45, 0, 0, 42, 0, 0, 0, 0, 64, 6],
    flow: [30, 34],
    transport: 38,
    octets: 60,
};

/// TCP in IPv6; as short as it can be.
pub(crate) const IPV6: Kind = Kind {
    network: &[0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64],
    flow: [34, 50],
    transport: 54,
    octets: 74,
};

/// A source of frames.
pub(crate) struct Traffic {
    kind: Kind,
    buffers: Vec<u8>,
    next: usize,
    random: u64,
    packets: u64,
}

impl Traffic {
    pub(crate) fn new(kind: Kind) -> Self {
        let mut buffers = vec![0; STRIDE * BUFFERS];
        for buffer in buffers.chunks_mut(STRIDE) {
            let transport = kind.transport;
            buffer[12..12 + kind.network.len()].copy_from_slice(kind.network);
            buffer[transport..transport + 4].copy_from_slice(&[0x34, 0x12, 0x01, 0xbb]);
            buffer[transport + 12..transport + 14].copy_from_slice(&[0x50, 0x10]);
        }
        Self {
            kind,
            buffers,
            next: 0,
            random: 88_172_645_463_325_252,
            packets: 0,
        }
    }

    /// A number below `limit`.
    pub(crate) fn random(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        ((u128::from(self.random) * u128::from(limit)) >> 64) as u64
    }

    /// A frame of packets whose flows `flow` chooses; ten million go by in a second.
    pub(crate) fn frame(&mut self, mut flow: impl FnMut(&mut Self) -> u64) -> Vec<Packet<'_>> {
        if self.next + FRAME > BUFFERS {
            self.next = 0;
        }
        let first = self.next;
        self.next += FRAME;
        for number in first..first + FRAME {
            let flow = flow(self) as u32;
            let buffer = &mut self.buffers[number * STRIDE..(number + 1) * STRIDE];
            let numbers = [
                flow.wrapping_add(0x0a00_0000),
                flow.wrapping_mul(2_654_435_761),
            ];
            for (offset, number) in self.kind.flow.into_iter().zip(numbers) {
                buffer[offset..offset + 4].copy_from_slice(&number.to_be_bytes());
            }
            buffer[self.kind.octets - 1] = flow as u8;
        }
        self.packets += FRAME as u64;
        let millis = self.packets / 10_000;
        (first..first + FRAME)
            .map(|number| Packet {
                data: &self.buffers[number * STRIDE..number * STRIDE + self.kind.octets],
                point: ObservationPoint::default(),
                time: Timestamp::from_millis(1_700_000_000_000 + millis),
                uptime: Uptime::from_millis(millis as u32),
                length: self.kind.octets as u32,
                segment_size: 0,
            })
            .collect()
    }
}
