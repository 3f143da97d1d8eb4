// SPDX-License-Identifier: Apache-2.0
//! Tests of `dissect`: hand-built packets, one table or test for each rule.
//!
//! This file builds packets and compares; it decides nothing about what is right.

mod encapsulations;
mod ipv4;
mod ipv6;
mod layered_key;
mod lengths;
mod link;
mod properties;
mod pseudowires;
mod regressions;
mod segments;

use super::{Dissection, Headers, Packet, dissect};
use crate::flow::IgnoredReason;
use crate::flow::{Ipv4Key, Ipv6Key, L2Key, Ports};
use crate::observation::{LinkType, ObservationPoint};
use crate::time::{Timestamp, Uptime};

const DESTINATION_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0xdd];
const SOURCE_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x55];
const PORTS: Ports = Ports {
    source: [0x12, 0x34],
    destination: [0x00, 0x50],
};
const NO_PORTS: Ports = Ports {
    source: [0; 2],
    destination: [0; 2],
};
/// SYN and ACK.
const FLAGS: u8 = 0x12;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// A TCP header with `PORTS` and `FLAGS`.
fn tcp() -> Vec<u8> {
    let mut octets = vec![0x12, 0x34, 0x00, 0x50, 1, 1, 1, 1, 2, 2, 2, 2, 0x50, FLAGS];
    octets.extend([0xff; 6]);
    octets
}

/// A UDP header with `PORTS`.
fn udp() -> Vec<u8> {
    vec![0x12, 0x34, 0x00, 0x50, 0, 8, 0xff, 0xff]
}

/// An IPv4 packet of traffic class 0xb8, from 192.0.2.1 to 198.51.100.2.
fn ipv4_with(options: &[u8], flags_and_offset: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let header_length = 20 + options.len();
    let total = (header_length + payload.len()) as u16;
    let mut octets = vec![0x40 | (header_length / 4) as u8, 0xb8];
    octets.extend(total.to_be_bytes());
    octets.extend([0xab, 0xcd]);
    octets.extend(flags_and_offset.to_be_bytes());
    octets.extend([64, protocol, 0xee, 0xee, 192, 0, 2, 1, 198, 51, 100, 2]);
    octets.extend(options);
    octets.extend(payload);
    octets
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_with(&[], 0, protocol, payload)
}

/// An IPv6 packet of traffic class 0xb8 and flow label 0xabcde, from 2001:db8::1 to ::2.
fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let mut octets = vec![0x6b, 0x8a, 0xbc, 0xde];
    octets.extend((payload.len() as u16).to_be_bytes());
    octets.extend([next_header, 64]);
    octets.extend(address(1));
    octets.extend(address(2));
    octets.extend(payload);
    octets
}

/// 2001:db8:: with this last octet.
fn address(last: u8) -> [u8; 16] {
    let mut address = [0; 16];
    address[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    address[15] = last;
    address
}

/// An Ethernet frame; `rest` begins with the EtherType or length.
fn ethernet(rest: &[&[u8]]) -> Vec<u8> {
    [&DESTINATION_MAC[..], &SOURCE_MAC[..], &rest.concat()].concat()
}

/// An Ethernet frame with an IPv4 or IPv6 packet.
fn ethernet_ip(packet: &[u8]) -> Vec<u8> {
    let ether_type = if packet[0] >> 4 == 4 {
        [0x08, 0x00]
    } else {
        [0x86, 0xdd]
    };
    ethernet(&[&ether_type, packet])
}

fn packet(link_type: LinkType, data: &[u8]) -> Packet<'_> {
    Packet {
        data,
        point: ObservationPoint {
            link_type,
            ..ObservationPoint::default()
        },
        time: Timestamp::default(),
        uptime: Uptime::default(),
        length: data.len() as u32,
        segment_size: 0,
    }
}

fn dissect_as(link_type: LinkType, data: &[u8]) -> Dissection {
    dissect(&packet(link_type, data))
}

fn ignored(link_type: LinkType, data: &[u8]) -> IgnoredReason {
    match dissect_as(link_type, data) {
        Dissection::Ignored(reason) => reason,
        other => panic!("not ignored: {other:?}"),
    }
}

fn ipv4_headers(link_type: LinkType, data: &[u8]) -> Headers<Ipv4Key> {
    match dissect_as(link_type, data) {
        Dissection::Ipv4(headers) => headers,
        other => panic!("not IPv4: {other:?}"),
    }
}

fn ipv6_headers(link_type: LinkType, data: &[u8]) -> Headers<Ipv6Key> {
    match dissect_as(link_type, data) {
        Dissection::Ipv6(headers) => headers,
        other => panic!("not IPv6: {other:?}"),
    }
}

fn non_ip_headers(link_type: LinkType, data: &[u8]) -> Headers<L2Key> {
    match dissect_as(link_type, data) {
        Dissection::NonIp(headers) => headers,
        other => panic!("not non-IP: {other:?}"),
    }
}
