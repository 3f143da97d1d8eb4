// SPDX-License-Identifier: Apache-2.0
//! Packets that are yet to be cut into segments: how many packets and octets that makes.
//!
//! Each segment has all headers and a part of the payload. Knows no IP header; only TCP (RFC 9293)
//! and UDP (RFC 768) are segmented.

use crate::number::protocol;

/// Octets of a UDP header, and of a TCP header without options.
const UDP_HEADER: u32 = 8;
const TCP_HEADER: u32 = 20;

/// Where a TCP header's length is (RFC 9293 §3.1: data offset, in the upper four bits).
const DATA_OFFSET: usize = 12;

/// Returns how many packets and octets an IP packet of `total` octets becomes, if each has at most
/// `segment_size` octets of payload. `captured` is what was captured behind the IP headers, which
/// have `ip_header` octets.
pub(super) fn count(
    segment_size: u16,
    total: u32,
    ip_header: u32,
    protocol: u8,
    captured: &[u8],
) -> (u32, u32) {
    let transport_header = match protocol {
        protocol::TCP => captured.get(DATA_OFFSET).map_or(TCP_HEADER, |octet| {
            (u32::from(octet >> 4) * 4).max(TCP_HEADER)
        }),
        protocol::UDP => UDP_HEADER,
        _ => return (1, total),
    };
    let headers = ip_header.saturating_add(transport_header);
    let payload = total.saturating_sub(headers);
    let segments = payload.div_ceil(u32::from(segment_size).max(1)).max(1);
    (
        segments,
        total.saturating_add(headers.saturating_mul(segments - 1)),
    )
}
