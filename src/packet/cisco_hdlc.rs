// SPDX-License-Identifier: Apache-2.0
//! Cisco's HDLC framing (RFC 1547 §4.3.1), on serial links.
//!
//! Owns its header. Its protocol numbers are EtherTypes, and one of its own for keepalives.

use bytemuck::{Pod, Zeroable};

use super::cursor::Cursor;
use super::next::{Next, Step};

/// The addresses of unicast and of broadcast frames. No frame of PPP begins with either.
const UNICAST: u8 = 0x0f;
const BROADCAST: u8 = 0x8f;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct CiscoHdlcHeader {
    _address: u8,
    _control: u8,
    protocol: [u8; 2],
}

/// Reads a header.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Step {
    let header: &CiscoHdlcHeader = cursor.take()?;
    cursor.no_more_lengths();
    Ok(Next::EtherType(u16::from_be_bytes(header.protocol)))
}

/// Reads a header on a link that has either this framing or PPP's.
pub(super) fn read_unless_ppp(cursor: &mut Cursor<'_>) -> Step {
    match cursor.rest() {
        [UNICAST | BROADCAST, ..] => read(cursor),
        // PPP's own protocol numbers are no EtherTypes.
        _ => Ok(Next::Ppp(0)),
    }
}
