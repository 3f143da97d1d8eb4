// SPDX-License-Identifier: Apache-2.0
//! The header of PPPoE sessions (RFC 2516 §4).
//!
//! What is not a session of version 1 is a frame that is not IP.

use bytemuck::{Pod, Zeroable};

use super::cursor::Cursor;
use super::next::{Next, Step};
use crate::number::ether_type::PPPOE_SESSION;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct PppoeHeader {
    version_and_type: u8,
    code: u8,
    _session: [u8; 2],
    _length: [u8; 2],
}

impl PppoeHeader {
    const VERSION_1_TYPE_1: u8 = 0x11;
    const CODE_SESSION: u8 = 0;
}

/// Reads the header.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Step {
    let header: &PppoeHeader = cursor.take()?;
    if header.version_and_type != PppoeHeader::VERSION_1_TYPE_1
        || header.code != PppoeHeader::CODE_SESSION
    {
        return Ok(Next::NonIp(PPPOE_SESSION));
    }
    Ok(Next::Ppp(PPPOE_SESSION))
}
