// SPDX-License-Identifier: Apache-2.0
//! The Ethernet header (IEEE 802.3 §3.1.1).
//!
//! Owns the MAC addresses' place; what the type or length means is `ether_type`'s.

use bytemuck::{Pod, Zeroable};

use super::dissect::Dissection;
use super::ether_type::{self, Lesser};
use super::link::Link;
use super::wire::split_header;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct EthernetHeader {
    destination: [u8; 6],
    source: [u8; 6],
    type_or_length: [u8; 2],
}

/// Reads an Ethernet frame.
#[inline]
pub(super) fn read<'a>(octets: &'a [u8], link: Link<'a>) -> Dissection {
    let Some((header, rest)) = split_header::<EthernetHeader>(octets) else {
        return Dissection::LINK_TRUNCATED;
    };
    let link = link
        .with_source(&header.source)
        .with_destination(&header.destination);
    ether_type::read(
        u16::from_be_bytes(header.type_or_length),
        rest,
        link,
        Lesser::Length,
    )
}

/// The type or length of a frame within a frame and what follows it; `None` where the octets end
/// before. Its addresses are the packet's from then on.
pub(super) fn inner<'a>(octets: &'a [u8], link: &mut Link<'a>) -> Option<(u16, &'a [u8])> {
    let (header, rest) = split_header::<EthernetHeader>(octets)?;
    *link = link
        .with_source(&header.source)
        .with_destination(&header.destination);
    Some((u16::from_be_bytes(header.type_or_length), rest))
}
