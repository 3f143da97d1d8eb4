// SPDX-License-Identifier: Apache-2.0
//! Ethernet frames within Ethernet frames: IEEE 802.1ah (provider backbone bridges), and Cisco's
//! FabricPath.
//!
//! Owns how long the headers between the two frames are.

use super::cursor::Cursor;
use super::next::{Next, Step};

/// The I-TAG behind EtherType 0x88e7: priority, flags and service (IEEE 802.1Q §9.7). The inner
/// frame's addresses are also part of that tag there.
const SERVICE_TAG: usize = 4;

/// Forwarding tag and time to live, behind EtherType 0x8903.
const FABRIC_PATH_TAG: usize = 2;

/// Reads an I-TAG.
pub(super) fn read_backbone(cursor: &mut Cursor<'_>) -> Step {
    cursor.count_encapsulation()?;
    cursor.skip(SERVICE_TAG)?;
    Ok(Next::Ethernet)
}

/// Reads a FabricPath header.
pub(super) fn read_fabric_path(cursor: &mut Cursor<'_>) -> Step {
    cursor.count_encapsulation()?;
    cursor.skip(FABRIC_PATH_TAG)?;
    Ok(Next::Ethernet)
}
