// SPDX-License-Identifier: Apache-2.0
//! PPP, on a link of its own or in a PPPoE session.
//!
//! Owns HDLC's address and control (RFC 1662 §3.1) and the protocol field (RFC 1661 §2).
//! Knows nothing of what is negotiated: both compressions are told by the octets.

use super::dissect::Dissection;
use super::link::Link;
use super::{ipv4, ipv6, mpls};

/// For [`read`]: PPP's own protocol numbers are no EtherTypes.
pub(super) const NO_ETHER_TYPE: u16 = 0;

/// HDLC's all-stations address and unnumbered information (RFC 1662 §3.1).
const ADDRESS: u8 = 0xff;
const CONTROL: u8 = 0x03;

/// RFC 1332 §2.
const IPV4: u16 = 0x0021;
/// RFC 5072 §2.
const IPV6: u16 = 0x0057;
/// RFC 3032 §4.3, unicast and multicast.
const MPLS: u16 = 0x0281;
const MPLS_MULTICAST: u16 = 0x0283;

/// Reads a PPP frame; `ether_type` is that of everything but IP.
pub(super) fn read(octets: &[u8], link: Link<'_>, ether_type: u16) -> Dissection {
    // Address and control may be left out, as no protocol begins with 0xff (RFC 1661 §6.6).
    let octets = octets.strip_prefix(&[ADDRESS, CONTROL]).unwrap_or(octets);
    // Only a protocol's last octet is odd, so that an odd first one is also the last
    // (RFC 1661 §2 and §6.5).
    let (protocol, rest) = match *octets {
        [] | [ADDRESS] => return Dissection::LINK_TRUNCATED,
        [only, ref rest @ ..] if only & 1 == 1 => (u16::from(only), rest),
        [_] => return Dissection::LINK_TRUNCATED,
        [high, low, ref rest @ ..] => (u16::from_be_bytes([high, low]), rest),
    };
    match protocol {
        IPV4 => ipv4::read(rest, &link),
        IPV6 => ipv6::read(rest, &link),
        MPLS | MPLS_MULTICAST => mpls::read(rest, link, ether_type),
        _ => link.non_ip(ether_type),
    }
}
