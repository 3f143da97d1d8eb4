// SPDX-License-Identifier: Apache-2.0
//! Encapsulations between a link layer and IP, and link layers that carry
//! Ethernet's or LLC's headers.

use super::link::{ipv4_and_ipv6_are_behind, labels, tag};
use super::*;
use crate::packet::MAX_TAGS;

const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];
const ARP: [u8; 2] = [0x08, 0x06];

const INNER_DESTINATION: [u8; 6] = [0x02, 0, 0, 0, 1, 0xdd];
const INNER_SOURCE: [u8; 6] = [0x02, 0, 0, 0, 1, 0x55];

/// An inner frame's addresses and type.
fn inner(ether_type: [u8; 2]) -> Vec<u8> {
    [&INNER_DESTINATION[..], &INNER_SOURCE, &ether_type].concat()
}

/// Each encapsulation with the EtherType that announces it, up to the EtherType of what follows.
fn encapsulations(ether_type: [u8; 2]) -> [Vec<u8>; 5] {
    [
        // VN-Tag: downlink, from interface 2.
        [&[0x89, 0x26, 0xc0, 0x05, 0x00, 0x02][..], &ether_type].concat(),
        // E-Tag: priority 5, of port 0x123.
        [&[0x89, 0x3f, 0xa0, 0, 0x01, 0x23, 0, 0][..], &ether_type].concat(),
        // 802.1ah: service 0x123456.
        [
            &[0x88, 0xe7, 0x00, 0x12, 0x34, 0x56][..],
            &inner(ether_type),
        ]
        .concat(),
        // FabricPath: tree 1, 32 hops to live.
        [&[0x89, 0x03, 0x00, 0x60][..], &inner(ether_type)].concat(),
        // NSH with an Ethernet frame, of metadata type 1: 16 octets of context.
        [
            &[0x89, 0x4f, 0x0f, 0xc6, 0x01, 0x03, 0, 0, 1, 255][..],
            &[0xee; 16],
            &inner(ether_type),
        ]
        .concat(),
    ]
}

#[test]
fn ip_behind_each_encapsulation_and_behind_several() {
    for (before_4, before_6) in encapsulations(IPV4).iter().zip(&encapsulations(IPV6)) {
        let (alone_4, alone_6) = (ethernet(&[before_4]), ethernet(&[before_6]));
        ipv4_and_ipv6_are_behind(LinkType::Ethernet, &alone_4, &alone_6);
        let tags = [tag(0x88a8, 9), tag(0x8100, 10)].concat();
        let (tagged_4, tagged_6) = (ethernet(&[&tags, before_4]), ethernet(&[&tags, before_6]));
        ipv4_and_ipv6_are_behind(LinkType::Ethernet, &tagged_4, &tagged_6);
        // Around each of the others.
        let without_type = &before_4[..before_4.len() - 2];
        for (inner_4, inner_6) in encapsulations(IPV4).iter().zip(&encapsulations(IPV6)) {
            let twice_4 = ethernet(&[without_type, inner_4]);
            let twice_6 = ethernet(&[without_type, inner_6]);
            ipv4_and_ipv6_are_behind(LinkType::Ethernet, &twice_4, &twice_6);
        }
    }
}

/// RFC 8300 §2.2: what a service header can announce; without any metadata (type 2).
#[test]
fn rfc_8300_next_protocols() {
    let header = |next: u8| ethernet(&[&[0x89, 0x4f, 0x0f, 0xc2, 0x02, next, 0, 0, 1, 255]]);
    ipv4_and_ipv6_are_behind(LinkType::Ethernet, &header(1), &header(2));
    let mpls = [header(5), labels(2)].concat();
    ipv4_and_ipv6_are_behind(LinkType::Ethernet, &mpls, &mpls);
    let nested = |next: u8| [&header(4)[..], &header(next)[14..]].concat();
    ipv4_and_ipv6_are_behind(LinkType::Ethernet, &nested(1), &nested(2));

    let changed = |at: usize, octet: u8| {
        let mut octets = [header(1), ipv4(TCP, &tcp())].concat();
        octets[at] = octet;
        octets
    };
    // Another protocol, another version, a length less than the header's.
    for octets in [changed(17, 7), changed(14, 0x4f), changed(15, 0xc1)] {
        let headers = non_ip_headers(LinkType::Ethernet, &octets);
        assert_eq!(headers.key.observed.protocol, 0x894f, "{octets:02x?}");
        assert_eq!(headers.key.source, SOURCE_MAC);
    }
    // A length beyond what was captured.
    assert_eq!(
        ignored(LinkType::Ethernet, &changed(15, 0xff)),
        IgnoredReason::LinkHeaderTruncated
    );
}

/// An inner frame's addresses and type are the flow's; tags of ports leave the frame's own.
#[test]
fn frames_that_are_not_ip_behind_encapsulations() {
    let outer = (SOURCE_MAC, DESTINATION_MAC);
    let within = (INNER_SOURCE, INNER_DESTINATION);
    let expected = [outer, outer, within, within, within];
    for (before, (source, destination)) in encapsulations(ARP).iter().zip(expected) {
        let data = ethernet(&[before, &[0; 28]]);
        let headers = non_ip_headers(LinkType::Ethernet, &data);
        assert_eq!(headers.key.source, source, "{before:02x?}");
        assert_eq!(headers.key.destination, destination);
        assert_eq!(headers.key.observed.protocol, 0x0806);
        assert_eq!(headers.octets, data.len() as u32);
    }
    // A length means LLC in an inner frame, too.
    for before in &encapsulations([0x00, 0x30]) {
        let snap = [&[0xaa, 0xaa, 0x03, 0, 0, 0][..], &IPV4, &ipv4(TCP, &tcp())].concat();
        let data = ethernet(&[before, &snap]);
        assert_eq!(ipv4_headers(LinkType::Ethernet, &data).key.ports, PORTS);
    }
}

/// The key has the VLAN of the outermost VLAN tag, wherever that is; what else is looked through
/// has none.
#[test]
fn the_outermost_vlan_tag_counts_behind_encapsulations() {
    let ip = ipv4(TCP, &tcp());
    let encapsulations = encapsulations(IPV4);
    for before in &encapsulations {
        let without_type = &before[..before.len() - 2];
        let (outer, inner) = (tag(0x88a8, 7), tag(0x8100, 8));
        for (frame, vlan) in [
            (ethernet(&[before, &ip]), 0),
            (ethernet(&[&outer, before, &ip]), 7),
            (ethernet(&[without_type, &inner, &IPV4, &ip]), 8),
            (ethernet(&[without_type, &outer, &inner, &IPV4, &ip]), 7),
            (ethernet(&[&outer, without_type, &inner, &IPV4, &ip]), 7),
            (
                ethernet(&[&tag(0x8100, 0), without_type, &inner, &IPV4, &ip]),
                0,
            ),
            // Behind labels there is only IP.
            (ethernet(&[without_type, &[0x88, 0x47], &labels(2), &ip]), 0),
        ] {
            let headers = ipv4_headers(LinkType::Ethernet, &frame);
            assert_eq!(headers.key.observed.vlan(), vlan, "{frame:02x?}");
            let mut packet = packet(LinkType::Ethernet, &frame);
            packet.point.vlan = 300;
            let Dissection::Ipv4(headers) = dissect(&packet) else {
                panic!("{frame:02x?}")
            };
            assert_eq!(headers.key.observed.vlan(), 300);
        }
    }
}

/// Whoever builds packets does not decide how long reading takes.
#[test]
fn encapsulations_count_as_tags() {
    let ip = ipv4(TCP, &tcp());
    for before in &encapsulations(IPV4) {
        let without_type = &before[..before.len() - 2];
        for (count, is_read) in [(MAX_TAGS, true), (MAX_TAGS + 1, false)] {
            let frame = ethernet(&[&without_type.repeat(count), &IPV4, &ip]);
            let dissection = dissect_as(LinkType::Ethernet, &frame);
            if is_read {
                assert!(matches!(dissection, Dissection::Ipv4(_)), "{dissection:?}");
            } else {
                let too_many = Dissection::Ignored(IgnoredReason::TooManyTags);
                assert_eq!(dissection, too_many);
            }
        }
    }
}

/// The limit of tags is met before that of all headers.
#[test]
fn as_many_headers_as_there_can_be() {
    let [.., backbone, _, _] = encapsulations(IPV4);
    let (service_tag, ether_type) = (&backbone[2..18], &backbone[..2]);
    let (label, packet) = ([0, 0, 0x11, 64], ipv4(TCP, &tcp()));
    for (count, is_read) in [(MAX_TAGS - 1, true), (MAX_TAGS, false)] {
        let between = [service_tag, ether_type].concat().repeat(count - 1);
        let data = [
            // Radiotap, 802.11 and SNAP.
            &[0, 0, 8, 0, 0, 0, 0, 0][..],
            &wireless(0x08, 0, &[&[0xaa, 0xaa, 3, 0, 0, 0], ether_type]),
            &between,
            service_tag,
            // A PPPoE session, and a label in PPP.
            &[0x88, 0x64, 0x11, 0, 0, 7, 0, 99, 0xff, 0x03, 0x02, 0x81],
            &label,
            // A pseudowire.
            &ethernet_ip(&packet),
        ];
        let dissection = dissect_as(LinkType::Radiotap, &data.concat());
        if is_read {
            assert!(matches!(dissection, Dissection::Ipv4(_)), "{dissection:?}");
        } else {
            let too_many = Dissection::Ignored(IgnoredReason::TooManyTags);
            assert_eq!(dissection, too_many);
        }
    }
}

#[test]
fn cisco_hdlc_headers() {
    for address in [0x0f, 0x8f] {
        let header = |protocol: [u8; 2]| [&[address, 0][..], &protocol].concat();
        // Also where the capture says PPP in HDLC-like framing.
        for link_type in [LinkType::CiscoHdlc, LinkType::Ppp] {
            ipv4_and_ipv6_are_behind(link_type, &header(IPV4), &header(IPV6));
            let mpls = [header([0x88, 0x47]), labels(2)].concat();
            ipv4_and_ipv6_are_behind(link_type, &mpls, &mpls);
            // Keepalives.
            let data = [header([0x80, 0x35]), vec![0; 18]].concat();
            let headers = non_ip_headers(link_type, &data);
            assert_eq!(headers.key.observed.protocol, 0x8035);
            assert_eq!(headers.octets, 22);
        }
    }
    // ISO's protocols: no length, although it is less than the least EtherType.
    let headers = non_ip_headers(LinkType::CiscoHdlc, &[0x0f, 0, 0x00, 0x2b, 6, 6, 3, 0x45]);
    assert_eq!(headers.key.observed.protocol, 0);
}

const SNAP: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0];

#[test]
fn fddi_headers() {
    let header = |control: u8, ether_type: [u8; 2]| {
        [
            &[control][..],
            &DESTINATION_MAC,
            &SOURCE_MAC,
            &SNAP,
            &ether_type,
        ]
        .concat()
    };
    for control in [0x50, 0x57, 0xd0] {
        let (before_4, before_6) = (header(control, IPV4), header(control, IPV6));
        ipv4_and_ipv6_are_behind(LinkType::Fddi, &before_4, &before_6);
    }
    let data = [header(0x50, ARP), vec![0; 28]].concat();
    let headers = non_ip_headers(LinkType::Fddi, &data);
    assert_eq!(headers.key.observed.protocol, 0x0806);
    assert_eq!(headers.key.source, SOURCE_MAC);
    assert_eq!(headers.key.destination, DESTINATION_MAC);
    // Station management.
    let data = [header(0x41, IPV4), ipv4(TCP, &tcp())].concat();
    assert_eq!(
        non_ip_headers(LinkType::Fddi, &data).key.observed.protocol,
        0
    );
}

#[test]
fn netfilter_log_attributes() {
    let number = |big: bool, number: u16| match big {
        true => number.to_be_bytes(),
        false => number.to_le_bytes(),
    };
    let attribute = |big: bool, kind: u16, value: &[u8]| {
        let mut octets = number(big, value.len() as u16 + 4).to_vec();
        octets.extend(number(big, kind));
        octets.extend(value);
        octets.resize(octets.len().next_multiple_of(4), 0);
        octets
    };
    for big in [false, true] {
        // Before the payload: hardware protocol and hook, prefix, interface.
        let before = |family: u8, length: usize| {
            [
                &[family, 0, 0, 30][..],
                &attribute(big, 1, &[8, 0, 1, 0]),
                &attribute(big, 10, b"in:\0."),
                &attribute(big, 4, &[0, 0, 0, 2]),
                &attribute(big, 9, &vec![0; length])[..4],
            ]
            .concat()
        };
        let (before_4, before_6) = (before(2, 40), before(10, 60));
        ipv4_and_ipv6_are_behind(LinkType::NetfilterLog, &before_4, &before_6);

        // Of ARP or of a bridge; of another version; with a length that none has.
        let mut version = before(2, 40);
        version[1] = 1;
        let mut short = before(2, 40);
        short[4..6].copy_from_slice(&number(big, 3));
        for octets in [before(3, 40), before(7, 40), version, short] {
            let data = [octets, ipv4(TCP, &tcp())].concat();
            let headers = non_ip_headers(LinkType::NetfilterLog, &data);
            assert_eq!(headers.key.observed.protocol, 0);
            assert_eq!(headers.octets, data.len() as u32);
        }
        // The payload is not looked for without end.
        let data = [
            &[2, 0, 0, 0][..],
            &attribute(big, 1, &[]).repeat(1000),
            &attribute(big, 9, &ipv4(TCP, &tcp())),
        ]
        .concat();
        non_ip_headers(LinkType::NetfilterLog, &data);
    }
}

/// A frame's header: control and flags, three addresses named by their order, sequence control.
fn wireless(control: u8, flags: u8, rest: &[&[u8]]) -> Vec<u8> {
    [
        &[control, flags, 0, 0][..],
        &[1; 6],
        &[2; 6],
        &[3; 6],
        &[0x30, 0x12],
        &rest.concat(),
    ]
    .concat()
}

const DATA: u8 = 0x08;
const QOS_DATA: u8 = 0x88;
const FOURTH: [u8; 6] = [4; 6];

/// Headers of data frames with IP: which addresses they have and what else.
fn wireless_headers(ether_type: [u8; 2]) -> Vec<Vec<u8>> {
    let snap = [&SNAP[..], &ether_type].concat();
    vec![
        wireless(DATA, 0, &[&snap]),
        wireless(DATA, 1, &[&snap]),
        wireless(DATA, 2, &[&snap]),
        wireless(DATA, 3, &[&FOURTH, &snap]),
        wireless(QOS_DATA, 1, &[&[5, 0], &snap]),
        wireless(QOS_DATA, 3, &[&FOURTH, &[5, 0], &snap]),
        // With HT control.
        wireless(QOS_DATA, 0x81, &[&[5, 0, 9, 9, 9, 9], &snap]),
        // The first of several fragments, sent again.
        wireless(DATA, 0x0d, &[&snap]),
    ]
}

#[test]
fn wireless_data_frames() {
    for (before_4, before_6) in wireless_headers(IPV4).iter().zip(&wireless_headers(IPV6)) {
        ipv4_and_ipv6_are_behind(LinkType::Ieee80211, before_4, before_6);
    }
    let addresses = [
        (0, [2; 6], [1; 6]),
        (1, [2; 6], [3; 6]),
        (2, [3; 6], [1; 6]),
        (3, [4; 6], [3; 6]),
    ];
    for (flags, source, destination) in addresses {
        let fourth: &[u8] = if flags == 3 { &FOURTH } else { &[] };
        let data = wireless(DATA, flags, &[fourth, &SNAP, &ARP, &[0; 28]]);
        let headers = non_ip_headers(LinkType::Ieee80211, &data);
        assert_eq!(headers.key.source, source);
        assert_eq!(headers.key.destination, destination);
        assert_eq!(headers.key.observed.protocol, 0x0806);
    }
}

#[test]
fn wireless_frames_without_a_packet() {
    let ip = [&SNAP[..], &IPV4, &ipv4(TCP, &tcp())].concat();
    let mut later_fragment = wireless(DATA, 0, &[&ip]);
    later_fragment[22] = 0x31;
    for data in [
        // Beacon; acknowledgement, which is shorter; another version.
        wireless(0x80, 0, &[&ip]),
        vec![0xd4, 0, 0, 0, 1, 1, 1, 1, 1, 1],
        wireless(DATA | 1, 0, &[&ip]),
        // Protected, without a body, a later fragment, several frames in one.
        wireless(DATA, 0x41, &[&ip]),
        wireless(0x48, 1, &[]),
        wireless(0xc8, 1, &[&[0, 0]]),
        later_fragment,
        wireless(QOS_DATA, 1, &[&[0x80, 0], &ip]),
    ] {
        let headers = non_ip_headers(LinkType::Ieee80211, &data);
        assert_eq!(headers.key.observed.protocol, 0, "{data:02x?}");
        assert_eq!(headers.octets, data.len() as u32);
    }
}

#[test]
fn radiotap_headers() {
    // Rate; flags and rate; time stamp, flags; two words, time stamp and flags, vendor's octets.
    let plain = [
        &[0, 0, 9, 0, 4, 0, 0, 0, 2][..],
        &[0, 0, 10, 0, 6, 0, 0, 0, 0x10, 2],
        &[0, 0, 17, 0, 3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0],
        &[
            0, 0, 27, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5, 6, 7, 8,
            0, 0xee, 0xee,
        ],
    ];
    for radiotap in plain {
        for (before_4, before_6) in wireless_headers(IPV4).iter().zip(&wireless_headers(IPV6)) {
            let (before_4, before_6) =
                ([radiotap, before_4].concat(), [radiotap, before_6].concat());
            ipv4_and_ipv6_are_behind(LinkType::Radiotap, &before_4, &before_6);
        }
    }
    // The same with the flag that says that the header is filled up, where that makes a
    // difference: behind 26 octets.
    for (radiotap, flags) in [(plain[1], 8), (plain[2], 16), (plain[3], 24)] {
        let mut radiotap = radiotap.to_vec();
        radiotap[flags] |= 0x20;
        let before = |ether_type: [u8; 2]| {
            let snap = [&SNAP[..], &ether_type].concat();
            let frame = wireless(QOS_DATA, 1, &[&[5, 0], &[0xee, 0xee], &snap]);
            [&radiotap[..], &frame].concat()
        };
        ipv4_and_ipv6_are_behind(LinkType::Radiotap, &before(IPV4), &before(IPV6));
    }
    // Another version; a length less than the header's; words that say that more follow, on and on.
    let frame = wireless(DATA, 0, &[&SNAP, &IPV4, &ipv4(TCP, &tcp())]);
    for radiotap in [
        &[1, 0, 9, 0, 4, 0, 0, 0, 2][..],
        &[0, 0, 7, 0, 4, 0, 0, 0, 2],
    ] {
        let data = [radiotap, &frame].concat();
        non_ip_headers(LinkType::Radiotap, &data);
    }
    let words = [&[0, 0, 0x90, 1][..], &[0xff; 396]].concat();
    let data = [&words[..], &frame].concat();
    assert_eq!(ipv4_headers(LinkType::Radiotap, &data).key.ports, PORTS);
}

#[test]
fn packet_information_headers() {
    let header = |link_type: u8, fields: usize| {
        let length = (8 + fields) as u8;
        let mut octets = vec![0, 0, length, 0, link_type, 0, 0, 0];
        octets.resize(8 + fields, 0xee);
        octets
    };
    for fields in [0, 24] {
        for (before_4, before_6) in wireless_headers(IPV4).iter().zip(&wireless_headers(IPV6)) {
            let (before_4, before_6) = (
                [&header(105, fields)[..], before_4].concat(),
                [&header(105, fields)[..], before_6].concat(),
            );
            ipv4_and_ipv6_are_behind(LinkType::PacketInformation, &before_4, &before_6);
        }
        let ethernet = |ether_type: [u8; 2]| [header(1, fields), ethernet(&[&ether_type])].concat();
        ipv4_and_ipv6_are_behind(
            LinkType::PacketInformation,
            &ethernet(IPV4),
            &ethernet(IPV6),
        );
    }
    // Itself once more: nothing recurs.
    let data = [header(192, 0), header(105, 0), vec![0; 60]].concat();
    assert_eq!(
        ignored(LinkType::PacketInformation, &data),
        IgnoredReason::UnsupportedLinkType
    );
    for (at, octet) in [(0, 1), (2, 7)] {
        let mut data = [header(105, 0), vec![8; 60]].concat();
        data[at] = octet;
        non_ip_headers(LinkType::PacketInformation, &data);
    }
}
