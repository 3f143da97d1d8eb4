// SPDX-License-Identifier: Apache-2.0
//! MPLS label stacks (RFC 3032 §2.1).
//!
//! Labels do not say what follows them. Routers take a payload for IP if it begins with IP's
//! version (RFC 4928 §2), but so may the MAC addresses in an Ethernet pseudowire. Here the lengths
//! of header and packet must fit the frame, too. Otherwise it may be a pseudowire, with or without
//! a control word (RFC 4448 §4.6), which is read if it carries IP by the same rule. Everything else
//! is a frame that is not IP.

use bytemuck::{Pod, Zeroable};

use super::cursor::Cursor;
use super::next::{Next, Step};
use super::wire::split_header;
use super::{MAX_TAGS, ipv4, ipv6};
use crate::flow::IgnoredReason;
use crate::number::ether_type;

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

/// Reads a label; `ether_type` is the EtherType of the frame if it is not IP.
#[inline(always)]
pub(super) fn read_label(cursor: &mut Cursor<'_>, ether_type: u16) -> Step {
    let label: &Label = cursor.take()?;
    cursor.count_tag()?;
    Ok(if label.is_bottom() {
        Next::LabelledPayload(ether_type)
    } else {
        Next::Label(ether_type)
    })
}

/// Returns what follows the last label; `ether_type` is the EtherType of the frame if it is not IP.
pub(super) fn read_payload(cursor: &mut Cursor<'_>, ether_type: u16) -> Step {
    let octets = cursor.rest();
    let first = octets.first().ok_or(IgnoredReason::LinkHeaderTruncated)?;
    if ipv4::can_be(octets, cursor) {
        return Ok(Next::Ipv4);
    }
    if ipv6::can_be(octets, cursor) {
        return Ok(Next::Ipv6);
    }
    if first >> 4 == 0
        && octets
            .get(CONTROL_WORD..)
            .is_some_and(|frame| carries_ip(frame, cursor))
    {
        cursor.skip(CONTROL_WORD)?;
        return Ok(Next::Ethernet);
    }
    if carries_ip(octets, cursor) {
        return Ok(Next::Ethernet);
    }
    Ok(Next::NonIp(ether_type))
}

/// Octets of a pseudowire's control word, of which the first four bits are 0 (RFC 4385 §3).
const CONTROL_WORD: usize = 4;

/// Returns whether a pseudowire's Ethernet frame carries what can be an IP packet, behind VLAN tags
/// or not.
fn carries_ip(frame: &[u8], cursor: &Cursor<'_>) -> bool {
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
            ether_type::IPV4 => return ipv4::can_be(packet, cursor),
            ether_type::IPV6 => return ipv6::can_be(packet, cursor),
            ether_type::VLAN | ether_type::VLAN_SERVICE | ether_type::VLAN_STACKED => rest = packet,
            _ => return false,
        }
    }
    false
}
