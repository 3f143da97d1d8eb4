// SPDX-License-Identifier: Apache-2.0
//! Builds captures in either byte order.
//!
//! The layouts are written independently of the readers'.

/// Encodes a number in either byte order.
pub(super) fn number(big: bool, value: u64, octets: usize) -> Vec<u8> {
    let mut bytes = value.to_le_bytes()[..octets].to_vec();
    if big {
        bytes.reverse();
    }
    bytes
}

/// The magic number of a pcap file, and its layout.
#[derive(Clone, Copy)]
pub(super) struct PcapKind {
    pub(super) magic: u32,
    pub(super) big: bool,
    pub(super) modified: bool,
    pub(super) version: (u16, u16),
    /// Whether the two lengths of each record are swapped.
    pub(super) swapped: bool,
}

pub(super) const PCAP_LITTLE: PcapKind = kind(0xa1b2_c3d4, false);
pub(super) const PCAP_BIG: PcapKind = kind(0xa1b2_c3d4, true);
pub(super) const PCAP_NANOSECONDS_LITTLE: PcapKind = kind(0xa1b2_3c4d, false);
pub(super) const PCAP_NANOSECONDS_BIG: PcapKind = kind(0xa1b2_3c4d, true);
pub(super) const PCAP_MODIFIED: PcapKind = PcapKind {
    modified: true,
    ..kind(0xa1b2_cd34, false)
};
pub(super) const PCAP_MODIFIED_BIG: PcapKind = PcapKind {
    modified: true,
    ..kind(0xa1b2_cd34, true)
};

const fn kind(magic: u32, big: bool) -> PcapKind {
    PcapKind {
        magic,
        big,
        modified: false,
        version: (2, 4),
        swapped: false,
    }
}

/// Builds a pcap file of packets, given as seconds, fraction and octets. Each is 4 octets longer on
/// the wire.
pub(super) fn pcap(kind: PcapKind, network: u32, packets: &[(u32, u32, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut put = |values: &[(u64, usize)]| {
        for &(value, octets) in values {
            file.extend(number(kind.big, value, octets));
        }
    };
    let (major, minor) = kind.version;
    put(&[(u64::from(kind.magic), 4)]);
    put(&[(u64::from(major), 2), (u64::from(minor), 2), (0, 4), (0, 4)]);
    put(&[(100, 4), (u64::from(network), 4)]);
    for (seconds, fraction, data) in packets {
        let length = data.len() as u64;
        put(&[(u64::from(*seconds), 4), (u64::from(*fraction), 4)]);
        let mut lengths = [(length, 4), (length + 4, 4)];
        if kind.swapped {
            lengths.reverse();
        }
        put(&lengths);
        if kind.modified {
            put(&[(0, 8)]);
        }
        for &octet in data {
            put(&[(u64::from(octet), 1)]);
        }
    }
    file
}

/// A pcapng file under construction.
pub(super) struct Pcapng {
    pub(super) big: bool,
    pub(super) file: Vec<u8>,
}

impl Pcapng {
    pub(super) fn new(big: bool) -> Self {
        let file = Vec::new();
        Self { big, file }.section(big)
    }

    /// Adds a block of `kind` with `body`, padded.
    pub(super) fn block(mut self, kind: u32, mut body: Vec<u8>) -> Self {
        body.resize(body.len().next_multiple_of(4), 0);
        let length = number(self.big, body.len() as u64 + 12, 4);
        self.file.extend(number(self.big, u64::from(kind), 4));
        self.file.extend(&length);
        self.file.extend(body);
        self.file.extend(&length);
        self
    }

    /// Adds a block of `kind` with 32-bit numbers, then `data`.
    pub(super) fn numbers(self, kind: u32, numbers: &[u32], data: &[u8]) -> Self {
        let numbers = numbers.iter();
        let mut body: Vec<u8> = numbers
            .flat_map(|&value| number(self.big, u64::from(value), 4))
            .collect();
        body.extend(data);
        self.block(kind, body)
    }

    pub(super) fn section(mut self, big: bool) -> Self {
        self.big = big;
        let mut body = number(big, 0x1a2b_3c4d, 4);
        body.extend(number(big, 1, 2));
        body.extend(number(big, 0, 2));
        body.extend(number(big, u64::MAX, 8));
        self.block(0x0a0d_0d0a, body)
    }

    pub(super) fn interface(
        self,
        link_type: u16,
        snap_length: u32,
        options: &[(u16, Vec<u8>)],
    ) -> Self {
        let mut body = number(self.big, u64::from(link_type), 4);
        if self.big {
            // Two octets of link type and two reserved ones.
            body.rotate_left(2);
        }
        body.extend(number(self.big, u64::from(snap_length), 4));
        for (code, value) in options {
            body.extend(number(self.big, u64::from(*code), 2));
            body.extend(number(self.big, value.len() as u64, 2));
            body.extend(value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        self.block(1, body)
    }

    /// Adds an Enhanced Packet Block.
    pub(super) fn packet(self, interface: u32, ticks: u64, data: &[u8]) -> Self {
        let length = data.len() as u32;
        let (high, low) = ((ticks >> 32) as u32, ticks as u32);
        self.numbers(6, &[interface, high, low, length, length + 4], data)
    }
}
