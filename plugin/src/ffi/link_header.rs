// SPDX-License-Identifier: Apache-2.0
//! The Ethernet header of a routed packet: on input it still lies before the packet's data, on
//! output the packet's data already starts with it.

use super::frame::Buffer;

/// Octets of an Ethernet header without tags, and of one with two.
const ETHERNET: core::ops::RangeInclusive<usize> = 14..=22;

impl<'a> Buffer<'a> {
    /// Octets of the Ethernet header that this IP packet was received with; 0 if there is none,
    /// if a tunnel left something else there, or if another plugin has overwritten it.
    #[inline(always)]
    pub(crate) fn ethernet_before(&self) -> usize {
        let before = self.link_header_octets();
        if ETHERNET.contains(&before) && is_ip(self.data_from(-(before as isize)), before) {
            before
        } else {
            0
        }
    }

    /// Whether the first `length` octets of the data are an Ethernet header before an IP packet.
    #[inline(always)]
    pub(crate) fn ethernet_until(&self, length: usize) -> bool {
        ETHERNET.contains(&length) && is_ip(self.data_from(0), length)
    }
}

/// Whether the EtherType at the end of the link-layer header matches the IP version after it.
#[inline(always)]
fn is_ip(octets: &[u8], header: usize) -> bool {
    let ether_type = octets.get(header - 2..header);
    let version = octets.get(header).map(|octet| octet >> 4);
    matches!(
        (ether_type, version),
        (Some([0x08, 0x00]), Some(4)) | (Some([0x86, 0xdd]), Some(6))
    )
}
