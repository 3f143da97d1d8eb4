// SPDX-License-Identifier: Apache-2.0
//! What an EtherType says of the octets behind it, whichever header it stood in.
//!
//! Owns VLAN tags (IEEE 802.1Q §9) and the PPPoE session header (RFC 2516 §4). Knows
//! nothing of the header before. EtherTypes are numbers here, in the machine's order.

use bytemuck::{Pod, Zeroable};

use super::link::{Carried, Network, Tags};
use super::wire::split_header;
use super::{mpls, ppp};
use crate::metering::ignored::IgnoredReason;

/// The least EtherType; lesser numbers are lengths (IEEE 802.3 §3.2.6).
pub(super) const MINIMUM: u16 = 0x0600;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;
const VLAN_SERVICE: u16 = 0x88a8;
/// What stacked tags were announced with before IEEE 802.1ad gave them a number.
const VLAN_STACKED: u16 = 0x9100;
const MPLS: u16 = 0x8847;
/// MPLS with an upstream-assigned label (RFC 5332 §3).
const MPLS_UPSTREAM: u16 = 0x8848;
const PPPOE_SESSION: u16 = 0x8864;

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

/// Skips the VLAN tags that `octets` begin with, and gives the EtherType behind them.
#[inline]
pub(super) fn skip_tags<'a>(
    mut ether_type: u16,
    mut octets: &'a [u8],
    tags: &mut Tags,
) -> Result<(u16, &'a [u8]), IgnoredReason> {
    while let VLAN | VLAN_SERVICE | VLAN_STACKED = ether_type {
        let (tag, rest) =
            split_header::<VlanTag>(octets).ok_or(IgnoredReason::LinkHeaderTruncated)?;
        tags.count_vlan(tag.control)?;
        ether_type = u16::from_be_bytes(tag.ether_type);
        octets = rest;
    }
    Ok((ether_type, octets))
}

/// What `octets` are that an EtherType other than a tag's announces.
#[inline]
pub(super) fn carried<'a>(
    ether_type: u16,
    octets: &'a [u8],
    tags: &mut Tags,
) -> Result<Carried<'a>, IgnoredReason> {
    let network = match ether_type {
        IPV4 => Network::Ipv4,
        IPV6 => Network::Ipv6,
        MPLS | MPLS_UPSTREAM => return mpls::read(octets, tags, ether_type),
        PPPOE_SESSION => return pppoe_session(octets, tags),
        ..MINIMUM => Network::Other(0),
        _ => Network::Other(ether_type),
    };
    Ok(Carried { network, octets })
}

fn pppoe_session<'a>(octets: &'a [u8], tags: &mut Tags) -> Result<Carried<'a>, IgnoredReason> {
    let (header, rest) =
        split_header::<PppoeHeader>(octets).ok_or(IgnoredReason::LinkHeaderTruncated)?;
    if header.version_and_type != PppoeHeader::VERSION_1_TYPE_1
        || header.code != PppoeHeader::CODE_SESSION
    {
        return Ok(Carried {
            network: Network::Other(PPPOE_SESSION),
            octets,
        });
    }
    ppp::read(rest, tags, PPPOE_SESSION)
}
