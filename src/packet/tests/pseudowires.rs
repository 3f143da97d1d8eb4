// SPDX-License-Identifier: Apache-2.0
//! What MPLS carries: IP, or Ethernet whose addresses may begin as IP does.

use super::*;

/// One label, the bottom of its stack, in an Ethernet frame, and what it carries.
fn labelled(payload: &[&[u8]]) -> Vec<u8> {
    ethernet(&[&[0x88, 0x47, 0x00, 0x3e, 0x81, 0x40], &payload.concat()])
}

/// A frame to a station of this address; `rest` begins with the EtherType.
fn inner(destination: [u8; 6], rest: &[&[u8]]) -> Vec<u8> {
    let source = [0x6a, 0, 0, 0, 0, 2];
    [&destination[..], &source, &rest.concat()].concat()
}

/// Makers' first three octets with each version, and one that looks like a control word.
const DESTINATIONS: [[u8; 6]; 6] = [
    [0x45, 0x00, 0x05, 0xdc, 0x00, 0x01],
    [0x60, 0x57, 0x18, 0xab, 0xcd, 0xef],
    [0x00, 0x1b, 0x21, 0xab, 0xcd, 0xef],
    [0x48, 0xdf, 0x37, 0xab, 0xcd, 0xef],
    [0x64, 0x9d, 0x99, 0xab, 0xcd, 0xef],
    [0x4c, 0x52, 0x62, 0xab, 0xcd, 0xef],
];

/// RFC 4448 §4.6: with a control word or without one.
const CONTROL_WORDS: [&[u8]; 3] = [&[], &[0, 0, 0, 0], &[0, 0, 0x12, 0x34]];

#[test]
fn rfc_4448_ip_in_a_pseudowire_is_metered_as_what_it_is() {
    let packet = ipv4(UDP, &[&udp()[..], &[0x78; 500]].concat());
    let six = ipv6(TCP, &tcp());
    for destination in DESTINATIONS {
        for control_word in CONTROL_WORDS {
            for tags in [
                &[][..],
                &[0x81, 0, 0, 9],
                &[0x88, 0xa8, 0, 9, 0x81, 0, 0, 8],
            ] {
                let frame = inner(destination, &[tags, &[0x08, 0x00], &packet]);
                let data = labelled(&[control_word, &frame]);
                let headers = ipv4_headers(LinkType::Ethernet, &data);
                assert_eq!(headers.key.source, [192, 0, 2, 1], "{destination:x?}");
                assert_eq!(headers.key.ports, PORTS);
                assert_eq!(headers.key.observed.vlan(), 0);
                assert_eq!(headers.octets, 528);
                let frame = inner(destination, &[tags, &[0x86, 0xdd], &six]);
                let data = labelled(&[control_word, &frame]);
                let headers = ipv6_headers(LinkType::Ethernet, &data);
                assert_eq!((headers.key.source, headers.octets), (address(1), 60));
            }
        }
    }
}

/// No flow of invented addresses.
#[test]
fn what_is_not_ip_in_a_pseudowire_is_a_labelled_frame() {
    let mut long = ipv4(UDP, &udp());
    long[2] = 0xff;
    let mut six = ipv6(UDP, &udp());
    six[4] = 0xff;
    for destination in DESTINATIONS {
        for control_word in CONTROL_WORDS {
            for rest in [
                &[&[0x08, 0x06][..], &[0; 28]][..],
                &[&[0x88, 0xcc], &[0; 40]],
                &[&[0x00, 0x26, 0x42, 0x42, 0x03], &[0; 35]],
                // Announced as IP, and longer than the frame.
                &[&[0x08, 0x00], &long],
                &[&[0x86, 0xdd], &six],
                &[&[0x81, 0, 0, 9], &[0x08, 0x00], &long],
                &[&[0x81, 0, 0, 9]],
                &[],
            ] {
                let data = labelled(&[control_word, &inner(destination, rest)]);
                let headers = non_ip_headers(LinkType::Ethernet, &data);
                assert_eq!(headers.key.observed.protocol, 0x8847, "{data:x?}");
                assert_eq!(headers.key.destination, DESTINATION_MAC);
                assert_eq!(headers.octets, data.len() as u32);
            }
        }
    }
}

/// A header of fewer than 20 octets, or a packet shorter than its header, is no IPv4.
#[test]
fn ip_behind_labels_has_lengths_that_fit() {
    let whole = ipv4_with(&[1; 8], 0, UDP, &udp());
    assert_eq!(
        ipv4_headers(LinkType::Ethernet, &labelled(&[&whole])).octets,
        36
    );
    for (at, octet) in [(0, 0x44), (0, 0x54), (3, 27), (3, 37), (2, 1)] {
        let mut changed = whole.clone();
        changed[at] = octet;
        let data = labelled(&[&changed]);
        let headers = non_ip_headers(LinkType::Ethernet, &data);
        assert_eq!(headers.key.observed.protocol, 0x8847, "{octet} at {at}");
    }
    let mut six = ipv6(UDP, &udp());
    six[5] += 1;
    non_ip_headers(LinkType::Ethernet, &labelled(&[&six]));
    // What is cut off can't be checked.
    for captured in 1..40 {
        six.truncate(captured);
        let data = labelled(&[&six]);
        let packet = Packet {
            length: 100,
            ..packet(LinkType::Ethernet, &data)
        };
        let truncated = Dissection::Ignored(IgnoredReason::IpHeaderTruncated);
        assert_eq!(dissect(&packet), truncated);
        six.resize(60, 0);
    }
}
