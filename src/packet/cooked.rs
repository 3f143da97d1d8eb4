// SPDX-License-Identifier: Apache-2.0
//! Linux cooked capture (LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2): what captures of all
//! interfaces have in place of each interface's own header.
//!
//! Owns the two headers. What follows is as behind an Ethernet header, but numbers below the least
//! EtherType are Linux's own and never lengths.

use bytemuck::{Pod, Zeroable};

use super::cursor::Cursor;
use super::next::{Next, Step};

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Version1 {
    _packet_type: [u8; 2],
    hardware: [u8; 2],
    address_length: [u8; 2],
    address: [u8; 8],
    protocol: [u8; 2],
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Version2 {
    protocol: [u8; 2],
    _reserved: [u8; 2],
    _interface: [u8; 4],
    hardware: [u8; 2],
    _packet_type: u8,
    address_length: u8,
    address: [u8; 8],
}

/// Reads a version 1 header.
pub(super) fn read_version_1(cursor: &mut Cursor<'_>) -> Step {
    let header: &Version1 = cursor.take()?;
    let length = u16::from_be_bytes(header.address_length);
    cursor.set_source(source(length, &header.address));
    Ok(announced(cursor, header.hardware, header.protocol))
}

/// Reads a version 2 header.
pub(super) fn read_version_2(cursor: &mut Cursor<'_>) -> Step {
    let header: &Version2 = cursor.take()?;
    let length = u16::from(header.address_length);
    cursor.set_source(source(length, &header.address));
    Ok(announced(cursor, header.hardware, header.protocol))
}

/// Returns the source address if it is a MAC address; those of IP tunnels are not.
fn source(length: u16, address: &[u8; 8]) -> &[u8; 6] {
    match (length, address.first_chunk()) {
        (6, Some(address)) => address,
        _ => &[0; 6],
    }
}

/// Returns what a header of either version announces.
fn announced(cursor: &mut Cursor<'_>, hardware: [u8; 2], protocol: [u8; 2]) -> Next {
    cursor.no_more_lengths();
    match u16::from_be_bytes(hardware) {
        // ARPHRD_FRAD, ARPHRD_IEEE80211_RADIOTAP, ARPHRD_NETLINK: it is no EtherType.
        770 | 803 | 824 => Next::NonIp(0),
        _ => Next::EtherType(u16::from_be_bytes(protocol)),
    }
}
