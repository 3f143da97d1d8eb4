// SPDX-License-Identifier: Apache-2.0
//! FDDI frames (ANSI INCITS 239) that carry LLC.
//!
//! Owns the frame control and the MAC addresses' place.

use bytemuck::{Pod, Zeroable};

use super::cursor::Cursor;
use super::next::{Next, Step};

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct FddiHeader {
    frame_control: u8,
    destination: [u8; 6],
    source: [u8; 6],
}

impl FddiHeader {
    /// Returns whether LLC follows: in asynchronous or synchronous frames of any priority.
    fn is_logical_link(&self) -> bool {
        const FORMAT: u8 = 0x30;
        const LOGICAL_LINK: u8 = 0x10;
        self.frame_control & FORMAT == LOGICAL_LINK
    }
}

/// Reads a header.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Step {
    let header: &FddiHeader = cursor.take()?;
    cursor.set_source(&header.source);
    cursor.set_destination(&header.destination);
    Ok(if header.is_logical_link() {
        Next::LogicalLink
    } else {
        Next::NonIp(0)
    })
}
