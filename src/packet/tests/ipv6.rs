// SPDX-License-Identifier: Apache-2.0
//! IPv6 headers and extension headers, without a link layer.

use super::*;
use crate::packet::MAX_EXTENSION_HEADERS;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;

fn raw(data: &[u8]) -> Headers<Ipv6Key> {
    ipv6_headers(LinkType::RawIp, data)
}

/// Protocol, ports and flags.
fn upper(data: &[u8]) -> (u16, Ports, u8) {
    let headers = raw(data);
    (
        headers.key.observed.protocol,
        headers.key.ports,
        headers.tcp_flags,
    )
}

/// An extension header of `8 + 8 * more` octets.
fn extension(next: u8, more: u8) -> Vec<u8> {
    let mut octets = vec![next, more];
    octets.resize(8 + 8 * usize::from(more), 0);
    octets
}

fn fragment(next: u8, offset: u16) -> Vec<u8> {
    let mut octets = vec![next, 0];
    octets.extend((offset << 3 | 1).to_be_bytes());
    octets.extend([7; 4]);
    octets
}

/// Payload Length 0 in place of the right one.
fn without_payload_length(mut data: Vec<u8>) -> Vec<u8> {
    data[4..6].fill(0);
    data
}

#[test]
fn rfc_8200_3_every_field_is_read() {
    let headers = raw(&ipv6(TCP, &tcp()));
    assert_eq!(headers.key.source, address(1));
    assert_eq!(headers.key.destination, address(2));
    assert_eq!(headers.key.ports, PORTS);
    assert_eq!(headers.key.observed.protocol, 6);
    assert_eq!(headers.octets, 60);
    assert_eq!(headers.type_of_service, 0xb8);
    assert_eq!(headers.tcp_flags, FLAGS);
    assert_eq!(headers.attributes, 0xabcde);
}

#[test]
fn rfc_8200_3_headers_that_cannot_be_read_are_ignored() {
    let good = ipv6(TCP, &tcp());
    assert_eq!(
        ignored(LinkType::RawIp, &good[..39]),
        IgnoredReason::IpHeaderTruncated
    );
    let data = ethernet(&[&[0x86, 0xdd], &ipv4(TCP, &[0; 40])]);
    assert_eq!(ignored(LinkType::Ethernet, &data), IgnoredReason::IpVersion);
    assert_eq!(upper(&good[..40]), (6, NO_PORTS, 0));
}

#[test]
fn rfc_8200_4_extension_headers_are_skipped_in_any_order() {
    for chain in [
        vec![(HOP_BY_HOP, 0)],
        vec![(ROUTING, 2)],
        vec![(DESTINATION, 255)],
        vec![(FRAGMENT, 0)],
        vec![
            (HOP_BY_HOP, 1),
            (DESTINATION, 0),
            (ROUTING, 4),
            (FRAGMENT, 0),
            (DESTINATION, 3),
        ],
        vec![(FRAGMENT, 0), (HOP_BY_HOP, 0), (HOP_BY_HOP, 0)],
    ] {
        let mut payload = tcp();
        let mut next = TCP;
        for (number, more) in chain.iter().rev() {
            let header = match *number {
                FRAGMENT => fragment(next, 0),
                _ => extension(next, *more),
            };
            payload = [header, payload].concat();
            next = *number;
        }
        assert_eq!(upper(&ipv6(next, &payload)), (6, PORTS, FLAGS), "{chain:?}");
        assert_eq!(raw(&ipv6(next, &payload)).octets, 40 + payload.len() as u32);
    }
}

/// The authentication header, ESP, mobility, HIP, shim6 and "no next header" end the chain.
#[test]
fn everything_else_is_an_upper_layer() {
    for number in [50, 51, 59, 135, 139, 140, 253, 4, 41] {
        let data = ipv6(
            DESTINATION,
            &[extension(number, 0), extension(TCP, 0), tcp()].concat(),
        );
        assert_eq!(upper(&data), (number.into(), NO_PORTS, 0));
    }
}

#[test]
fn chains_are_read_up_to_a_limit() {
    let chain = |headers: usize| {
        let mut payload = tcp();
        for position in 0..headers {
            let next = if position == 0 { TCP } else { DESTINATION };
            payload = [extension(next, 0), payload].concat();
        }
        ipv6(DESTINATION, &payload)
    };
    assert_eq!(upper(&chain(MAX_EXTENSION_HEADERS)), (6, PORTS, FLAGS));
    assert_eq!(
        upper(&chain(MAX_EXTENSION_HEADERS + 1)),
        (DESTINATION.into(), NO_PORTS, 0)
    );
    assert_eq!(upper(&chain(100)), (DESTINATION.into(), NO_PORTS, 0));
}

/// The protocol is the number of the header that is not there whole.
#[test]
fn chains_that_are_cut_off() {
    let whole = ipv6(
        ROUTING,
        &[extension(FRAGMENT, 1), fragment(TCP, 0), tcp()].concat(),
    );
    for (octets, expected) in [
        (40, (43, NO_PORTS, 0)),
        (41, (43, NO_PORTS, 0)),
        (42, (43, NO_PORTS, 0)),
        (55, (43, NO_PORTS, 0)),
        (56, (44, NO_PORTS, 0)),
        (63, (44, NO_PORTS, 0)),
        (64, (6, NO_PORTS, 0)),
        (68, (6, PORTS, 0)),
        (78, (6, PORTS, FLAGS)),
    ] {
        assert_eq!(
            upper(&whole[..octets]),
            expected,
            "{octets} octets captured"
        );

        let mut short = whole.clone();
        short[4..6].copy_from_slice(&(octets as u16 - 40).to_be_bytes());
        // Payload Length 0 is another matter; with a routing header it is no payload.
        assert_eq!(upper(&short), expected, "{octets} octets long");
        assert_eq!(raw(&short).octets, octets as u32);
    }
}

#[test]
fn rfc_8200_4_5_later_fragments_have_no_ports() {
    for (next, offset, expected) in [
        (TCP, 0, (6, PORTS, FLAGS)),
        (TCP, 1, (6, NO_PORTS, 0)),
        (TCP, 0x1fff, (6, NO_PORTS, 0)),
        (DESTINATION, 185, (60, NO_PORTS, 0)),
    ] {
        let data = ipv6(
            HOP_BY_HOP,
            &[extension(FRAGMENT, 0), fragment(next, offset), tcp()].concat(),
        );
        assert_eq!(upper(&data), expected);
    }
}

#[test]
fn rfc_2675_2_jumbo_payloads() {
    let jumbo = |options: &[u8]| {
        let more = (options.len() - 6) / 8;
        let payload = [&[TCP, more as u8], options, &tcp()].concat();
        without_payload_length(ipv6(HOP_BY_HOP, &payload))
    };
    let raw = |data: &[u8]| match dissect(&Packet {
        length: u32::MAX,
        ..packet(LinkType::RawIp, data)
    }) {
        Dissection::Ipv6(headers) => headers,
        other => panic!("not IPv6: {other:?}"),
    };
    let option = [0xc2, 4, 0x00, 0x01, 0x11, 0x70];
    let headers = raw(&jumbo(&option));
    assert_eq!(
        (headers.octets, headers.key.ports, headers.tcp_flags),
        (70_040, PORTS, FLAGS)
    );

    let padded = [&[0, 0, 1, 0, 0x05, 2, 0, 0][..], &option].concat();
    assert_eq!(raw(&jumbo(&padded)).octets, 70_040);

    // More than any counter here holds.
    assert_eq!(
        raw(&jumbo(&[0xc2, 4, 0xff, 0xff, 0xff, 0xff])).octets,
        u32::MAX
    );

    // No such option: a length of 3, one past the header's end, none, too many before it.
    for options in [
        vec![0xc2, 3, 0, 1, 0, 0],
        vec![1, 0, 1, 0, 0xc2, 4],
        vec![1, 4, 0, 0, 0, 0],
        vec![1, 255, 0, 0, 0, 0],
        [vec![0; 24], option.to_vec()].concat(),
    ] {
        let headers = raw(&jumbo(&options));
        assert_eq!(headers.octets, 40, "{options:?}");
        assert_eq!(headers.key.observed.protocol, HOP_BY_HOP.into());
    }

    // Not where there is a Payload Length (RFC 2675 §3).
    let data = ipv6(HOP_BY_HOP, &[&[TCP, 0], &option[..], &tcp()].concat());
    assert_eq!(raw(&data).octets, 68);

    // A jumbo payload bounds the ports as any other length does.
    let headers = raw(&jumbo(&[0xc2, 4, 0, 0, 0, 11]));
    assert_eq!((headers.octets, headers.key.ports), (51, NO_PORTS));
}

/// Segmentation offload leaves Payload Length 0; padding alone does not look like it.
#[test]
fn octets_without_payload_length() {
    for (next, after_link, octets, ports) in [
        (TCP, 60_000, 60_000, PORTS),
        (UDP, 49, 49, PORTS),
        (TCP, 48, 40, NO_PORTS),
        (UDP, 46, 40, NO_PORTS),
        (132, 60_000, 40, NO_PORTS),
        (59, 60_000, 40, NO_PORTS),
        (DESTINATION, 60_000, 40, NO_PORTS),
    ] {
        let data = ethernet_ip(&without_payload_length(ipv6(next, &udp())));
        let data = &data[..data.len().min(14 + after_link)];
        let mut packet = packet(LinkType::Ethernet, data);
        packet.length = 14 + after_link as u32;
        let Dissection::Ipv6(headers) = dissect(&packet) else {
            panic!()
        };
        assert_eq!(
            (headers.octets, headers.key.ports),
            (octets, ports),
            "{next} {after_link}"
        );
        assert_eq!(headers.key.observed.protocol, next.into());
    }
}
