// SPDX-License-Identifier: Apache-2.0
//! Ethernet frames within Ethernet frames: IEEE 802.1ah (provider backbone bridges), and Cisco's
//! FabricPath.
//!
//! Owns how long the headers between the two frames are. The inner frame's addresses are those of
//! the hosts, so they take the place of the outer ones.

use super::ethernet;
use super::link::Link;

/// The I-TAG behind EtherType 0x88e7: priority, flags and service (IEEE 802.1Q §9.7). The inner
/// frame's addresses are also part of that tag there.
const SERVICE_TAG: usize = 4;

/// Forwarding tag and time to live, behind EtherType 0x8903.
const FABRIC_PATH_TAG: usize = 2;

/// The EtherType or length of the frame behind an I-TAG and what follows it; `None` where the
/// octets end before.
pub(super) fn backbone<'a>(octets: &'a [u8], link: &mut Link<'a>) -> Option<(u16, &'a [u8])> {
    ethernet::inner(octets.get(SERVICE_TAG..)?, link)
}

/// The same of the frame behind a FabricPath header.
pub(super) fn fabric_path<'a>(octets: &'a [u8], link: &mut Link<'a>) -> Option<(u16, &'a [u8])> {
    ethernet::inner(octets.get(FABRIC_PATH_TAG..)?, link)
}
