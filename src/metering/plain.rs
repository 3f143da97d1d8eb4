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
const VERSION_4_NO_OPTIONS: u8 = 0x45;
const FRAGMENT_OFFSET: u16 = 0x1fff;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Octets that a packet of each protocol must have for its ports and flags to lie inside it
/// and not in Ethernet's padding; more than any has for protocols that are not read here.
const NEEDED: [u32; 256] = {
    let mut needed = [u32::MAX; 256];
    needed[TCP as usize] = field::END as u32;
    needed[UDP as usize] = 24;
    needed
};

/// The headers of an IPv4 packet without options, not a later fragment, that carries TCP or
/// UDP, either right behind an untagged Ethernet header or bare; `None` for any other.
#[inline(always)]
pub(super) fn plain_ipv4(packet: &Packet<'_>) -> Option<Headers<Ipv4Key>> {
    match packet.point.link_type {
        LinkType::Ethernet => {
            let octets = packet.data.first_chunk::<{ ETHERNET + field::END }>()?;
            let (ethernet, ip) = octets.split_at(ETHERNET);
            if ethernet[ETHERNET_TYPE..] != IPV4 {
                return None;
            }
            read(packet, ip.first_chunk()?)
        }
        LinkType::RawIp => read(packet, packet.data.first_chunk()?),
        _ => None,
    }
}

#[inline(always)]
fn read(packet: &Packet<'_>, ip: &[u8; field::END]) -> Option<Headers<Ipv4Key>> {
    let pair = |offset: usize| [ip[offset], ip[offset + 1]];
    let quad = |offset: usize| [ip[offset], ip[offset + 1], ip[offset + 2], ip[offset + 3]];

    let octets = u32::from(u16::from_be_bytes(pair(field::TOTAL_LENGTH)));
    let later_fragment = u16::from_ne_bytes(pair(field::FRAGMENT)) & FRAGMENT_OFFSET.to_be();
    let protocol = ip[field::PROTOCOL];
    if (ip[field::VERSION_AND_LENGTH] != VERSION_4_NO_OPTIONS)
        | (later_fragment != 0)
        | (octets < NEEDED[usize::from(protocol)])
    {
        return None;
    }
    let is_tcp = protocol == TCP;
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
