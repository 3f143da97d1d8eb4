// SPDX-License-Identifier: Apache-2.0
//! From the first octet of a packet to its network header.
//!
//! Owns what all link layers have in common, and those that are too short for a file of
//! their own: raw IP and the BSD loopback encapsulations. Knows nothing of IP but the
//! version in its first octet. At most [`MAX_TAGS`] tags and labels are read.

use bytemuck::{Pod, Zeroable};

use super::wire::split_header;
use super::{MAX_TAGS, cooked, ethernet, ppp};
use crate::metering::ignored::IgnoredReason;
use crate::observation::LinkType;

/// Which protocol the octets after the link layer's headers belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    /// IPv4, as the link layer says; the header's version is not checked yet.
    Ipv4,
    /// IPv6, likewise.
    Ipv6,
    /// The protocol of this EtherType; 0 where it has none.
    Other(u16),
}

impl Network {
    /// The IP version that a first octet tells; `None` where it is neither 4 nor 6.
    #[inline]
    pub(super) fn from_version(first: u8) -> Option<Self> {
        match first >> 4 {
            4 => Some(Self::Ipv4),
            6 => Some(Self::Ipv6),
            _ => None,
        }
    }
}

/// What a link layer carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carried<'a> {
    /// The protocol.
    pub(super) network: Network,
    /// All captured octets from its header on, padding included.
    pub(super) octets: &'a [u8],
}

/// A packet's link layer, read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    /// What it carries.
    pub(super) carried: Carried<'a>,
    /// The outermost tag's VLAN; 0 where there is no tag.
    pub(super) vlan: u16,
    /// Zeros where the link layer has none.
    pub(super) source: [u8; 6],
    /// Zeros where the link layer has none.
    pub(super) destination: [u8; 6],
}

impl<'a> Frame<'a> {
    /// A frame of a link layer that has neither tags nor addresses.
    #[inline]
    fn bare(network: Network, octets: &'a [u8]) -> Self {
        Self {
            carried: Carried { network, octets },
            vlan: 0,
            source: [0; 6],
            destination: [0; 6],
        }
    }
}

/// The tags and labels that were read so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tags {
    count: usize,
    /// The outermost tag's VLAN; 0 where there is no tag.
    pub(super) vlan: u16,
}

impl Tags {
    /// Counts one more; an error where that is one too many.
    #[inline]
    pub(super) fn count_one(&mut self) -> Result<(), IgnoredReason> {
        if self.count == MAX_TAGS {
            return Err(IgnoredReason::TooManyTags);
        }
        self.count += 1;
        Ok(())
    }

    /// Counts a VLAN tag of this tag control information (IEEE 802.1Q §9.6).
    #[inline]
    pub(super) fn count_vlan(&mut self, control: [u8; 2]) -> Result<(), IgnoredReason> {
        const IDENTIFIER: u16 = 0x0fff;
        if self.count == 0 {
            self.vlan = u16::from_be_bytes(control) & IDENTIFIER;
        }
        self.count_one()
    }
}

/// Reads the link layer's headers.
#[inline]
pub(super) fn read(octets: &[u8], link_type: LinkType) -> Result<Frame<'_>, IgnoredReason> {
    match link_type {
        LinkType::Ethernet => ethernet::read(octets),
        LinkType::RawIp => raw_ip(octets),
        LinkType::LinuxCooked => cooked::read_version_1(octets),
        LinkType::LinuxCooked2 => cooked::read_version_2(octets),
        LinkType::BsdNull => bsd(octets, |family| {
            // Families are small numbers: the order that makes one small is the right one.
            u32::from_be_bytes(family).min(u32::from_le_bytes(family))
        }),
        LinkType::BsdLoop => bsd(octets, u32::from_be_bytes),
        LinkType::Ppp => {
            let mut tags = Tags::default();
            let carried = ppp::read(octets, &mut tags, ppp::NO_ETHER_TYPE)?;
            Ok(Frame::bare(carried.network, carried.octets))
        }
        LinkType::Unsupported => Err(IgnoredReason::UnsupportedLinkType),
    }
}

fn raw_ip(octets: &[u8]) -> Result<Frame<'_>, IgnoredReason> {
    let first = *octets.first().ok_or(IgnoredReason::IpHeaderTruncated)?;
    let network = Network::from_version(first).ok_or(IgnoredReason::IpVersion)?;
    Ok(Frame::bare(network, octets))
}

/// BSD null and loop: the address family, and no more.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct BsdHeader {
    family: [u8; 4],
}

/// `AF_INET`, the same number everywhere.
const AF_INET: u32 = 2;

fn bsd(octets: &[u8], family: impl Fn([u8; 4]) -> u32) -> Result<Frame<'_>, IgnoredReason> {
    let (header, rest) =
        split_header::<BsdHeader>(octets).ok_or(IgnoredReason::LinkHeaderTruncated)?;
    let network = match family(header.family) {
        AF_INET => Network::Ipv4,
        // AF_INET6 is 10 on Linux, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on Darwin.
        10 | 24 | 28 | 30 => Network::Ipv6,
        _ => Network::Other(0),
    };
    Ok(Frame::bare(network, rest))
}
