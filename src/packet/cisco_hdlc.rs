// SPDX-License-Identifier: Apache-2.0
//! Cisco's HDLC framing (RFC 1547 §4.3.1), on serial links.
//!
//! Owns its header. Its protocol numbers are EtherTypes; keepalives have one of their own.

use bytemuck::{Pod, Zeroable};

use super::dissect::Dissection;
use super::ether_type::{self, Lesser};
use super::link::Link;
use super::wire::split_header;

/// The addresses of unicast and of broadcast frames. No frame of PPP begins with either.
pub(super) const UNICAST: u8 = 0x0f;
pub(super) const BROADCAST: u8 = 0x8f;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct CiscoHdlcHeader {
    _address: u8,
    _control: u8,
    protocol: [u8; 2],
}

/// Reads a frame.
pub(super) fn read<'a>(octets: &'a [u8], link: Link<'a>) -> Dissection {
    let Some((header, rest)) = split_header::<CiscoHdlcHeader>(octets) else {
        return Dissection::LINK_TRUNCATED;
    };
    let protocol = u16::from_be_bytes(header.protocol);
    ether_type::read(protocol, rest, link, Lesser::Unknown)
}
