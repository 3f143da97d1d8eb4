// SPDX-License-Identifier: Apache-2.0
//! Tags between a bridge and what extends its ports: Cisco's VN-Tag, and IEEE 802.1BR's E-Tag.
//!
//! Owns how long the tags are. The ports that they name are not those of a flow, so nothing is
//! kept of them.

use bytemuck::{Pod, Zeroable};

use super::cursor::Cursor;
use super::next::{Next, Step};

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

/// Reads a VN-Tag.
pub(super) fn read_vn_tag(cursor: &mut Cursor<'_>) -> Step {
    cursor.count_encapsulation()?;
    let tag: &VnTag = cursor.take()?;
    Ok(Next::EtherType(u16::from_be_bytes(tag.ether_type)))
}

/// Reads an E-Tag.
pub(super) fn read_e_tag(cursor: &mut Cursor<'_>) -> Step {
    cursor.count_encapsulation()?;
    let tag: &ETag = cursor.take()?;
    Ok(Next::EtherType(u16::from_be_bytes(tag.ether_type)))
}
