// SPDX-License-Identifier: Apache-2.0
//! FDDI frames (ANSI INCITS 239) that carry LLC.
//!
//! Owns the frame control and the MAC addresses' place.

use bytemuck::{Pod, Zeroable};

use super::dissect::Dissection;
use super::link::Link;
use super::logical_link;
use super::wire::split_header;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct FddiHeader {
    frame_control: u8,
    destination: [u8; 6],
    source: [u8; 6],
}

impl FddiHeader {
    /// LLC in frames that are asynchronous or synchronous, of any priority.
    fn is_logical_link(&self) -> bool {
        const FORMAT: u8 = 0x30;
        const LOGICAL_LINK: u8 = 0x10;
        self.frame_control & FORMAT == LOGICAL_LINK
    }
}

/// Reads a frame.
pub(super) fn read<'a>(octets: &'a [u8], link: Link<'a>) -> Dissection {
    let Some((header, rest)) = split_header::<FddiHeader>(octets) else {
        return Dissection::LINK_TRUNCATED;
    };
    let link = link
        .with_source(&header.source)
        .with_destination(&header.destination);
    if !header.is_logical_link() {
        return link.non_ip(0);
    }
    logical_link::read(rest, link)
}
