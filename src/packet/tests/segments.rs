// SPDX-License-Identifier: Apache-2.0
//! Superframes count as the segments that they become.

use super::*;

/// Packets and octets of what `data` becomes with segments of `size`.
fn counts(link_type: LinkType, data: &[u8], length: usize, size: u16) -> (u32, u32) {
    let packet = Packet {
        length: length as u32,
        segment_size: size,
        ..packet(link_type, data)
    };
    match dissect(&packet) {
        Dissection::Ipv4(headers) => (headers.packets, headers.octets),
        Dissection::Ipv6(headers) => (headers.packets, headers.octets),
        Dissection::NonIp(headers) => (headers.packets, headers.octets),
        Dissection::Ignored(reason) => panic!("ignored: {reason:?}"),
    }
}

/// A TCP header with 12 octets of options, and so much payload.
fn tcp_with_options(payload: usize) -> Vec<u8> {
    let mut octets = [&tcp()[..20], &[1; 12]].concat();
    octets[12] = 0x80;
    octets.resize(32 + payload, 0);
    octets
}

#[test]
fn every_segment_has_all_headers_and_a_part_of_the_payload() {
    for (payload, packets) in [
        (0, 1),
        (1, 1),
        (1448, 1),
        (1449, 2),
        (2896, 2),
        (2897, 3),
        (60_000, 42),
    ] {
        let (upper, headers) = (tcp_with_options(payload), [20 + 32, 40 + 32]);
        for (ip, headers) in [ipv4(TCP, &upper), ipv6(TCP, &upper)].iter().zip(headers) {
            let expected = (packets, payload as u32 + packets * headers);
            let raw = counts(LinkType::RawIp, ip, ip.len(), 1448);
            assert_eq!(raw, expected, "{payload} octets");
            let frame = ethernet_ip(ip);
            let framed = counts(LinkType::Ethernet, &frame, frame.len(), 1448);
            assert_eq!(framed, expected);
            let tagged = ethernet(&[&[0x81, 0, 0, 7], &frame[12..]]);
            let tagged = counts(LinkType::Ethernet, &tagged, tagged.len(), 1448);
            assert_eq!(tagged, expected);
        }
    }
}

#[test]
fn udp_is_segmented_too_and_nothing_else() {
    for (protocol, expected) in [(17, (3, 2500 + 3 * 28)), (132, (1, 2528)), (1, (1, 2528))] {
        let ip = ipv4(protocol, &vec![0; 2508]);
        assert_eq!(counts(LinkType::RawIp, &ip, ip.len(), 1000), expected);
    }
    let ip = ipv6(17, &vec![0; 2508]);
    let expected = (3, 2500 + 3 * 48);
    assert_eq!(counts(LinkType::RawIp, &ip, ip.len(), 1000), expected);
    let arp = ethernet(&[&[8, 6], &[0; 2000]]);
    assert_eq!(counts(LinkType::Ethernet, &arp, arp.len(), 100), (1, 2014));
}

/// What the IP header says may be 0, of the first segment, or less than the header itself.
#[test]
fn the_length_is_the_buffers() {
    for stale in [0u16, 1, 40, 1500, 0xffff] {
        let upper = tcp_with_options(3000);
        let (mut four, mut six) = (ipv4(TCP, &upper), ipv6(TCP, &upper));
        four[2..4].copy_from_slice(&stale.to_be_bytes());
        six[4..6].copy_from_slice(&stale.to_be_bytes());
        let (four_long, six_long) = (four.len(), six.len());
        // Most of it is in other buffers.
        for captured in [100, 1000, four_long] {
            let found = counts(LinkType::RawIp, &four[..captured], four_long, 1000);
            assert_eq!(found, (3, 3000 + 3 * 52), "{stale}");
            let found = counts(LinkType::RawIp, &six[..captured], six_long, 1000);
            assert_eq!(found, (3, 3000 + 3 * 72), "{stale}");
        }
    }
}

#[test]
fn options_and_extension_headers_are_repeated() {
    let upper = tcp_with_options(3000);
    let ip = ipv4_with(&[1; 8], 0, TCP, &upper);
    let found = counts(LinkType::RawIp, &ip, ip.len(), 1000);
    assert_eq!(found, (3, 3000 + 3 * 60));
    let extended = [&[TCP, 0, 1, 4, 0, 0, 0, 0][..], &upper].concat();
    let ip = ipv6(60, &extended);
    let found = counts(LinkType::RawIp, &ip, ip.len(), 1000);
    assert_eq!(found, (3, 3000 + 3 * 80));
}

/// A header that is cut off or says nonsense is taken for the shortest.
#[test]
fn a_tcp_header_without_a_length_has_the_least() {
    let mut ip = ipv4(TCP, &tcp_with_options(2988));
    ip[20 + 12] = 0;
    let expected = (3, 3000 + 3 * 40);
    assert_eq!(counts(LinkType::RawIp, &ip, ip.len(), 1000), expected);
    assert_eq!(counts(LinkType::RawIp, &ip[..30], ip.len(), 1000), expected);
    let longest = u32::MAX as usize;
    let (packets, octets) = counts(LinkType::RawIp, &ip, longest, 1);
    assert_eq!((packets, octets), (u32::MAX - 40, u32::MAX));
}
