// SPDX-License-Identifier: Apache-2.0
//! LLC (IEEE 802.2) and SNAP (RFC 1042), which follow a length.
//!
//! A frame has at most one LLC header: a length behind SNAP is no length.

use bytemuck::{Pod, Zeroable};

use super::cursor::Cursor;
use super::next::{Next, Step};

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

/// Reads what follows a number below the least EtherType.
pub(super) fn read_length(cursor: &mut Cursor<'_>) -> Step {
    if cursor.has_lengths() {
        read(cursor)
    } else {
        Ok(Next::NonIp(0))
    }
}

/// Reads an LLC header, and a SNAP header if it announces one.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Step {
    match *cursor.take::<LogicalLinkHeader>()? {
        SNAP => read_snap(cursor),
        IP => Ok(Next::Ipv4),
        _ => Ok(Next::NonIp(0)),
    }
}

fn read_snap(cursor: &mut Cursor<'_>) -> Step {
    let header: &SnapHeader = cursor.take()?;
    if header.organization != SnapHeader::ETHER_TYPE {
        return Ok(Next::NonIp(0));
    }
    cursor.no_more_lengths();
    Ok(Next::EtherType(u16::from_be_bytes(header.protocol)))
}
