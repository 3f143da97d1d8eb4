// SPDX-License-Identifier: Apache-2.0
//! What holds for all octets.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::packet::{MAX_EXTENSION_HEADERS, MAX_TAGS};

/// A link layer's header of each kind that announces IPv4 or IPv6.
fn link_header(is_ipv4: bool) -> impl Strategy<Value = (LinkType, Vec<u8>)> {
    let either = move |ipv4: &[u8], ipv6: &[u8]| if is_ipv4 { ipv4 } else { ipv6 }.to_vec();
    let ether_type = either(&[0x08, 0x00], &[0x86, 0xdd]);
    let protocol = either(&[0x00, 0x21], &[0x00, 0x57]);
    let tag = (
        prop::sample::select(vec![0x8100u16, 0x88a8, 0x9100]),
        any::<u16>(),
    )
        .prop_map(|(ether_type, control)| [ether_type.to_be_bytes(), control.to_be_bytes()]);
    let last = prop::sample::select(vec![
        ether_type.clone(),
        vec![0x88, 0x47, 0, 0, 0x11, 0x40],
        [&[0x88, 0x64, 0x11, 0, 0, 7, 0, 99], &protocol[..]].concat(),
        [&[0x00, 0x40, 0xaa, 0xaa, 0x03, 0, 0, 0], &ether_type[..]].concat(),
    ]);
    let ethernet = (vec(tag, 0..MAX_TAGS), last).prop_map(|(tags, last)| {
        (
            LinkType::Ethernet,
            ethernet(&[tags.concat().as_flattened(), &last]),
        )
    });
    let cooked = [&[0; 14], &ether_type[..]].concat();
    let cooked_2 = [&ether_type[..], &[0; 18]].concat();
    prop_oneof![
        6 => ethernet,
        1 => Just((LinkType::RawIp, vec![])),
        1 => Just((LinkType::LinuxCooked, cooked)),
        1 => Just((LinkType::LinuxCooked2, cooked_2)),
        1 => Just((LinkType::BsdLoop, either(&[0, 0, 0, 2], &[0, 0, 0, 24]))),
        1 => Just((LinkType::BsdNull, either(&[2, 0, 0, 0], &[30, 0, 0, 0]))),
        1 => Just((LinkType::Ppp, [&[0xff, 0x03], &protocol[..]].concat())),
    ]
}

/// Octets that an IP packet's payload may plausibly be, extension headers among them.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let next = prop::sample::select(vec![0u8, 6, 17, 43, 44, 58, 60, 132]);
    let extension = (next, 0u8..3, vec(any::<u8>(), 22)).prop_map(|(next, more, body)| {
        [&[next, more][..], &body[..6 + 8 * usize::from(more)]].concat()
    });
    (
        vec(extension, 0..MAX_EXTENSION_HEADERS + 2),
        vec(any::<u8>(), 0..64),
    )
        .prop_map(|(extensions, rest)| [extensions.concat(), rest].concat())
}

/// An IP packet with all its fields right but for what `payload` may hold.
fn ip(is_ipv4: bool) -> impl Strategy<Value = Vec<u8>> {
    let next = prop::sample::select(vec![0u8, 1, 6, 17, 43, 44, 50, 58, 60, 132]);
    let options = vec(any::<[u8; 4]>(), 0..=10);
    (next, options, any::<u16>(), payload()).prop_map(
        move |(next, options, flags_and_offset, payload)| {
            if is_ipv4 {
                ipv4_with(&options.concat(), flags_and_offset, next, &payload)
            } else {
                ipv6(next, &payload)
            }
        },
    )
}

/// A link header, and the IP packet that it announces.
pub(super) fn frame() -> impl Strategy<Value = ((LinkType, Vec<u8>), Vec<u8>)> {
    any::<bool>().prop_flat_map(|is_ipv4| (link_header(is_ipv4), ip(is_ipv4)))
}

proptest! {
    #[test]
    fn no_octets_make_it_panic(data in vec(any::<u8>(), 0..200), length: u32, vlan: u16) {
        for link_type in LinkType::ALL {
            let mut packet = packet(link_type, &data);
            packet.length = length;
            packet.point.vlan = vlan;
            prop_assert_eq!(dissect(&packet), dissect(&packet));
        }
    }

    #[test]
    fn no_octets_behind_a_link_header_make_it_panic(
        (link_type, header) in any::<bool>().prop_flat_map(link_header),
        data in vec(any::<u8>(), 0..200),
        version in prop::sample::select(vec![0x45u8, 0x4f, 0x60]),
    ) {
        let mut data = data;
        if let Some(first) = data.first_mut() {
            *first = version;
        }
        let _ = dissect_as(link_type, &[header, data].concat());
    }

    /// Whatever lengths headers claim, no packet counts more than its frame has on the wire.
    #[test]
    fn no_octets_count_that_were_not_on_the_wire(
        ((link_type, header), ip) in frame(),
        changes in vec((0..80usize, any::<u8>()), 0..6),
        beyond in prop_oneof![Just(0u32), 0..2000u32],
    ) {
        let mut data = [&header[..], &ip].concat();
        let first = data.len() - ip.len();
        for (place, octet) in changes {
            if let Some(changed) = data.get_mut(first + place) {
                *changed = octet;
            }
        }
        let packet = Packet {
            length: data.len() as u32 + beyond,
            ..packet(link_type, &data)
        };
        let behind_link = ip.len() as u32 + beyond;
        match dissect(&packet) {
            Dissection::Ipv4(headers) => prop_assert!(headers.octets <= behind_link),
            Dissection::Ipv6(headers) => prop_assert!(headers.octets <= behind_link),
            Dissection::NonIp(headers) => prop_assert_eq!(headers.octets, packet.length),
            Dissection::Ignored(_) => {}
        }
    }

    /// What follows the IP packet in its frame is not read, and octets count what IP says.
    #[test]
    fn octets_past_the_ip_length_change_nothing(
        ((link_type, header), ip) in frame(),
        padding in vec(any::<u8>(), 0..64),
    ) {
        // Payload Length 0 says nothing of where the packet ends.
        prop_assume!(ip[0] >> 4 == 4 || ip.len() > 40);
        let data = [&header[..], &ip].concat();
        let padded = [&data[..], &padding].concat();
        prop_assert_eq!(dissect_as(link_type, &data), dissect_as(link_type, &padded));
        match dissect_as(link_type, &padded) {
            Dissection::Ipv4(headers) => prop_assert_eq!(headers.octets as usize, ip.len()),
            Dissection::Ipv6(headers) => prop_assert_eq!(headers.octets as usize, ip.len()),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    /// A shorter capture shows less, never something else.
    #[test]
    fn a_shorter_capture_shows_no_other_ports(
        ((link_type, header), ip) in frame(),
        captured in 0usize..400,
    ) {
        let data = [&header[..], &ip].concat();
        let mut packet = packet(link_type, &data);
        let whole = dissect(&packet);
        packet.data = &data[..captured.min(data.len())];
        match (whole, dissect(&packet)) {
            (Dissection::Ipv4(whole), Dissection::Ipv4(cut)) => {
                prop_assert!(cut.key.ports == whole.key.ports || cut.key.ports == NO_PORTS);
                prop_assert!(cut.tcp_flags == whole.tcp_flags || cut.tcp_flags == 0);
                prop_assert_eq!(cut.octets, whole.octets);
                prop_assert_eq!(cut.key.observed, whole.key.observed);
            }
            (Dissection::Ipv6(whole), Dissection::Ipv6(cut)) => {
                prop_assert!(cut.key.ports == whole.key.ports || cut.key.ports == NO_PORTS);
                prop_assert!(cut.tcp_flags == whole.tcp_flags || cut.tcp_flags == 0);
                prop_assert!(cut.octets == whole.octets || ip.len() == 40);
                prop_assert_eq!(cut.attributes, whole.attributes);
            }
            (_, Dissection::Ignored(reason)) => prop_assert!(matches!(
                reason,
                IgnoredReason::LinkHeaderTruncated | IgnoredReason::IpHeaderTruncated
            )),
            (whole, cut) => prop_assert!(false, "{:?} became {:?}", whole, cut),
        }
    }
}
