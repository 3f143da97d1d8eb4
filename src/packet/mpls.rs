// SPDX-License-Identifier: Apache-2.0
//! MPLS label stacks (RFC 3032 §2.1).
//!
//! Knows nothing of what labels mean, and so not what they carry. Routers on the path take what
//! begins with IP's version for IP (RFC 4928 §2), which MAC addresses in an Ethernet pseudowire
//! may do as well. Here the header's and the packet's length must fit the frame, too. Else it may
//! be a pseudowire, with a control word or without one (RFC 4448 §4.6), which is read if what it
//! carries is IP by the same rule. Everything else is a frame that is not IP.

use bytemuck::{Pod, Zeroable};

use super::dissect::Dissection;
use super::link::Link;
use super::wire::split_header;
use super::{MAX_TAGS, ether_type, ethernet, ipv4, ipv6};
use crate::flow::IgnoredReason;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Label {
    _label_high: [u8; 2],
    label_low_class_and_bottom: u8,
    _time_to_live: u8,
}

impl Label {
    fn is_bottom(&self) -> bool {
        self.label_low_class_and_bottom & 1 == 1
    }
}

/// Reads a label stack; `ether_type` is that of everything but IP.
pub(super) fn read(mut octets: &[u8], mut link: Link<'_>, ether_type: u16) -> Dissection {
    loop {
        let Some((label, rest)) = split_header::<Label>(octets) else {
            return Dissection::LINK_TRUNCATED;
        };
        if !link.count_tag() {
            return Dissection::Ignored(IgnoredReason::TooManyTags);
        }
        octets = rest;
        if label.is_bottom() {
            break;
        }
    }
    let Some(first) = octets.first() else {
        return Dissection::LINK_TRUNCATED;
    };
    if ipv4::can_be(octets, &link) {
        return ipv4::read(octets, &link);
    }
    if ipv6::can_be(octets, &link) {
        return ipv6::read(octets, &link);
    }
    let behind_control_word = octets.get(CONTROL_WORD..).filter(|_| first >> 4 == 0);
    for frame in behind_control_word.into_iter().chain([octets]) {
        if carries_ip(frame, &link) {
            return ethernet::read(frame, link);
        }
    }
    link.non_ip(ether_type)
}

/// Octets of a pseudowire's control word, of which the first four bits are 0 (RFC 4385 §3).
const CONTROL_WORD: usize = 4;

/// Whether a pseudowire's Ethernet frame carries what can be an IP packet, behind VLAN tags or not.
fn carries_ip(frame: &[u8], link: &Link<'_>) -> bool {
    /// Two MAC addresses before the EtherType, and a tag's control information before the next.
    const BEFORE: [usize; 2] = [12, 2];

    let mut rest = frame;
    for tags in 0..=MAX_TAGS {
        let Some(after) = rest.get(BEFORE[tags.min(1)]..) else {
            return false;
        };
        let Some((announced, packet)) = split_header::<[u8; 2]>(after) else {
            return false;
        };
        match u16::from_be_bytes(*announced) {
            ether_type::IPV4 => return ipv4::can_be(packet, link),
            ether_type::IPV6 => return ipv6::can_be(packet, link),
            ether_type::VLAN | ether_type::VLAN_SERVICE | ether_type::VLAN_STACKED => rest = packet,
            _ => return false,
        }
    }
    false
}
