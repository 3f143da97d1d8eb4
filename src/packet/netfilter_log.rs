// SPDX-License-Identifier: Apache-2.0
//! Packets that Linux's netfilter logged (LINKTYPE_NFLOG): attributes, one of which is an IP
//! packet.
//!
//! Owns the header and the attributes' layout. At most [`MAX_ATTRIBUTES`] are read.

use bytemuck::{Pod, Zeroable};

use super::cursor::Cursor;
use super::next::{Next, Step};

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

    /// Returns kind and length. Kinds are small numbers: the octet that is 0 shows the byte order.
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

/// Reads the header and the attributes up to the packet.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Step {
    let header: &NetfilterLogHeader = cursor.take()?;
    if header.version != 0 {
        return Ok(Next::NonIp(0));
    }
    for _ in 0..MAX_ATTRIBUTES {
        let attribute: &Attribute = cursor.take()?;
        let (kind, length) = attribute.read();
        let Some(value) = length.checked_sub(size_of::<Attribute>()) else {
            break;
        };
        if kind == Attribute::PAYLOAD {
            return Ok(match header.family {
                AF_INET => Next::Ipv4,
                AF_INET6 => Next::Ipv6,
                _ => Next::NonIp(0),
            });
        }
        cursor.skip(value.next_multiple_of(4))?;
    }
    Ok(Next::NonIp(0))
}
