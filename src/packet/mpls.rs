// SPDX-License-Identifier: Apache-2.0
//! MPLS label stacks (RFC 3032 §2.1).
//!
//! Knows nothing of what labels mean, and so not what they carry: like every router on
//! the path, it takes what begins as an IP header for one (RFC 4928 §2). Pseudowires with
//! a control word begin otherwise (RFC 4385 §3).

use bytemuck::{Pod, Zeroable};

use super::dissect::Dissection;
use super::link::Link;
use super::wire::split_header;
use super::{ipv4, ipv6};
use crate::metering::ignored::IgnoredReason;

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
            return Dissection::Ignored(IgnoredReason::LinkHeaderTruncated);
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
        return Dissection::Ignored(IgnoredReason::LinkHeaderTruncated);
    };
    match first >> 4 {
        4 => ipv4::read(octets, &link),
        6 => ipv6::read(octets, &link),
        _ => link.non_ip(ether_type),
    }
}
