// SPDX-License-Identifier: Apache-2.0
//! The IPv6 header and its extension headers (RFC 8200 §3, §4).
//!
//! Knows nothing of link layers but how many octets on the wire were behind them: no packet counts
//! more, whatever its Payload Length or its jumbo payload option. Extension headers are hop-by-hop
//! options, routing, fragment and destination options; everything else is an upper layer, also the
//! authentication header and ESP. At most [`MAX_EXTENSION_HEADERS`] are read, each only if it was
//! captured whole.

use bytemuck::{Pod, Zeroable};

use super::cursor::Cursor;
use super::dissection::{Dissection, Headers};
use super::transport::{self, Transport};
use super::wire::{clip, split_header};
use super::{MAX_EXTENSION_HEADERS, segments};
use crate::flow::{IgnoredReason, Ipv6Key};
use crate::number::protocol;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Ipv6Header {
    version_class_and_label: [u8; 4],
    payload_length: [u8; 2],
    next_header: u8,
    _hop_limit: u8,
    source: [u8; 16],
    destination: [u8; 16],
}

/// How all extension headers but the fragment header begin (RFC 8200 §4.3, §4.4, §4.6).
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct ExtensionHeader {
    next_header: u8,
    length: u8,
}

impl ExtensionHeader {
    /// Returns the octets after the first two: the length counts groups of 8 beyond the first.
    #[inline]
    fn octets_after(&self) -> usize {
        usize::from(self.length) * 8 + 6
    }
}

/// RFC 8200 §4.5.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct FragmentHeader {
    next_header: u8,
    _reserved: u8,
    offset_and_flags: [u8; 2],
    _identification: [u8; 4],
}

impl FragmentHeader {
    #[inline]
    fn is_later_fragment(&self) -> bool {
        u16::from_be_bytes(self.offset_and_flags) & 0xfff8 != 0
    }
}

/// The header's own octets.
const HEADER: u32 = size_of::<Ipv6Header>() as u32;

/// Returns whether `octets` can be an IPv6 packet, if nothing before them says what they are. If the
/// capture ends inside the header, its version decides.
pub(super) fn can_be(octets: &[u8], cursor: &Cursor<'_>) -> bool {
    let is_version_6 = octets.first().is_some_and(|first| first >> 4 == 6);
    let on_wire = cursor.on_wire_from(octets);
    let Some((header, _)) = split_header::<Ipv6Header>(octets) else {
        return is_version_6 && on_wire >= HEADER;
    };
    let total = HEADER + u32::from(u16::from_be_bytes(header.payload_length));
    is_version_6 && (cursor.segment_size() > 0 || total <= on_wire)
}

/// Reads the packet at the cursor.
#[inline]
pub(super) fn read(cursor: &Cursor<'_>) -> Dissection {
    let octets = cursor.rest();
    let Some((header, after)) = split_header::<Ipv6Header>(octets) else {
        return Dissection::Ignored(IgnoredReason::IpHeaderTruncated);
    };
    let version_class_and_label = u32::from_be_bytes(header.version_class_and_label);
    if version_class_and_label >> 28 != 6 {
        return Dissection::Ignored(IgnoredReason::IpVersion);
    }
    let segment_size = cursor.segment_size();
    let on_wire = cursor.on_wire_from(octets);
    let (total, payload) = match u16::from_be_bytes(header.payload_length) {
        _ if segment_size > 0 => (on_wire, after),
        0 => without_payload_length(header.next_header, after, on_wire),
        length => (
            on_wire.min(HEADER + u32::from(length)),
            clip(after, length.into()),
        ),
    };
    let (protocol, upper) = skip_extension_headers(header.next_header, payload);
    let Transport { ports, tcp_flags } = transport::read(protocol, upper);
    let (packets, octets) = if segment_size > 0 && !upper.is_empty() {
        let extensions = payload.len() - upper.len();
        let ip_header = HEADER.saturating_add(extensions as u32);
        segments::count(segment_size, total, ip_header, protocol, upper)
    } else {
        (1, total)
    };
    Dissection::Ipv6(Headers {
        key: Ipv6Key {
            source: header.source,
            destination: header.destination,
            ports,
            observed: cursor.observed(protocol.into()),
        },
        octets,
        packets,
        type_of_service: (version_class_and_label >> 20) as u8,
        tcp_flags,
        attributes: version_class_and_label & 0x000f_ffff,
    })
}

/// Returns the upper layer's protocol, and those of its octets that may be read. If a header was
/// not captured whole, or is one too many, the protocol is that header's number.
#[inline]
fn skip_extension_headers(mut next: u8, mut octets: &[u8]) -> (u8, &[u8]) {
    for _ in 0..MAX_EXTENSION_HEADERS {
        match next {
            protocol::HOP_BY_HOP | protocol::IPV6_ROUTE | protocol::IPV6_OPTIONS => {
                let Some((header, rest)) = split_header::<ExtensionHeader>(octets) else {
                    return (next, &[]);
                };
                let Some(rest) = rest.get(header.octets_after()..) else {
                    return (next, &[]);
                };
                (next, octets) = (header.next_header, rest);
            }
            protocol::IPV6_FRAGMENT => {
                let Some((header, rest)) = split_header::<FragmentHeader>(octets) else {
                    return (next, &[]);
                };
                if header.is_later_fragment() {
                    return (header.next_header, &[]);
                }
                (next, octets) = (header.next_header, rest);
            }
            _ => break,
        }
    }
    (next, octets)
}

/// Returns how many octets a packet with Payload Length 0 has, and its payload.
fn without_payload_length(next: u8, after: &[u8], on_wire: u32) -> (u32, &[u8]) {
    /// What is longer cannot be the padding of a short Ethernet frame (46 octets).
    const PADDED: u32 = HEADER + 8;

    match next {
        protocol::HOP_BY_HOP => match jumbo_payload_length(after) {
            Some(length) => {
                let payload = usize::try_from(length).map_or(after, |length| clip(after, length));
                (on_wire.min(HEADER.saturating_add(length)), payload)
            }
            None => (HEADER, &[]),
        },
        // The network card fills it in when it segments the packet.
        protocol::TCP | protocol::UDP if on_wire > PADDED => (on_wire, after),
        _ => (HEADER, &[]),
    }
}

/// Returns the length in a jumbo payload option (RFC 2675 §2) of the hop-by-hop options header
/// that `octets` begin with.
fn jumbo_payload_length(octets: &[u8]) -> Option<u32> {
    const PAD1: u8 = 0x00;
    const JUMBO_PAYLOAD: u8 = 0xc2;
    /// A header may have 2,054 options of padding: reading all of them would take too long.
    const MAX_OPTIONS: usize = 16;

    let (header, rest) = split_header::<ExtensionHeader>(octets)?;
    let mut options = clip(rest, header.octets_after());
    for _ in 0..MAX_OPTIONS {
        options = match *options {
            [PAD1, ref rest @ ..] => rest,
            [JUMBO_PAYLOAD, 4, a, b, c, d, ..] => return Some(u32::from_be_bytes([a, b, c, d])),
            [_, length, ref rest @ ..] => rest.get(usize::from(length)..)?,
            _ => return None,
        };
    }
    None
}
