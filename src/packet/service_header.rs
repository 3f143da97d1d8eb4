// SPDX-License-Identifier: Apache-2.0
//! The Network Service Header (RFC 8300 §2) behind EtherType 0x894f.
//!
//! Owns its length and its numbers of what follows. Service paths and metadata are not kept.

use bytemuck::{Pod, Zeroable};

use super::dissect::Dissection;
use super::ether_type;
use super::ethernet;
use super::link::Link;
use super::wire::split_header;

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

/// The EtherType of what follows the header, and that; else what the packet is.
pub(super) fn read<'a>(
    octets: &'a [u8],
    link: &mut Link<'a>,
) -> Result<(u16, &'a [u8]), Dissection> {
    let (header, _) = split_header::<ServiceHeader>(octets).ok_or(Dissection::LINK_TRUNCATED)?;
    let length = usize::from(header.length & 0x3f) * 4;
    if header.version_and_flags >> 6 != 0 || length < size_of::<ServiceHeader>() {
        return Err(link.non_ip(ether_type::SERVICE_HEADER));
    }
    let rest = octets.get(length..).ok_or(Dissection::LINK_TRUNCATED)?;
    match header.next_protocol {
        next_protocol::IPV4 => Ok((ether_type::IPV4, rest)),
        next_protocol::IPV6 => Ok((ether_type::IPV6, rest)),
        next_protocol::ETHERNET => ethernet::inner(rest, link).ok_or(Dissection::LINK_TRUNCATED),
        next_protocol::SERVICE_HEADER => Ok((ether_type::SERVICE_HEADER, rest)),
        next_protocol::MPLS => Ok((ether_type::MPLS, rest)),
        _ => Err(link.non_ip(ether_type::SERVICE_HEADER)),
    }
}
