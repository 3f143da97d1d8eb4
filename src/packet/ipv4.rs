// SPDX-License-Identifier: Apache-2.0
//! The IPv4 header (RFC 791 §3.1).
//!
//! Knows nothing of link layers but how many octets on the wire were behind them: no packet counts
//! more, whatever its Total Length. A packet has a key only if its header was captured with all
//! options and is not longer than the packet.

use bytemuck::{Pod, Zeroable};

use super::cursor::Cursor;
use super::dissection::{Dissection, Headers};
use super::segments;
use super::transport::{self, Transport};
use super::wire::{clip, split_header};
use crate::flow::{IgnoredReason, Ipv4Key};

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Ipv4Header {
    version_and_length: u8,
    type_of_service: u8,
    total_length: [u8; 2],
    _identification: [u8; 2],
    flags_and_offset: [u8; 2],
    _time_to_live: u8,
    protocol: u8,
    _checksum: [u8; 2],
    source: [u8; 4],
    destination: [u8; 4],
}

impl Ipv4Header {
    /// Returns the octets of the header with its options.
    #[inline]
    fn length(&self) -> usize {
        usize::from(self.version_and_length & 0x0f) * 4
    }

    #[inline]
    fn is_later_fragment(&self) -> bool {
        u16::from_be_bytes(self.flags_and_offset) & 0x1fff != 0
    }
}

/// Returns whether `octets` can be an IPv4 packet, if nothing before them says what they are. If the
/// capture ends inside the header, its version decides.
pub(super) fn can_be(octets: &[u8], cursor: &Cursor<'_>) -> bool {
    let is_version_4 = octets.first().is_some_and(|first| first >> 4 == 4);
    let on_wire = cursor.on_wire_from(octets);
    let Some((header, _)) = split_header::<Ipv4Header>(octets) else {
        return is_version_4 && on_wire as usize >= size_of::<Ipv4Header>();
    };
    let length = header.length();
    let total = u32::from(u16::from_be_bytes(header.total_length));
    is_version_4
        && length >= size_of::<Ipv4Header>()
        && (cursor.segment_size() > 0 || (length as u32..=on_wire).contains(&total))
}

/// Reads the packet at the cursor.
#[inline]
pub(super) fn read(cursor: &Cursor<'_>) -> Dissection {
    let octets = cursor.rest();
    let Some((header, _)) = split_header::<Ipv4Header>(octets) else {
        return Dissection::Ignored(IgnoredReason::IpHeaderTruncated);
    };
    if header.version_and_length >> 4 != 4 {
        return Dissection::Ignored(IgnoredReason::IpVersion);
    }
    let length = header.length();
    if length < size_of::<Ipv4Header>() {
        return Dissection::Ignored(IgnoredReason::Ipv4HeaderLength);
    }
    let Some(after) = octets.get(length..) else {
        return Dissection::Ignored(IgnoredReason::IpHeaderTruncated);
    };
    let segment_size = cursor.segment_size();
    let (total, payload) = match usize::from(u16::from_be_bytes(header.total_length)) {
        _ if segment_size > 0 => (cursor.on_wire_from(octets), after),
        // The network card fills it in when it segments the packet.
        0 => (cursor.on_wire_from(octets), after),
        total if total < length => return Dissection::Ignored(IgnoredReason::Ipv4TotalLength),
        total => (
            cursor.on_wire_from(octets).min(total as u32),
            clip(after, total - length),
        ),
    };
    let Transport { ports, tcp_flags } = if header.is_later_fragment() {
        Transport::default()
    } else {
        transport::read(header.protocol, payload)
    };
    let (packets, octets) = if segment_size > 0 && !header.is_later_fragment() {
        segments::count(segment_size, total, length as u32, header.protocol, payload)
    } else {
        (1, total)
    };
    Dissection::Ipv4(Headers {
        key: Ipv4Key {
            source: header.source,
            destination: header.destination,
            ports,
            observed: cursor.observed(header.protocol.into()),
        },
        octets,
        packets,
        type_of_service: header.type_of_service,
        tcp_flags,
        attributes: (),
    })
}
