// SPDX-License-Identifier: Apache-2.0
//! 64-byte packets in random flow order, written anew for each frame.

use flowmeter::observation::ObservationPoint;
use flowmeter::packet::Packet;
use flowmeter::time::{Timestamp, Uptime};

/// Packets in a frame.
pub(crate) const FRAME: usize = 256;

/// As far apart as VPP's buffers, and as many as do not fit the nearest caches.
const STRIDE: usize = 2304;
const BUFFERS: usize = 8192;

/// Octets of a 64-byte Ethernet frame without its checksum.
const OCTETS: usize = 60;

/// A source of frames.
pub(crate) struct Traffic {
    buffers: Vec<u8>,
    next: usize,
    random: u64,
    packets: u64,
}

impl Traffic {
    pub(crate) fn new() -> Self {
        let mut buffers = vec![0; STRIDE * BUFFERS];
        for buffer in buffers.chunks_mut(STRIDE) {
            let ipv4 = [8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 6];
            buffer[12..12 + ipv4.len()].copy_from_slice(&ipv4);
            buffer[34..38].copy_from_slice(&[0x34, 0x12, 0x01, 0xbb]);
            buffer[46..48].copy_from_slice(&[0x50, 0x10]);
        }
        Self {
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
            let addresses = &mut self.buffers[number * STRIDE + 26..number * STRIDE + 34];
            addresses[..4].copy_from_slice(&flow.wrapping_add(0x0a00_0000).to_be_bytes());
            addresses[4..].copy_from_slice(&flow.wrapping_mul(2_654_435_761).to_be_bytes());
        }
        self.packets += FRAME as u64;
        let millis = self.packets / 10_000;
        (first..first + FRAME)
            .map(|number| Packet {
                data: &self.buffers[number * STRIDE..number * STRIDE + OCTETS],
                point: ObservationPoint::default(),
                time: Timestamp::from_millis(1_700_000_000_000 + millis),
                uptime: Uptime::from_millis(millis as u32),
                length: OCTETS as u32,
            })
            .collect()
    }
}
