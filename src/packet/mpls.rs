// SPDX-License-Identifier: Apache-2.0
//! MPLS label stacks (RFC 3032 §2.1).
//!
//! Knows nothing of what labels mean, and so not what they carry: like every router on
//! the path, it takes what begins as an IP header for one (RFC 4928 §2). Pseudowires with
//! a control word begin otherwise (RFC 4385 §3).

use bytemuck::{Pod, Zeroable};

use super::link::{Carried, Network, Tags};
use super::wire::split_header;
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
pub(super) fn read<'a>(
    mut octets: &'a [u8],
    tags: &mut Tags,
    ether_type: u16,
) -> Result<Carried<'a>, IgnoredReason> {
    loop {
        let (label, rest) =
            split_header::<Label>(octets).ok_or(IgnoredReason::LinkHeaderTruncated)?;
        tags.count_one()?;
        octets = rest;
        if label.is_bottom() {
            break;
        }
    }
    let first = *octets.first().ok_or(IgnoredReason::LinkHeaderTruncated)?;
    let network = Network::from_version(first).unwrap_or(Network::Other(ether_type));
    Ok(Carried { network, octets })
}
