// SPDX-License-Identifier: Apache-2.0
//! The Network Service Header (RFC 8300 §2) behind EtherType 0x894f.
//!
//! Owns its length and its numbers of what follows. Service paths and metadata are not kept.

use bytemuck::{Pod, Zeroable};

use super::cursor::Cursor;
use super::next::{Next, Step};
use crate::number::ether_type::{MPLS, SERVICE_HEADER};

/// RFC 8300 §2.2 and §2.3.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct ServiceHeader {
    version_and_flags: u8,
    /// The lower six bits: 4-octet words of the whole header.
    length: u8,
    _metadata_type: u8,
    next_protocol: u8,
    _service_path: [u8; 4],
}

/// What follows (RFC 8300 §2.2).
mod next_protocol {
    pub(super) const IPV4: u8 = 1;
    pub(super) const IPV6: u8 = 2;
    pub(super) const ETHERNET: u8 = 3;
    pub(super) const SERVICE_HEADER: u8 = 4;
    pub(super) const MPLS: u8 = 5;
}

/// Reads a header.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Step {
    cursor.count_encapsulation()?;
    let header: &ServiceHeader = cursor.take()?;
    let length = usize::from(header.length & 0x3f) * 4;
    if header.version_and_flags >> 6 != 0 || length < size_of::<ServiceHeader>() {
        return Ok(Next::NonIp(SERVICE_HEADER));
    }
    cursor.skip(length - size_of::<ServiceHeader>())?;
    Ok(match header.next_protocol {
        next_protocol::IPV4 => Next::Ipv4,
        next_protocol::IPV6 => Next::Ipv6,
        next_protocol::ETHERNET => Next::Ethernet,
        next_protocol::SERVICE_HEADER => Next::EtherType(SERVICE_HEADER),
        next_protocol::MPLS => Next::Label(MPLS),
        _ => Next::NonIp(SERVICE_HEADER),
    })
}
