// SPDX-License-Identifier: Apache-2.0
//! Packets that Linux's netfilter logged (LINKTYPE_NFLOG): attributes, one of which is an IP
//! packet.
//!
//! Owns the header and the attributes' layout. At most [`MAX_ATTRIBUTES`] are read.

use bytemuck::{Pod, Zeroable};

use super::dissect::Dissection;
use super::link::Link;
use super::wire::split_header;
use super::{ipv4, ipv6};

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct NetfilterLogHeader {
    family: u8,
    version: u8,
    _resource: [u8; 2],
}

/// Both in the order of the machine that captured.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Attribute {
    /// Octets of the attribute with this header, without padding.
    length: [u8; 2],
    kind: [u8; 2],
}

impl Attribute {
    /// What was logged.
    const PAYLOAD: u16 = 9;

    /// Kind and length. Kinds are small numbers: one of their octets is 0 and tells the order.
    fn read(&self) -> (u16, usize) {
        let (kind, length) = match self.kind {
            [_, 0] => (
                u16::from_le_bytes(self.kind),
                u16::from_le_bytes(self.length),
            ),
            _ => (
                u16::from_be_bytes(self.kind),
                u16::from_be_bytes(self.length),
            ),
        };
        (kind, length.into())
    }
}

/// More than there are kinds.
const MAX_ATTRIBUTES: usize = 32;

/// Linux's address families.
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// Reads a logged packet.
pub(super) fn read(octets: &[u8], link: Link<'_>) -> Dissection {
    let Some((header, mut rest)) = split_header::<NetfilterLogHeader>(octets) else {
        return Dissection::LINK_TRUNCATED;
    };
    if header.version != 0 {
        return link.non_ip(0);
    }
    for _ in 0..MAX_ATTRIBUTES {
        let Some((attribute, value)) = split_header::<Attribute>(rest) else {
            return Dissection::LINK_TRUNCATED;
        };
        let (kind, length) = attribute.read();
        if length < size_of::<Attribute>() {
            break;
        }
        if kind == Attribute::PAYLOAD {
            return match header.family {
                AF_INET => ipv4::read(value, &link),
                AF_INET6 => ipv6::read(value, &link),
                _ => link.non_ip(0),
            };
        }
        let Some(next) = rest.get(length.next_multiple_of(4)..) else {
            return Dissection::LINK_TRUNCATED;
        };
        rest = next;
    }
    link.non_ip(0)
}
