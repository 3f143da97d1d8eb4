// SPDX-License-Identifier: Apache-2.0
//! The Ethernet header (IEEE 802.3 §3.1.1).
//!
//! Owns the MAC addresses' place. An inner frame's addresses take the place of the outer ones.

use bytemuck::{Pod, Zeroable};

use super::cursor::Cursor;
use super::next::{Next, Step};

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct EthernetHeader {
    destination: [u8; 6],
    source: [u8; 6],
    type_or_length: [u8; 2],
}

/// Reads a header.
#[inline(always)]
pub(super) fn read(cursor: &mut Cursor<'_>) -> Step {
    let header: &EthernetHeader = cursor.take()?;
    cursor.set_source(&header.source);
    cursor.set_destination(&header.destination);
    Ok(Next::EtherType(u16::from_be_bytes(header.type_or_length)))
}
