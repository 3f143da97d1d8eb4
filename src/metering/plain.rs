// SPDX-License-Identifier: Apache-2.0
//! The short way through the headers that most packets have.
//!
//! What it reads, [`dissect`](crate::packet::dissect()) reads alike; it is only faster.

use super::flow_key::{Ipv4Key, Observed, Ports};
use crate::observation::LinkType;
use crate::packet::{Headers, Packet};

/// Offsets in an IPv4 header without options (RFC 791 §3.1) and the TCP (RFC 9293 §3.1) or
/// UDP header behind it.
mod field {
    pub(super) const VERSION_AND_LENGTH: usize = 0;
    pub(super) const TYPE_OF_SERVICE: usize = 1;
    pub(super) const TOTAL_LENGTH: usize = 2;
    pub(super) const FRAGMENT: usize = 6;
    pub(super) const PROTOCOL: usize = 9;
    pub(super) const SOURCE: usize = 12;
    pub(super) const DESTINATION: usize = 16;
    pub(super) const SOURCE_PORT: usize = 20;
    pub(super) const DESTINATION_PORT: usize = 22;
    pub(super) const TCP_FLAGS: usize = 33;
    /// Octets that are read.
    pub(super) const END: usize = 34;
}

const ETHERNET: usize = 14;
const ETHERNET_TYPE: usize = 12;
const IPV4: [u8; 2] = [0x08, 0x00];
const TCP: u8 = 6;
const UDP: u8 = 17;

/// The headers of an IPv4 packet without options, not a later fragment, that carries TCP or
/// UDP, either right behind an untagged Ethernet header or bare; `None` for any other.
#[inline(always)]
pub(super) fn plain_ipv4(packet: &Packet<'_>) -> Option<Headers<Ipv4Key>> {
    match packet.point.link_type {
        LinkType::Ethernet => {
            let octets = packet.data.first_chunk::<{ ETHERNET + field::END }>()?;
            let (ethernet, ip) = octets.split_at(ETHERNET);
            let is_ipv4 = ethernet[ETHERNET_TYPE..] == IPV4;
            read(packet, ip.first_chunk()?, is_ipv4)
        }
        LinkType::RawIp => read(packet, packet.data.first_chunk()?, true),
        _ => None,
    }
}

#[inline(always)]
fn read(packet: &Packet<'_>, ip: &[u8; field::END], is_ipv4: bool) -> Option<Headers<Ipv4Key>> {
    let pair = |offset: usize| [ip[offset], ip[offset + 1]];
    let quad = |offset: usize| [ip[offset], ip[offset + 1], ip[offset + 2], ip[offset + 3]];

    let octets = u32::from(u16::from_be_bytes(pair(field::TOTAL_LENGTH)));
    let fragment_offset = u16::from_be_bytes(pair(field::FRAGMENT)) & 0x1fff;
    let protocol = ip[field::PROTOCOL];
    let is_tcp = protocol == TCP;
    // Ports and flags must lie inside the packet, not in Ethernet's padding.
    let needed = if is_tcp { field::END as u32 } else { 24 };
    if !is_ipv4
        | (ip[field::VERSION_AND_LENGTH] != 0x45)
        | (fragment_offset != 0)
        | !(is_tcp | (protocol == UDP))
        | (octets < needed)
    {
        return None;
    }
    Some(Headers {
        key: Ipv4Key {
            source: quad(field::SOURCE),
            destination: quad(field::DESTINATION),
            ports: Ports {
                source: pair(field::SOURCE_PORT),
                destination: pair(field::DESTINATION_PORT),
            },
            observed: Observed::new(&packet.point, packet.point.vlan, u16::from(protocol)),
        },
        octets,
        type_of_service: ip[field::TYPE_OF_SERVICE],
        tcp_flags: if is_tcp { ip[field::TCP_FLAGS] } else { 0 },
        attributes: (),
    })
}
