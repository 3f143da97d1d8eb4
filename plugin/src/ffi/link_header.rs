// SPDX-License-Identifier: Apache-2.0
//! The Ethernet header around a routed packet: the one that it came with still stands before
//! its data, the one that it goes with already begins them.

use super::frame::Buffer;

/// Octets of an Ethernet header without tags, and of one with two.
const ETHERNET: core::ops::RangeInclusive<usize> = 14..=22;

impl<'a> Buffer<'a> {
    /// Octets of the Ethernet header that this IP packet came with; 0 where it came without.
    /// What tunnels leave there, and what other plugins wrote over it, is none.
    #[inline(always)]
    pub(crate) fn ethernet_before(&self) -> usize {
        let before = self.link_header_octets();
        if ETHERNET.contains(&before) && is_ip(self.data_from(-(before as isize)), before) {
            before
        } else {
            0
        }
    }

    /// Whether the first `length` octets of its data are an Ethernet header before an IP packet.
    #[inline(always)]
    pub(crate) fn ethernet_until(&self, length: usize) -> bool {
        ETHERNET.contains(&length) && is_ip(self.data_from(0), length)
    }
}

/// Whether what the link layer's header, so many octets long, says of its packet is true.
#[inline(always)]
fn is_ip(octets: &[u8], header: usize) -> bool {
    let ether_type = octets.get(header - 2..header);
    let version = octets.get(header).map(|octet| octet >> 4);
    matches!(
        (ether_type, version),
        (Some([0x08, 0x00]), Some(4)) | (Some([0x86, 0xdd]), Some(6))
    )
}
