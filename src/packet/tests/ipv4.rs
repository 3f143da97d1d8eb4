// SPDX-License-Identifier: Apache-2.0
//! IPv4 headers and what follows them, without a link layer.

use super::*;

fn raw(data: &[u8]) -> Headers<Ipv4Key> {
    ipv4_headers(LinkType::RawIp, data)
}

/// `packet` with other octets at `at`.
fn with(mut packet: Vec<u8>, at: usize, octets: &[u8]) -> Vec<u8> {
    packet[at..at + octets.len()].copy_from_slice(octets);
    packet
}

#[test]
fn rfc_791_3_1_every_field_is_read() {
    let headers = raw(&ipv4(TCP, &tcp()));
    assert_eq!(headers.key.source, [192, 0, 2, 1]);
    assert_eq!(headers.key.destination, [198, 51, 100, 2]);
    assert_eq!(headers.key.ports, PORTS);
    assert_eq!(headers.key.observed.protocol, 6);
    assert_eq!(headers.key.observed.vlan(), 0);
    assert_eq!(headers.octets, 40);
    assert_eq!(headers.type_of_service, 0xb8);
    assert_eq!(headers.tcp_flags, FLAGS);
}

#[test]
fn the_observation_point_is_in_the_key() {
    let data = ipv4(TCP, &tcp());
    let mut packet = packet(LinkType::RawIp, &data);
    packet.point.ingress_interface = 3;
    packet.point.egress_interface = 4;
    packet.point.direction = crate::observation::Direction::Egress;
    let Dissection::Ipv4(headers) = dissect(&packet) else {
        panic!()
    };
    assert_eq!(headers.key.observed.ingress_interface, 3);
    assert_eq!(headers.key.observed.egress_interface, 4);
    assert_eq!(
        headers.key.observed.direction(),
        crate::observation::Direction::Egress
    );
}

#[test]
fn rfc_791_3_1_headers_that_contradict_themselves_are_ignored() {
    let good = ipv4(TCP, &tcp());
    let options = ipv4_with(&[1; 8], 0, TCP, &tcp());
    for (data, reason) in [
        (vec![], IgnoredReason::IpHeaderTruncated),
        (good[..1].to_vec(), IgnoredReason::IpHeaderTruncated),
        (good[..19].to_vec(), IgnoredReason::IpHeaderTruncated),
        (options[..27].to_vec(), IgnoredReason::IpHeaderTruncated),
        (with(good.clone(), 0, &[0x55]), IgnoredReason::IpVersion),
        (
            with(good.clone(), 0, &[0x44]),
            IgnoredReason::Ipv4HeaderLength,
        ),
        (
            with(good.clone(), 0, &[0x40]),
            IgnoredReason::Ipv4HeaderLength,
        ),
        (
            with(good.clone(), 2, &[0, 19]),
            IgnoredReason::Ipv4TotalLength,
        ),
        (
            with(options.clone(), 2, &[0, 27]),
            IgnoredReason::Ipv4TotalLength,
        ),
    ] {
        assert_eq!(ignored(LinkType::RawIp, &data), reason, "{data:02x?}");
    }
    assert_eq!(
        ignored(
            LinkType::Ethernet,
            &ethernet(&[&[0x08, 0x00], &ipv6(TCP, &tcp())])
        ),
        IgnoredReason::IpVersion
    );
}

#[test]
fn rfc_791_3_1_a_header_alone_is_a_packet() {
    let headers = raw(&ipv4(TCP, &[]));
    assert_eq!(
        (headers.octets, headers.key.ports, headers.tcp_flags),
        (20, NO_PORTS, 0)
    );
}

#[test]
fn octets_are_the_total_length_whatever_was_captured() {
    let data = with(ipv4(UDP, &udp()), 2, &1500u16.to_be_bytes());
    let Dissection::Ipv4(headers) = dissect(&Packet {
        length: 1500,
        ..packet(LinkType::RawIp, &data)
    }) else {
        panic!()
    };
    assert_eq!((headers.octets, headers.key.ports), (1500, PORTS));
}

/// Segmentation offload leaves Total Length 0.
#[test]
fn octets_without_total_length_are_those_after_the_link_header() {
    let data = ethernet_ip(&with(ipv4(TCP, &tcp()), 2, &[0, 0]));
    let mut packet = packet(LinkType::Ethernet, &data);
    packet.length = 60_014;
    let Dissection::Ipv4(headers) = dissect(&packet) else {
        panic!()
    };
    assert_eq!(
        (headers.octets, headers.key.ports, headers.tcp_flags),
        (60_000, PORTS, FLAGS)
    );
    // A length less than what was captured is none.
    packet.length = 0;
    let Dissection::Ipv4(headers) = dissect(&packet) else {
        panic!()
    };
    assert_eq!(headers.octets, 40);
}

#[test]
fn ports_by_protocol() {
    let octets = [0x12, 0x34, 0x00, 0x50, 9, 9, 9, 9, 9, 9, 9, 9, 9, FLAGS];
    let type_and_code = Ports {
        source: [0; 2],
        destination: [0x12, 0x34],
    };
    for (protocol, ports, tcp_flags) in [
        (1, type_and_code, 0),
        (6, PORTS, FLAGS),
        (17, PORTS, 0),
        (33, PORTS, 0),
        (58, type_and_code, 0),
        (132, PORTS, 0),
        (136, PORTS, 0),
        (0, NO_PORTS, 0),
        (2, NO_PORTS, 0),
        (4, NO_PORTS, 0),
        (41, NO_PORTS, 0),
        (44, NO_PORTS, 0),
        (47, NO_PORTS, 0),
        (50, NO_PORTS, 0),
        (51, NO_PORTS, 0),
        (255, NO_PORTS, 0),
    ] {
        let headers = raw(&ipv4(protocol, &octets));
        assert_eq!(headers.key.ports, ports, "protocol {protocol}");
        assert_eq!(headers.tcp_flags, tcp_flags, "protocol {protocol}");
        assert_eq!(headers.key.observed.protocol, protocol.into());
    }
}

/// What is cut off is zero, whether the capture or the packet ends there.
#[test]
fn transport_headers_cut_off() {
    let icmp = Ports {
        source: [0; 2],
        destination: [0x12, 0x34],
    };
    for (protocol, octets, ports, tcp_flags) in [
        (TCP, 14, PORTS, FLAGS),
        (TCP, 13, PORTS, 0),
        (TCP, 4, PORTS, 0),
        (TCP, 3, NO_PORTS, 0),
        (UDP, 4, PORTS, 0),
        (UDP, 3, NO_PORTS, 0),
        (1, 2, icmp, 0),
        (1, 1, NO_PORTS, 0),
        (58, 1, NO_PORTS, 0),
    ] {
        let whole = ipv4(protocol, &tcp());
        let Dissection::Ipv4(captured) = dissect(&Packet {
            length: 40,
            ..packet(LinkType::RawIp, &whole[..20 + octets])
        }) else {
            panic!()
        };
        assert_eq!((captured.key.ports, captured.tcp_flags), (ports, tcp_flags));
        assert_eq!(captured.octets, 40);

        let short = with(whole, 2, &(20 + octets as u16).to_be_bytes());
        let short = raw(&short);
        assert_eq!((short.key.ports, short.tcp_flags), (ports, tcp_flags));
        assert_eq!(short.octets, 20 + octets as u32);
    }
}

/// A minimal frame's padding is not the packet's (RFC 894).
#[test]
fn padding_is_never_read_as_ports() {
    let data = ethernet(&[&[0x08, 0x00], &ipv4(TCP, &[]), &[0xa5; 26]]);
    let headers = ipv4_headers(LinkType::Ethernet, &data);
    assert_eq!(
        (headers.octets, headers.key.ports, headers.tcp_flags),
        (20, NO_PORTS, 0)
    );
}
