// SPDX-License-Identifier: Apache-2.0
//! Lengths that IP headers claim and frames do not have. Otherwise anyone could inflate counts.

use super::*;

/// An Ethernet frame of `length` octets that begins with this IP header and what follows it.
fn frame(ip: &[u8], length: usize) -> Vec<u8> {
    let mut frame = ethernet_ip(ip);
    frame.resize(length, 0x78);
    frame
}

/// What an IP packet of either version counts.
fn octets(packet: &Packet<'_>) -> u32 {
    match dissect(packet) {
        Dissection::Ipv4(headers) => headers.octets,
        Dissection::Ipv6(headers) => headers.octets,
        other => panic!("not IP: {other:?}"),
    }
}

/// RFC 791 §3.1 Total Length, RFC 8200 §3 Payload Length, RFC 2675 §2 jumbo payload.
#[test]
fn no_length_counts_more_than_its_frame_has() {
    let total_length = [
        0x45, 0, 0xff, 0xff, 0, 1, 0, 0, 64, UDP, 0x66, 0xbc, 10, 0, 0, 1, 10, 0, 0, 2, 3, 0xe8, 7,
        0xd0, 0, 26, 0xa3, 0xc3,
    ];
    let mut payload_length = ipv6(UDP, &udp());
    payload_length[4..6].copy_from_slice(&[0xff, 0xff]);
    let option = [UDP, 0, 0xc2, 4, 0xee, 0x6b, 0x28, 0];
    let mut jumbo = ipv6(0, &option);
    jumbo[4..6].copy_from_slice(&[0, 0]);
    for (ip, length, expected) in [
        (&total_length[..], 60, 46),
        (&payload_length, 63, 49),
        (&jumbo, 86, 72),
    ] {
        let data = frame(ip, length);
        assert_eq!(octets(&packet(LinkType::Ethernet, &data)), expected);
        // So much is believed as was there, captured or not.
        let cut = Packet {
            length: 1014,
            ..packet(LinkType::Ethernet, &data)
        };
        assert_eq!(octets(&cut), 1000);
        let tagged = [&data[..12], &[0x81, 0, 0, 7], &data[12..]].concat();
        assert_eq!(octets(&packet(LinkType::Ethernet, &tagged)), expected);
        let bare = packet(LinkType::RawIp, &data[14..]);
        assert_eq!(octets(&bare), expected);
    }
}

#[test]
fn one_octet_too_many_is_one_too_many() {
    for claimed in 28..60u16 {
        let mut four = ipv4(UDP, &[&udp()[..], &[0; 12]].concat());
        four[2..4].copy_from_slice(&claimed.to_be_bytes());
        let expected = u32::from(claimed.min(40));
        assert_eq!(octets(&packet(LinkType::RawIp, &four)), expected);
        let mut six = ipv6(UDP, &[&udp()[..], &[0; 12]].concat());
        six[4..6].copy_from_slice(&(claimed - 20).to_be_bytes());
        assert_eq!(octets(&packet(LinkType::RawIp, &six)), expected + 20);
    }
}
