// SPDX-License-Identifier: Apache-2.0
//! What an older flow meter got wrong, each as the packet that shows it.

use super::*;

/// It read ports 20 octets into the packet, whatever the header length said.
#[test]
fn ports_are_behind_ipv4_options() {
    for words in 1..=10 {
        let data = ipv4_with(&[1; 40][..4 * words], 0, TCP, &tcp());
        let headers = ipv4_headers(LinkType::Ethernet, &ethernet_ip(&data));
        assert_eq!(headers.key.ports, PORTS);
        assert_eq!(headers.tcp_flags, FLAGS);
    }
}

/// It read ports 40 octets into the packet, whatever the next header was.
#[test]
fn ports_are_behind_ipv6_extension_headers() {
    let hop_by_hop = [60, 0, 0x05, 2, 0, 0, 1, 0];
    let destination = [UDP, 0, 1, 4, 0, 0, 0, 0];
    let data = ipv6(0, &[&hop_by_hop[..], &destination, &udp()].concat());
    let headers = ipv6_headers(LinkType::Ethernet, &ethernet_ip(&data));
    assert_eq!(headers.key.ports, PORTS);
    assert_eq!(headers.key.observed.protocol, UDP.into());
}

/// It took a later fragment's payload for ports (RFC 791 §3.2, RFC 8200 §4.5).
#[test]
fn fragments_have_no_ports() {
    const MORE: u16 = 0x2000;
    for (flags_and_offset, ports, tcp_flags) in [
        (0x4000, PORTS, FLAGS),
        (MORE, PORTS, FLAGS),
        (MORE | 1, NO_PORTS, 0),
        (185, NO_PORTS, 0),
        (0x1fff, NO_PORTS, 0),
    ] {
        let data = ipv4_with(&[], flags_and_offset, TCP, &tcp());
        let headers = ipv4_headers(LinkType::Ethernet, &ethernet_ip(&data));
        assert_eq!((headers.key.ports, headers.tcp_flags), (ports, tcp_flags));
        assert_eq!(headers.key.observed.protocol, TCP.into());
        assert_eq!(headers.octets, 40);
    }
    let fragment = [TCP, 0, 0x05, 0xc8, 0, 0, 0, 1];
    let data = ipv6(44, &[&fragment[..], &tcp()].concat());
    let headers = ipv6_headers(LinkType::Ethernet, &ethernet_ip(&data));
    assert_eq!((headers.key.ports, headers.tcp_flags), (NO_PORTS, 0));
    assert_eq!(headers.key.observed.protocol, TCP.into());
}

/// It had neither in its records (IANA elements 32 and 139).
#[test]
fn icmp_type_and_code_are_read() {
    let unreachable = Ports {
        source: [0; 2],
        destination: [3, 1],
    };
    let data = ethernet_ip(&ipv4(1, &[3, 1, 0xff, 0xff, 0, 0, 0, 0]));
    assert_eq!(
        ipv4_headers(LinkType::Ethernet, &data).key.ports,
        unreachable
    );
    let solicitation = Ports {
        source: [0; 2],
        destination: [135, 0],
    };
    let data = ethernet_ip(&ipv6(58, &[135, 0, 0xff, 0xff, 0, 0, 0, 0]));
    assert_eq!(
        ipv6_headers(LinkType::Ethernet, &data).key.ports,
        solicitation
    );
}

/// It knew TCP and UDP alone.
#[test]
fn sctp_ports_are_read() {
    let sctp = [0x12, 0x34, 0x00, 0x50, 0, 0, 0, 0, 1, 2, 3, 4];
    let data = ethernet_ip(&ipv4(132, &sctp));
    assert_eq!(ipv4_headers(LinkType::Ethernet, &data).key.ports, PORTS);
    let data = ethernet_ip(&ipv6(132, &sctp));
    assert_eq!(ipv6_headers(LinkType::Ethernet, &data).key.ports, PORTS);
}

/// It skipped 0x8100 alone, and the VLAN was not in its key.
#[test]
fn tags_are_skipped_and_the_vlan_is_in_the_key() {
    let ip = ipv4(TCP, &tcp());
    let double = |outer: u8, ip: &[u8]| {
        ethernet(&[
            &[0x88, 0xa8, 0x00, outer],
            &[0x81, 0x00, 0x00, 0xc8],
            &[0x08, 0x00],
            ip,
        ])
    };
    let headers = ipv4_headers(LinkType::Ethernet, &double(100, &ip));
    assert_eq!(headers.key.ports, PORTS);
    assert_eq!(headers.key.observed.vlan(), 100);
    assert_eq!(headers.octets, 40);
    let elsewhere = ipv4_headers(LinkType::Ethernet, &double(101, &ip));
    assert_ne!(headers.key, elsewhere.key);
}

/// It read 14 octets of MAC header on tunnel interfaces, too, which have none.
#[test]
fn interfaces_without_an_ethernet_header() {
    let headers = ipv4_headers(LinkType::RawIp, &ipv4(TCP, &tcp()));
    assert_eq!(
        (headers.key.source, headers.key.ports),
        ([192, 0, 2, 1], PORTS)
    );
    let headers = ipv6_headers(LinkType::RawIp, &ipv6(TCP, &tcp()));
    assert_eq!((headers.key.source, headers.key.ports), (address(1), PORTS));
}
