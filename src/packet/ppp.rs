// SPDX-License-Identifier: Apache-2.0
//! PPP, on a link of its own or in a PPPoE session.
//!
//! Owns HDLC's address and control (RFC 1662 §3.1) and the protocol field (RFC 1661 §2). Knows
//! nothing of what was negotiated: the octets show whether fields are compressed.

use super::cursor::Cursor;
use super::next::{Next, Step};
use crate::flow::IgnoredReason;

/// HDLC's broadcast address, and unnumbered information (RFC 1662 §3.1).
const ADDRESS: u8 = 0xff;
const CONTROL: u8 = 0x03;

/// PPP's own protocol numbers.
mod protocol {
    /// RFC 1332 §2.
    pub(super) const IPV4: u16 = 0x0021;
    /// RFC 5072 §2.
    pub(super) const IPV6: u16 = 0x0057;
    /// RFC 3032 §4.3, unicast and multicast.
    pub(super) const MPLS: u16 = 0x0281;
    pub(super) const MPLS_MULTICAST: u16 = 0x0283;
}

/// Reads a header; `ether_type` is the EtherType of the frame if it is not IP.
pub(super) fn read(cursor: &mut Cursor<'_>, ether_type: u16) -> Step {
    // Address and control may be left out, as no protocol begins with 0xff (RFC 1661 §6.6).
    if cursor.rest().starts_with(&[ADDRESS, CONTROL]) {
        cursor.skip(2)?;
    }
    // Only a protocol's last octet is odd, so if the first one is odd, it is also the last
    // (RFC 1661 §2 and §6.5).
    let protocol = match *cursor.rest() {
        [] | [ADDRESS] => return Err(IgnoredReason::LinkHeaderTruncated),
        [last, ..] if last & 1 == 1 => {
            cursor.skip(1)?;
            last.into()
        }
        _ => u16::from_be_bytes(*cursor.take()?),
    };
    Ok(match protocol {
        protocol::IPV4 => Next::Ipv4,
        protocol::IPV6 => Next::Ipv6,
        protocol::MPLS | protocol::MPLS_MULTICAST => Next::Label(ether_type),
        _ => Next::NonIp(ether_type),
    })
}
