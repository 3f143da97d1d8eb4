// SPDX-License-Identifier: Apache-2.0
//! The Ethernet header (IEEE 802.3 §3.1.1).
//!
//! Owns the MAC addresses' place; what the type or length means is `ether_type`'s.

use bytemuck::{Pod, Zeroable};

use super::dissect::Dissection;
use super::ether_type::{self, Lesser};
use super::link::Link;
use super::wire::split_header;
use crate::flow::IgnoredReason;

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
        return Dissection::Ignored(IgnoredReason::LinkHeaderTruncated);
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
