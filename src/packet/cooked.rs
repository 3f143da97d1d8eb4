// SPDX-License-Identifier: Apache-2.0
//! Linux cooked capture (LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2): what a capture of
//! all interfaces at once has in place of each one's own header.
//!
//! Owns the two headers; the rest is as behind an Ethernet header, except that numbers
//! below the least EtherType are Linux's own and never lengths.

use bytemuck::{Pod, Zeroable};

use super::dissect::Dissection;
use super::ether_type::{self, Lesser};
use super::link::Link;
use super::wire::split_header;

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

/// Reads a packet behind a version 1 header.
pub(super) fn read_version_1<'a>(octets: &'a [u8], link: Link<'a>) -> Dissection {
    let Some((header, rest)) = split_header::<Version1>(octets) else {
        return Dissection::LINK_TRUNCATED;
    };
    let length = u16::from_be_bytes(header.address_length);
    let link = link.with_source(source(length, &header.address));
    read(header.hardware, header.protocol, rest, link)
}

/// Reads a packet behind a version 2 header.
pub(super) fn read_version_2<'a>(octets: &'a [u8], link: Link<'a>) -> Dissection {
    let Some((header, rest)) = split_header::<Version2>(octets) else {
        return Dissection::LINK_TRUNCATED;
    };
    let length = u16::from(header.address_length);
    let link = link.with_source(source(length, &header.address));
    read(header.hardware, header.protocol, rest, link)
}

/// Reads what follows a header of either version.
fn read<'a>(hardware: [u8; 2], protocol: [u8; 2], rest: &'a [u8], link: Link<'a>) -> Dissection {
    let ether_type = ether_type(hardware, protocol);
    ether_type::read(ether_type, rest, link, Lesser::Unknown)
}

/// The source address if it is a MAC address; those of IP tunnels are not.
fn source(length: u16, address: &[u8; 8]) -> &[u8; 6] {
    match (length, address.first_chunk()) {
        (6, Some(address)) => address,
        _ => &[0; 6],
    }
}

/// The EtherType, or 0 where the protocol is something else.
fn ether_type(hardware: [u8; 2], protocol: [u8; 2]) -> u16 {
    match u16::from_be_bytes(hardware) {
        // ARPHRD_FRAD, ARPHRD_IEEE80211_RADIOTAP, ARPHRD_NETLINK.
        770 | 803 | 824 => 0,
        _ => u16::from_be_bytes(protocol),
    }
}
