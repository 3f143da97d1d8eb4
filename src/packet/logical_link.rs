// SPDX-License-Identifier: Apache-2.0
//! LLC (IEEE 802.2) and SNAP (RFC 1042), which stand behind a length.
//!
//! A frame has at most one LLC header: a length behind SNAP is no length, so that nothing
//! recurs.

use bytemuck::{Pod, Zeroable};

use super::dissect::Dissection;
use super::ether_type::{self, Lesser};
use super::ipv4;
use super::link::Link;
use super::wire::split_header;

/// Destination SAP, source SAP, and a control field of one octet (IEEE 802.2 §3.2).
type LogicalLinkHeader = [u8; 3];

/// SNAP follows, in an unnumbered information PDU.
const SNAP: LogicalLinkHeader = [0xaa, 0xaa, 0x03];
/// IP follows, without SNAP.
const IP: LogicalLinkHeader = [0x06, 0x06, 0x03];

/// The last five of RFC 1042's eight octets.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct SnapHeader {
    organization: [u8; 3],
    protocol: [u8; 2],
}

impl SnapHeader {
    /// The organization code under which the protocol is an EtherType.
    const ETHER_TYPE: [u8; 3] = [0; 3];
}

/// Reads what follows a length.
pub(super) fn read<'a>(octets: &'a [u8], link: Link<'a>) -> Dissection {
    let Some((header, rest)) = split_header::<LogicalLinkHeader>(octets) else {
        return Dissection::LINK_TRUNCATED;
    };
    match *header {
        SNAP => snap(rest, link),
        IP => ipv4::read(rest, &link),
        _ => link.non_ip(0),
    }
}

fn snap<'a>(octets: &'a [u8], link: Link<'a>) -> Dissection {
    let Some((header, rest)) = split_header::<SnapHeader>(octets) else {
        return Dissection::LINK_TRUNCATED;
    };
    if header.organization != SnapHeader::ETHER_TYPE {
        return link.non_ip(0);
    }
    ether_type::read(
        u16::from_be_bytes(header.protocol),
        rest,
        link,
        Lesser::Unknown,
    )
}
