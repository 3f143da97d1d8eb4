// SPDX-License-Identifier: Apache-2.0
//! Every link layer, down to which protocol it carries and in which VLAN.

use super::*;
use crate::packet::MAX_TAGS;

/// A VLAN tag: its EtherType and a priority of 5 with the id.
pub(super) fn tag(ether_type: u16, vlan: u16) -> Vec<u8> {
    [ether_type.to_be_bytes(), (0xa000 | vlan).to_be_bytes()].concat()
}

/// An MPLS label stack of `count` labels.
pub(super) fn labels(count: usize) -> Vec<u8> {
    let mut octets = [0x00, 0x01, 0x00, 0x40].repeat(count);
    octets[4 * count - 2] |= 1;
    octets
}

const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];
const PPPOE: [u8; 8] = [0x88, 0x64, 0x11, 0x00, 0x00, 0x07, 0x00, 0x2a];

/// What IP packets of either version are found behind.
pub(super) fn ipv4_and_ipv6_are_behind(link_type: LinkType, before_4: &[u8], before_6: &[u8]) {
    let headers = ipv4_headers(link_type, &[before_4, &ipv4(TCP, &tcp())].concat());
    assert_eq!(
        (headers.key.ports, headers.octets),
        (PORTS, 40),
        "{before_4:02x?}"
    );
    let headers = ipv6_headers(link_type, &[before_6, &ipv6(TCP, &tcp())].concat());
    assert_eq!(
        (headers.key.ports, headers.octets),
        (PORTS, 60),
        "{before_6:02x?}"
    );
    for octets in 0..before_4.len() {
        assert_eq!(
            ignored(link_type, &before_4[..octets]),
            IgnoredReason::LinkHeaderTruncated,
            "{octets} octets of {before_4:02x?}"
        );
    }
}

#[test]
fn ethernet_headers() {
    let snap = |ether_type: &[u8]| {
        ethernet(&[
            &[0x00, 0x40, 0xaa, 0xaa, 0x03, 0x00, 0x00, 0x00],
            ether_type,
        ])
    };
    let tagged = [tag(0x8100, 7), tag(0x9100, 8), tag(0x88a8, 9)].concat();
    let mpls = |ether_type: &[u8]| ethernet(&[ether_type, &labels(3)]);
    let pppoe = |protocol: &[u8]| ethernet(&[&PPPOE, protocol]);
    for (before_4, before_6) in [
        (ethernet(&[&IPV4]), ethernet(&[&IPV6])),
        (ethernet(&[&tagged, &IPV4]), ethernet(&[&tagged, &IPV6])),
        (snap(&IPV4), snap(&IPV6)),
        (
            snap(&[&tagged[..], &IPV4].concat()),
            snap(&[&tagged[..], &IPV6].concat()),
        ),
        (mpls(&[0x88, 0x47]), mpls(&[0x88, 0x48])),
        (pppoe(&[0x00, 0x21]), pppoe(&[0x00, 0x57])),
        (pppoe(&[0x21]), pppoe(&[0x57])),
        (
            pppoe(&[&[0x02, 0x81], &labels(1)[..]].concat()),
            pppoe(&[0x57]),
        ),
        (
            ethernet(&[&tagged, &PPPOE, &[0x00, 0x21]]),
            ethernet(&[&tagged, &PPPOE, &[0x00, 0x57]]),
        ),
    ] {
        ipv4_and_ipv6_are_behind(LinkType::Ethernet, &before_4, &before_6);
    }
}

/// IEEE 802.2 with IP's own SAP.
#[test]
fn llc_with_ip() {
    let data = ethernet(&[&[0x00, 0x2b, 0x06, 0x06, 0x03], &ipv4(TCP, &tcp())]);
    assert_eq!(ipv4_headers(LinkType::Ethernet, &data).key.ports, PORTS);
}

#[test]
fn frames_that_are_not_ip() {
    let pseudowire = [0x00, 0x00, 0x12, 0x34, 0x02];
    let snap = |organization: &[u8; 3], protocol: &[u8; 2]| {
        ethernet(&[
            &[0x00, 0x20, 0xaa, 0xaa, 0x03],
            organization,
            protocol,
            &[0; 24],
        ])
    };
    for (data, ether_type) in [
        (ethernet(&[&[0x08, 0x06], &[0; 28]]), 0x0806),
        (
            ethernet(&[&tag(0x8100, 5), &[0x08, 0x06], &[0; 28]]),
            0x0806,
        ),
        (ethernet(&[&[0x88, 0xcc]]), 0x88cc),
        // Spanning tree: plain LLC.
        (ethernet(&[&[0x00, 0x26, 0x42, 0x42, 0x03], &[0; 35]]), 0),
        // IPX without LLC.
        (ethernet(&[&[0x00, 0x26, 0xff, 0xff, 0x00], &[0; 35]]), 0),
        (snap(&[0, 0, 0], &[0x80, 0x9b]), 0x809b),
        // CDP: another organization's protocol number.
        (snap(&[0, 0, 0x0c], &[0x20, 0x00]), 0),
        (snap(&[0, 0, 0], &[0x05, 0xff]), 0),
        (ethernet(&[&[0x88, 0x47], &labels(2), &pseudowire]), 0x8847),
        (ethernet(&[&[0x88, 0x48], &labels(2), &pseudowire]), 0x8848),
        // PPPoE: discovery, LCP, MPLS with a pseudowire, another version, another code.
        (
            ethernet(&[&[0x88, 0x63], &[0x11, 0x09, 0, 0, 0, 0]]),
            0x8863,
        ),
        (ethernet(&[&PPPOE, &[0xc0, 0x21]]), 0x8864),
        (
            ethernet(&[&PPPOE, &[0x02, 0x83], &labels(1), &pseudowire]),
            0x8864,
        ),
        (
            ethernet(&[&[0x88, 0x64, 0x21, 0, 0, 0, 0, 0], &[0x00, 0x21]]),
            0x8864,
        ),
        (
            ethernet(&[&[0x88, 0x64, 0x11, 1, 0, 0, 0, 0], &[0x00, 0x21]]),
            0x8864,
        ),
    ] {
        let mut packet = packet(LinkType::Ethernet, &data);
        packet.length = 1514;
        let Dissection::NonIp(headers) = dissect(&packet) else {
            panic!("{data:02x?}")
        };
        assert_eq!(headers.key.observed.protocol, ether_type, "{data:02x?}");
        assert_eq!(headers.key.source, SOURCE_MAC);
        assert_eq!(headers.key.destination, DESTINATION_MAC);
        assert_eq!(
            (headers.octets, headers.type_of_service, headers.tcp_flags),
            (1514, 0, 0)
        );
        // Less than what was captured can't be what was on the wire.
        packet.length = 0;
        let Dissection::NonIp(headers) = dissect(&packet) else {
            panic!()
        };
        assert_eq!(headers.octets, data.len() as u32);
    }
}

#[test]
fn the_vlan_is_the_observation_points_or_the_outermost_tags() {
    let ip = ipv4(TCP, &tcp());
    for (at_point, tags, expected) in [
        (0, vec![], 0),
        (0, vec![tag(0x8100, 0xfff)], 0xfff),
        (0, vec![tag(0x88a8, 100), tag(0x8100, 200)], 100),
        (0, vec![tag(0x8100, 0), tag(0x8100, 200)], 0),
        (300, vec![], 300),
        (300, vec![tag(0x8100, 100)], 300),
    ] {
        for (ether_type, rest) in [(IPV4, &ip[..]), ([0x08, 0x06], &[0; 28])] {
            let data = ethernet(&[&tags.concat(), &ether_type, rest]);
            let mut packet = packet(LinkType::Ethernet, &data);
            packet.point.vlan = at_point;
            let observed = match dissect(&packet) {
                Dissection::Ipv4(headers) => headers.key.observed,
                Dissection::NonIp(headers) => headers.key.observed,
                other => panic!("{other:?}"),
            };
            assert_eq!(observed.vlan(), expected);
        }
    }
}

#[test]
fn tags_and_labels_are_read_up_to_a_limit() {
    let ip = ipv4(TCP, &tcp());
    for tag_count in 0..=MAX_TAGS {
        let tags = tag(0x8100, 9).repeat(tag_count);
        let label_count = MAX_TAGS - tag_count;
        let (most, too_many) = if label_count == 0 {
            (
                ethernet(&[&tags, &IPV4, &ip]),
                ethernet(&[&tags, &tag(0x8100, 9), &IPV4, &ip]),
            )
        } else {
            (
                ethernet(&[&tags, &[0x88, 0x47], &labels(label_count), &ip]),
                ethernet(&[&tags, &[0x88, 0x47], &labels(label_count + 1), &ip]),
            )
        };
        let headers = ipv4_headers(LinkType::Ethernet, &most);
        assert_eq!(headers.key.ports, PORTS);
        assert_eq!(
            headers.key.observed.vlan(),
            if tag_count == 0 { 0 } else { 9 }
        );
        assert_eq!(
            ignored(LinkType::Ethernet, &too_many),
            IgnoredReason::TooManyTags
        );
    }
}

#[test]
fn linux_cooked_headers() {
    let version_1 = |hardware: u16, length: u8, rest: &[u8]| {
        let hardware = hardware.to_be_bytes();
        let address = [0x02, 0, 0, 0, 0, 0x55, 0xee, 0xee];
        [&[0, 0], &hardware[..], &[0, length], &address, rest].concat()
    };
    let version_2 = |hardware: u16, length: u8, protocol: &[u8], rest: &[u8]| {
        let hardware = hardware.to_be_bytes();
        let address = [0x02, 0, 0, 0, 0, 0x55, 0xee, 0xee];
        [
            protocol,
            &[0, 0, 0, 0, 0, 3],
            &hardware,
            &[0, length],
            &address,
            rest,
        ]
        .concat()
    };
    let v1 = |rest: &[u8]| version_1(1, 6, rest);
    ipv4_and_ipv6_are_behind(LinkType::LinuxCooked, &v1(&IPV4), &v1(&IPV6));
    let tagged = tag(0x8100, 7);
    let (before_4, before_6) = (
        v1(&[&tagged[..], &IPV4].concat()),
        v1(&[&tagged[..], &IPV6].concat()),
    );
    ipv4_and_ipv6_are_behind(LinkType::LinuxCooked, &before_4, &before_6);
    let v2 = |protocol: &[u8], rest: &[u8]| version_2(1, 6, protocol, rest);
    ipv4_and_ipv6_are_behind(LinkType::LinuxCooked2, &v2(&IPV4, &[]), &v2(&IPV6, &[]));
    let tagged = v2(&[0x81, 0x00], &[0x00, 0x07, 0x08, 0x00]);
    let data = [&tagged[..], &ipv4(TCP, &tcp())].concat();
    assert_eq!(
        ipv4_headers(LinkType::LinuxCooked2, &data)
            .key
            .observed
            .vlan(),
        7
    );

    for (hardware, length, protocol, source, ether_type) in [
        (1, 6, [0x08, 0x06], SOURCE_MAC, 0x0806),
        (1, 6, [0x00, 0x04], SOURCE_MAC, 0),
        (776, 4, [0x08, 0x06], [0; 6], 0x0806),
        (1, 0, [0x08, 0x06], [0; 6], 0x0806),
        (1, 8, [0x08, 0x06], [0; 6], 0x0806),
        // Frame relay, radiotap and netlink have no EtherType there.
        (770, 6, IPV4, SOURCE_MAC, 0),
        (803, 6, IPV4, SOURCE_MAC, 0),
        (824, 0, IPV4, [0; 6], 0),
    ] {
        let rest = [&protocol[..], &[0; 28]].concat();
        let first = non_ip_headers(LinkType::LinuxCooked, &version_1(hardware, length, &rest));
        let data = version_2(hardware, length, &protocol, &[0; 28]);
        let second = non_ip_headers(LinkType::LinuxCooked2, &data);
        for (headers, octets) in [(first, 16 + 28), (second, 20 + 28)] {
            assert_eq!(headers.key.source, source);
            assert_eq!(headers.key.destination, [0; 6]);
            assert_eq!(headers.key.observed.protocol, ether_type);
            assert_eq!(headers.octets, octets);
        }
    }
}

#[test]
fn bsd_loopback_headers() {
    for family in [10u32, 24, 28, 30] {
        let (inet, inet6) = (2u32.to_be_bytes(), family.to_be_bytes());
        ipv4_and_ipv6_are_behind(LinkType::BsdLoop, &inet, &inet6);
        ipv4_and_ipv6_are_behind(LinkType::BsdNull, &inet, &inet6);
        let (inet, inet6) = (2u32.to_le_bytes(), family.to_le_bytes());
        ipv4_and_ipv6_are_behind(LinkType::BsdNull, &inet, &inet6);
        let data = [&inet6[..], &ipv6(TCP, &tcp())].concat();
        assert_eq!(
            non_ip_headers(LinkType::BsdLoop, &data)
                .key
                .observed
                .protocol,
            0
        );
    }
    let headers = non_ip_headers(LinkType::BsdNull, &[7, 0, 0, 0, 1, 2, 3, 4]);
    assert_eq!((headers.key.observed.protocol, headers.octets), (0, 8));
    assert_eq!(
        (headers.key.source, headers.key.destination),
        ([0; 6], [0; 6])
    );
}

#[test]
fn rfc_1661_and_rfc_1662_ppp_headers() {
    for (before_4, before_6) in [
        (&[0xff, 0x03, 0x00, 0x21][..], &[0xff, 0x03, 0x00, 0x57][..]),
        (&[0xff, 0x03, 0x21], &[0xff, 0x03, 0x57]),
        (&[0x00, 0x21], &[0x00, 0x57]),
        (&[0x21], &[0x57]),
        (
            &[0x02, 0x81, 0, 0, 0x11, 0x40],
            &[0x02, 0x83, 0, 0, 0x11, 0x40],
        ),
    ] {
        ipv4_and_ipv6_are_behind(LinkType::Ppp, before_4, before_6);
    }
    for data in [
        &[][..],
        &[0xff, 0x03],
        &[0x00],
        &[0x02, 0x81],
        &[0x02, 0x81, 0, 0, 0x11, 0x40],
    ] {
        assert_eq!(
            ignored(LinkType::Ppp, data),
            IgnoredReason::LinkHeaderTruncated
        );
    }
    for data in [
        &[0xff, 0x03, 0xc0, 0x21, 1][..],
        &[0x02, 0x81, 0, 0, 0x11, 0x40, 0],
    ] {
        let headers = non_ip_headers(LinkType::Ppp, data);
        assert_eq!(
            (headers.key.observed.protocol, headers.octets),
            (0, data.len() as u32)
        );
    }
}

#[test]
fn the_version_says_which_ip_raw_ip_is() {
    ipv4_and_ipv6_are_behind(LinkType::RawIp, &[], &[]);
    assert_eq!(
        ignored(LinkType::RawIp, &[]),
        IgnoredReason::IpHeaderTruncated
    );
    assert_eq!(
        ignored(LinkType::RawIp, &[0x50; 60]),
        IgnoredReason::IpVersion
    );
}

#[test]
fn unsupported_link_types_are_ignored() {
    let data = ethernet_ip(&ipv4(TCP, &tcp()));
    assert_eq!(
        ignored(LinkType::Unsupported, &data),
        IgnoredReason::UnsupportedLinkType
    );
}
