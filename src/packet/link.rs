// SPDX-License-Identifier: Apache-2.0
//! From the first octet of a packet to its network header.
//!
//! Owns what all link layers have in common, and those that are too short for a file of
//! their own: raw IP and the BSD loopback encapsulations. Knows nothing of IP but the
//! version in its first octet. At most [`MAX_TAGS`] tags and labels are read.
//!
//! Each layer reads its own header and hands the rest to the next, which gives the whole
//! dissection. Returning what was found, for a caller to go on with, took 32 ns a packet
//! where this takes 8 (AMD EPYC, rustc 1.95): results with slices in them went through
//! memory, written and read in sizes between which the processor can't forward.

use bytemuck::{Pod, Zeroable};

use super::dissect::{Dissection, Headers};
use super::wire::split_header;
use super::{
    MAX_TAGS, Packet, cisco_hdlc, cooked, ethernet, fddi, ipv4, ipv6, netfilter_log, ppp, wireless,
};
use crate::flow::{IgnoredReason, L2Key, Observed};
use crate::observation::LinkType;

/// A packet, and what was read of its link layer so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link<'a> {
    packet: &'a Packet<'a>,
    source: &'a [u8; 6],
    destination: &'a [u8; 6],
    /// Tags and labels.
    tags: u32,
    /// The packet's VLAN, and [`Self::VLAN_IS_KNOWN`]. Wider than a VLAN also so that it has no
    /// padding behind it: that made it be written with two octets and read with four, which the
    /// processor can't forward either.
    vlan: u32,
}

impl<'a> Link<'a> {
    /// The observation point or a tag has said the VLAN, or none can any more.
    const VLAN_IS_KNOWN: u32 = 1 << 16;

    /// A packet of which nothing was read yet.
    #[inline(always)]
    fn new(packet: &'a Packet<'a>) -> Self {
        let vlan = match packet.point.vlan {
            0 => 0,
            vlan => u32::from(vlan) | Self::VLAN_IS_KNOWN,
        };
        Self {
            packet,
            source: &[0; 6],
            destination: &[0; 6],
            tags: 0,
            vlan,
        }
    }

    /// The same with the source address that its link layer has.
    #[inline(always)]
    pub(super) fn with_source(self, source: &'a [u8; 6]) -> Self {
        Self { source, ..self }
    }

    /// The same with the destination address that its link layer has.
    #[inline(always)]
    pub(super) fn with_destination(self, destination: &'a [u8; 6]) -> Self {
        Self {
            destination,
            ..self
        }
    }

    /// Counts one more tag or label; false where that is one too many. VLAN tags behind it are
    /// inner ones.
    #[inline(always)]
    #[must_use]
    pub(super) fn count_tag(&mut self) -> bool {
        self.vlan |= Self::VLAN_IS_KNOWN;
        self.count_encapsulation()
    }

    /// Counts one more encapsulation as a tag; false where that is one too many. The outermost VLAN
    /// tag may be behind it.
    #[inline(always)]
    #[must_use]
    pub(super) fn count_encapsulation(&mut self) -> bool {
        self.tags += 1;
        self.tags <= MAX_TAGS as u32
    }

    /// Counts a VLAN tag with this tag control information (IEEE 802.1Q §9.6); false where
    /// that is one too many. The outermost one's VLAN is the packet's, unless the
    /// observation point has one.
    #[inline(always)]
    #[must_use]
    pub(super) fn count_vlan_tag(&mut self, control: [u8; 2]) -> bool {
        const IDENTIFIER: u16 = 0x0fff;
        if self.vlan & Self::VLAN_IS_KNOWN == 0 {
            self.vlan = (u16::from_be_bytes(control) & IDENTIFIER).into();
        }
        self.count_tag()
    }

    /// The observation point's part of this packet's key.
    #[inline(always)]
    pub(super) fn observed(&self, protocol: u16) -> Observed {
        Observed::new(&self.packet.point, self.vlan as u16, protocol)
    }

    /// Octets on the wire from the first of `captured` on, which are the packet's last.
    #[inline(always)]
    pub(super) fn on_wire_from(&self, captured: &[u8]) -> u32 {
        let before = self.packet.data.len().saturating_sub(captured.len());
        self.packet
            .octets_on_wire()
            .saturating_sub(u32::try_from(before).unwrap_or(u32::MAX))
    }

    /// See [`Packet::segment_size`].
    #[inline(always)]
    pub(super) fn segment_size(&self) -> u16 {
        self.packet.segment_size
    }

    /// A frame with the protocol of this EtherType (0: it has none), which isn't IP.
    pub(super) fn non_ip(&self, ether_type: u16) -> Dissection {
        Dissection::NonIp(Headers {
            key: L2Key {
                source: *self.source,
                destination: *self.destination,
                observed: self.observed(ether_type),
            },
            octets: self.packet.octets_on_wire(),
            packets: 1,
            type_of_service: 0,
            tcp_flags: 0,
            attributes: (),
        })
    }
}

/// Reads all headers of `packet`.
#[inline]
pub(super) fn read(packet: &Packet<'_>) -> Dissection {
    let link = Link::new(packet);
    match packet.point.link_type {
        LinkType::Ethernet => ethernet::read(packet.data, link),
        LinkType::RawIp => raw_ip(packet.data, link),
        LinkType::LinuxCooked => cooked::read_version_1(packet.data, link),
        LinkType::LinuxCooked2 => cooked::read_version_2(packet.data, link),
        LinkType::BsdNull => bsd(packet.data, link, |family| {
            // Families are small numbers: the order that makes one small is the right one.
            u32::from_be_bytes(family).min(u32::from_le_bytes(family))
        }),
        LinkType::BsdLoop => bsd(packet.data, link, u32::from_be_bytes),
        LinkType::Ppp => match packet.data {
            [cisco_hdlc::UNICAST | cisco_hdlc::BROADCAST, ..] => {
                cisco_hdlc::read(packet.data, link)
            }
            _ => ppp::read(packet.data, link, ppp::NO_ETHER_TYPE),
        },
        LinkType::CiscoHdlc => cisco_hdlc::read(packet.data, link),
        LinkType::Fddi => fddi::read(packet.data, link),
        LinkType::NetfilterLog => netfilter_log::read(packet.data, link),
        LinkType::Ieee80211 => wireless::read(packet.data, link),
        LinkType::Radiotap => wireless::read_radiotap(packet.data, link),
        LinkType::PacketInformation => wireless::read_packet_information(packet.data, link),
        LinkType::Unsupported => Dissection::Ignored(IgnoredReason::UnsupportedLinkType),
    }
}

fn raw_ip(octets: &[u8], link: Link<'_>) -> Dissection {
    let Some(first) = octets.first() else {
        return Dissection::Ignored(IgnoredReason::IpHeaderTruncated);
    };
    match first >> 4 {
        4 => ipv4::read(octets, &link),
        6 => ipv6::read(octets, &link),
        _ => Dissection::Ignored(IgnoredReason::IpVersion),
    }
}

/// BSD null and loop: the address family, and no more.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct BsdHeader {
    family: [u8; 4],
}

/// `AF_INET`, the same number everywhere.
const AF_INET: u32 = 2;

fn bsd(octets: &[u8], link: Link<'_>, family: impl Fn([u8; 4]) -> u32) -> Dissection {
    let Some((header, rest)) = split_header::<BsdHeader>(octets) else {
        return Dissection::LINK_TRUNCATED;
    };
    match family(header.family) {
        AF_INET => ipv4::read(rest, &link),
        // AF_INET6 is 10 on Linux, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on Darwin.
        10 | 24 | 28 | 30 => ipv6::read(rest, &link),
        _ => link.non_ip(0),
    }
}
