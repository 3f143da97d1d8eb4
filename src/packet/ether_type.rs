// SPDX-License-Identifier: Apache-2.0
//! What an EtherType says of the octets behind it, whichever header it stood in.
//!
//! Owns VLAN tags (IEEE 802.1Q §9) and the PPPoE session header (RFC 2516 §4), and chooses who
//! reads what else stands before an IP header. Knows nothing of the header before. EtherTypes are
//! numbers here, in the machine's order.

use bytemuck::{Pod, Zeroable};

use super::dissect::Dissection;
use super::link::Link;
use super::wire::split_header;
use super::{ipv4, ipv6, logical_link, mac_in_mac, mpls, port_extension, ppp, service_header};
use crate::flow::IgnoredReason;

/// The least EtherType (IEEE 802.3 §3.2.6).
const MINIMUM: u16 = 0x0600;

pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;
pub(super) const VLAN: u16 = 0x8100;
pub(super) const VLAN_SERVICE: u16 = 0x88a8;
/// What stacked tags were announced with before IEEE 802.1ad gave them a number.
pub(super) const VLAN_STACKED: u16 = 0x9100;
pub(super) const MPLS: u16 = 0x8847;
/// MPLS with an upstream-assigned label (RFC 5332 §3).
const MPLS_UPSTREAM: u16 = 0x8848;
const PPPOE_SESSION: u16 = 0x8864;
/// The I-TAG of provider backbone bridges (IEEE 802.1ah).
const BACKBONE: u16 = 0x88e7;
const FABRIC_PATH: u16 = 0x8903;
const VN_TAG: u16 = 0x8926;
/// The tag of port extenders (IEEE 802.1BR).
const E_TAG: u16 = 0x893f;
/// The Network Service Header (RFC 8300).
pub(super) const SERVICE_HEADER: u16 = 0x894f;

/// What a number less than the least EtherType is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lesser {
    /// The length of an LLC frame.
    Length,
    /// Not an EtherType; the frame is not IP.
    Unknown,
}

/// What follows the EtherType that announces a tag.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct VlanTag {
    control: [u8; 2],
    ether_type: [u8; 2],
}

/// RFC 2516 §4.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct PppoeHeader {
    version_and_type: u8,
    code: u8,
    _session: [u8; 2],
    _length: [u8; 2],
}

impl PppoeHeader {
    const VERSION_1_TYPE_1: u8 = 0x11;
    const CODE_SESSION: u8 = 0;
}

/// Reads what `ether_type` announces, VLAN tags first.
#[inline]
pub(super) fn read<'a>(
    mut ether_type: u16,
    mut octets: &'a [u8],
    mut link: Link<'a>,
    lesser: Lesser,
) -> Dissection {
    loop {
        return match ether_type {
            IPV4 => ipv4::read(octets, &link),
            IPV6 => ipv6::read(octets, &link),
            VLAN | VLAN_SERVICE | VLAN_STACKED => {
                let Some((tag, rest)) = split_header::<VlanTag>(octets) else {
                    return Dissection::LINK_TRUNCATED;
                };
                if !link.count_vlan_tag(tag.control) {
                    return Dissection::Ignored(IgnoredReason::TooManyTags);
                }
                ether_type = u16::from_be_bytes(tag.ether_type);
                octets = rest;
                continue;
            }
            MPLS | MPLS_UPSTREAM => mpls::read(octets, link, ether_type),
            PPPOE_SESSION => pppoe_session(octets, link),
            BACKBONE | FABRIC_PATH | VN_TAG | E_TAG | SERVICE_HEADER => {
                match look_through(ether_type, octets, &mut link) {
                    Ok(next) => (ether_type, octets) = next,
                    Err(dissection) => return dissection,
                }
                continue;
            }
            ..MINIMUM => match lesser {
                Lesser::Length => logical_link::read(octets, link),
                Lesser::Unknown => link.non_ip(0),
            },
            _ => link.non_ip(ether_type),
        };
    }
}

/// What an encapsulation announces, as an EtherType or a length, and what follows that; else what
/// the packet is. Each counts as a tag, but none has a VLAN.
fn look_through<'a>(
    ether_type: u16,
    octets: &'a [u8],
    link: &mut Link<'a>,
) -> Result<(u16, &'a [u8]), Dissection> {
    if !link.count_encapsulation() {
        return Err(Dissection::Ignored(IgnoredReason::TooManyTags));
    }
    let next = match ether_type {
        BACKBONE => mac_in_mac::backbone(octets, link),
        FABRIC_PATH => mac_in_mac::fabric_path(octets, link),
        VN_TAG => port_extension::vn_tag(octets),
        E_TAG => port_extension::e_tag(octets),
        _ => return service_header::read(octets, link),
    };
    next.ok_or(Dissection::LINK_TRUNCATED)
}

fn pppoe_session(octets: &[u8], link: Link<'_>) -> Dissection {
    let Some((header, rest)) = split_header::<PppoeHeader>(octets) else {
        return Dissection::LINK_TRUNCATED;
    };
    if header.version_and_type != PppoeHeader::VERSION_1_TYPE_1
        || header.code != PppoeHeader::CODE_SESSION
    {
        return link.non_ip(PPPOE_SESSION);
    }
    ppp::read(rest, link, PPPOE_SESSION)
}
