// SPDX-License-Identifier: Apache-2.0
//! Tags between a bridge and what extends its ports: Cisco's VN-Tag, and IEEE 802.1BR's E-Tag.
//!
//! Owns how long the tags are. The ports that they name are not those of a flow, so nothing is
//! kept of them.

use bytemuck::{Pod, Zeroable};

use super::wire::split_header;

/// Destination and source interface, and flags; behind EtherType 0x8926.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct VnTag {
    _interfaces: [u8; 4],
    ether_type: [u8; 2],
}

/// IEEE 802.1BR §7.5, behind EtherType 0x893f.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct ETag {
    _control: [u8; 6],
    ether_type: [u8; 2],
}

/// The EtherType behind a VN-Tag and what it announces; `None` where the octets end before.
pub(super) fn vn_tag(octets: &[u8]) -> Option<(u16, &[u8])> {
    let (tag, rest) = split_header::<VnTag>(octets)?;
    Some((u16::from_be_bytes(tag.ether_type), rest))
}

/// The EtherType behind an E-Tag and what it announces; `None` where the octets end before.
pub(super) fn e_tag(octets: &[u8]) -> Option<(u16, &[u8])> {
    let (tag, rest) = split_header::<ETag>(octets)?;
    Some((u16::from_be_bytes(tag.ether_type), rest))
}
