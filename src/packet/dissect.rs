// SPDX-License-Identifier: Apache-2.0
//! From a packet's octets to its flow key: one loop that calls a parser for each header.
//!
//! Owns the order of the headers: which parser reads what another one announced. No parser calls
//! another. The result depends on the captured octets, the observation point and the length on
//! the wire, and on nothing else.

use super::cursor::Cursor;
use super::dissection::Dissection;
use super::next::{Next, Step};
use super::{
    MAX_TAGS, Packet, bsd, cisco_hdlc, cooked, ethernet, fddi, ipv4, ipv6, logical_link,
    mac_in_mac, mpls, netfilter_log, non_ip, port_extension, ppp, pppoe, raw_ip, service_header,
    vlan, wireless,
};
use crate::flow::IgnoredReason;
use crate::number::ether_type;
use crate::observation::LinkType;

/// The most parsers that are called for one packet: two for each tag, which may have an Ethernet
/// header behind it, and one for each of the fewer than [`MAX_TAGS`] headers that do not count as
/// tags. So a packet reaches [`MAX_TAGS`] first.
const MAX_HEADERS: usize = 3 * MAX_TAGS;

/// Reads the headers of `packet`, up to those that the outermost IP header announces.
#[inline]
pub fn dissect(packet: &Packet<'_>) -> Dissection {
    let mut cursor = Cursor::new(packet);
    let mut step = read_first(packet.point.link_type, &mut cursor);
    for _ in 0..MAX_HEADERS {
        let next = match step {
            Ok(next) => next,
            Err(reason) => return Dissection::Ignored(reason),
        };
        step = match next {
            Next::Ipv4 | Next::EtherType(ether_type::IPV4) => return ipv4::read(&cursor),
            Next::Ipv6 | Next::EtherType(ether_type::IPV6) => return ipv6::read(&cursor),
            Next::EtherType(
                ether_type::VLAN | ether_type::VLAN_SERVICE | ether_type::VLAN_STACKED,
            ) => vlan::read(&mut cursor),
            Next::EtherType(number @ (ether_type::MPLS | ether_type::MPLS_UPSTREAM)) => {
                mpls::read_label(&mut cursor, number)
            }
            Next::EtherType(ether_type::PPPOE_SESSION) => pppoe::read(&mut cursor),
            Next::EtherType(ether_type::BACKBONE) => mac_in_mac::read_backbone(&mut cursor),
            Next::EtherType(ether_type::FABRIC_PATH) => mac_in_mac::read_fabric_path(&mut cursor),
            Next::EtherType(ether_type::VN_TAG) => port_extension::read_vn_tag(&mut cursor),
            Next::EtherType(ether_type::E_TAG) => port_extension::read_e_tag(&mut cursor),
            Next::EtherType(ether_type::SERVICE_HEADER) => service_header::read(&mut cursor),
            Next::EtherType(..ether_type::MINIMUM) => logical_link::read_length(&mut cursor),
            Next::EtherType(number) | Next::NonIp(number) => return non_ip::read(&cursor, number),
            Next::Ethernet => ethernet::read(&mut cursor),
            Next::LogicalLink => logical_link::read(&mut cursor),
            Next::Label(number) => mpls::read_label(&mut cursor, number),
            Next::LabelledPayload(number) => mpls::read_payload(&mut cursor, number),
            Next::Ppp(number) => ppp::read(&mut cursor, number),
            Next::Ieee80211 => wireless::read(&mut cursor, false),
            Next::PaddedIeee80211 => wireless::read(&mut cursor, true),
        };
    }
    Dissection::Ignored(IgnoredReason::TooManyTags)
}

/// Reads the header that packets of `link_type` begin with.
#[inline(always)]
fn read_first(link_type: LinkType, cursor: &mut Cursor<'_>) -> Step {
    match link_type {
        LinkType::Ethernet => ethernet::read(cursor),
        LinkType::RawIp => raw_ip::read(cursor),
        LinkType::LinuxCooked => cooked::read_version_1(cursor),
        LinkType::LinuxCooked2 => cooked::read_version_2(cursor),
        LinkType::BsdNull => bsd::read_null(cursor),
        LinkType::BsdLoop => bsd::read_loop(cursor),
        LinkType::Ppp => cisco_hdlc::read_unless_ppp(cursor),
        LinkType::CiscoHdlc => cisco_hdlc::read(cursor),
        LinkType::Fddi => fddi::read(cursor),
        LinkType::NetfilterLog => netfilter_log::read(cursor),
        LinkType::Ieee80211 => wireless::read(cursor, false),
        LinkType::Radiotap => wireless::read_radiotap(cursor),
        LinkType::PacketInformation => wireless::read_packet_information(cursor),
        LinkType::Unsupported => Err(IgnoredReason::UnsupportedLinkType),
    }
}
