// SPDX-License-Identifier: Apache-2.0
//! Writes captures in every variant of both formats, and reads plain pcap files.

use std::path::Path;

/// The number of Ethernet in both formats.
pub(crate) const ETHERNET: u16 = 1;

/// One packet of a capture.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// Microseconds since the Unix epoch.
    pub(crate) time: u64,
    pub(crate) octets: Vec<u8>,
    /// The length on the wire.
    pub(crate) length: u32,
}

/// A byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    pub(crate) fn u16(self, number: u16) -> [u8; 2] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    pub(crate) fn u32(self, number: u32) -> [u8; 4] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }
}

/// Returns the packets of a pcap file that is little-endian with microseconds.
pub(crate) fn read_pcap(file: &Path) -> Vec<Packet> {
    let octets = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let number = |at: usize| {
        u32::from_le_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
    };
    assert_eq!(number(0), 0xa1b2_c3d4, "{} is another pcap", file.display());
    let mut packets = Vec::new();
    let mut at = 24;
    while at < octets.len() {
        let captured = number(at + 8) as usize;
        packets.push(Packet {
            time: u64::from(number(at)) * 1_000_000 + u64::from(number(at + 4)),
            octets: octets[at + 16..at + 16 + captured].to_vec(),
            length: number(at + 12),
        });
        at += 16 + captured;
    }
    packets
}

/// Returns a pcap file, in nanoseconds or microseconds.
pub(crate) fn pcap(packets: &[Packet], order: Order, nanoseconds: bool, snap: u32) -> Vec<u8> {
    let magic = if nanoseconds {
        0xa1b2_3c4d
    } else {
        0xa1b2_c3d4
    };
    let mut file = Vec::new();
    file.extend(order.u32(magic));
    file.extend([order.u16(2), order.u16(4)].concat());
    for number in [0, 0, snap, u32::from(ETHERNET)] {
        file.extend(order.u32(number));
    }
    for packet in packets {
        let fraction = (packet.time % 1_000_000) as u32;
        file.extend(order.u32((packet.time / 1_000_000) as u32));
        file.extend(order.u32(if nanoseconds {
            fraction * 1000
        } else {
            fraction
        }));
        file.extend(order.u32(packet.octets.len() as u32));
        file.extend(order.u32(packet.length));
        file.extend(&packet.octets);
    }
    file
}

/// Returns a pcapng file of one section and one interface without a name. `resolution` is a negative
/// power of ten of a second.
pub(crate) fn pcapng(packets: &[Packet], order: Order, resolution: u8) -> Vec<u8> {
    let mut file = block(order, 0x0a0d_0d0a, &{
        let mut body = order.u32(0x1a2b_3c4d).to_vec();
        body.extend([order.u16(1), order.u16(0)].concat());
        // The length of the section: unspecified.
        body.extend([0xff; 8]);
        body
    });
    file.extend(block(order, 1, &{
        let mut body = [order.u16(ETHERNET), order.u16(0)].concat();
        body.extend(order.u32(0));
        // if_tsresol, padded to 32 bits, and the end of the options.
        body.extend([order.u16(9), order.u16(1)].concat());
        body.extend([resolution, 0, 0, 0]);
        body.extend([0; 4]);
        body
    }));
    for packet in packets {
        let ticks = match resolution {
            0..6 => packet.time / 10_u64.pow(6 - u32::from(resolution)),
            _ => packet.time * 10_u64.pow(u32::from(resolution) - 6),
        };
        let numbers = [
            0,
            (ticks >> 32) as u32,
            ticks as u32,
            packet.octets.len() as u32,
            packet.length,
        ];
        let mut body: Vec<u8> = numbers
            .into_iter()
            .flat_map(|number| order.u32(number))
            .collect();
        body.extend(&packet.octets);
        file.extend(block(order, 6, &body));
    }
    file
}

/// Returns a pcapng block with `body`, padded.
pub(crate) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let length = order.u32(padded as u32 + 12);
    let mut block = order.u32(kind).to_vec();
    block.extend(length);
    block.extend(body);
    block.resize(8 + padded, 0);
    block.extend(length);
    block
}

/// Returns an Ethernet frame with an IPv4 packet of UDP, this many milliseconds after the beginning of
/// 2026.
pub(crate) fn udp_packet(milliseconds: u64, source_port: u16, payload: &[u8]) -> Packet {
    let total = 28 + payload.len() as u16;
    let mut octets = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00];
    octets.extend([0x45, 0]);
    octets.extend(total.to_be_bytes());
    octets.extend([0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    octets.extend(source_port.to_be_bytes());
    octets.extend(4739_u16.to_be_bytes());
    octets.extend((total - 20).to_be_bytes());
    octets.extend([0, 0]);
    octets.extend(payload);
    Packet {
        time: 1_767_225_600_000_000 + milliseconds * 1000,
        length: octets.len() as u32,
        octets,
    }
}
