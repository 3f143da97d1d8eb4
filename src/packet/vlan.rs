// SPDX-License-Identifier: Apache-2.0
//! VLAN tags (IEEE 802.1Q §9).

use bytemuck::{Pod, Zeroable};

use super::cursor::Cursor;
use super::next::{Next, Step};

/// What follows the EtherType that announces a tag.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct VlanTag {
    control: [u8; 2],
    ether_type: [u8; 2],
}

/// Reads a tag.
#[inline(always)]
pub(super) fn read(cursor: &mut Cursor<'_>) -> Step {
    let tag: &VlanTag = cursor.take()?;
    cursor.count_vlan_tag(tag.control)?;
    Ok(Next::EtherType(u16::from_be_bytes(tag.ether_type)))
}
