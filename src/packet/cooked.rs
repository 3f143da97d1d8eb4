// SPDX-License-Identifier: Apache-2.0
//! Linux cooked capture (LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2): what a capture of
//! all interfaces at once has in place of each one's own header.
//!
//! Owns the two headers; the rest is as behind an Ethernet header, except that numbers
//! below the least EtherType are Linux's own and never lengths.

use bytemuck::{Pod, Zeroable};

use super::ether_type;
use super::link::{Frame, Tags};
use super::wire::split_header;
use crate::metering::ignored::IgnoredReason;

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
pub(super) fn read_version_1(octets: &[u8]) -> Result<Frame<'_>, IgnoredReason> {
    let (header, rest) =
        split_header::<Version1>(octets).ok_or(IgnoredReason::LinkHeaderTruncated)?;
    let source = source(u16::from_be_bytes(header.address_length), header.address);
    read(header.hardware, header.protocol, source, rest)
}

/// Reads a packet behind a version 2 header.
pub(super) fn read_version_2(octets: &[u8]) -> Result<Frame<'_>, IgnoredReason> {
    let (header, rest) =
        split_header::<Version2>(octets).ok_or(IgnoredReason::LinkHeaderTruncated)?;
    let source = source(header.address_length.into(), header.address);
    read(header.hardware, header.protocol, source, rest)
}

/// The source address if it is a MAC address; those of IP tunnels are not.
fn source(length: u16, [a, b, c, d, e, f, _, _]: [u8; 8]) -> [u8; 6] {
    if length == 6 {
        [a, b, c, d, e, f]
    } else {
        [0; 6]
    }
}

fn read(
    hardware: [u8; 2],
    protocol: [u8; 2],
    source: [u8; 6],
    octets: &[u8],
) -> Result<Frame<'_>, IgnoredReason> {
    // ARPHRD_FRAD, _IEEE80211_RADIOTAP and _NETLINK: behind these the protocol is absent
    // or something other than an EtherType.
    let protocol = match u16::from_be_bytes(hardware) {
        770 | 803 | 824 => 0,
        _ => u16::from_be_bytes(protocol),
    };
    let mut tags = Tags::default();
    let (ether_type, rest) = ether_type::skip_tags(protocol, octets, &mut tags)?;
    let carried = ether_type::carried(ether_type, rest, &mut tags)?;
    Ok(Frame {
        carried,
        vlan: tags.vlan,
        source,
        destination: [0; 6],
    })
}
