// SPDX-License-Identifier: Apache-2.0
//! Captures in each format, byte order and resolution are read correctly.

use flowmeter::observation::LinkType;

use super::build::{self, Pcapng, number};
use super::{Packet, Reading, read};
use crate::capture::link_type::link_type;

fn packet(data: &[u8], milliseconds: u64) -> Packet {
    Packet {
        data: data.to_vec(),
        length: data.len() as u32 + 4,
        milliseconds,
        interface: 0,
        link_type: LinkType::Ethernet,
        name: None,
    }
}

/// Returns the packets of a valid capture.
fn packets(octets: &[u8]) -> Vec<Packet> {
    let Reading { packets, error, .. } = read(octets);
    assert_eq!(error, None);
    packets
}

fn times(octets: &[u8]) -> Vec<u64> {
    packets(octets).iter().map(|p| p.milliseconds).collect()
}

#[test]
fn pcap_in_each_layout() {
    let expected = [
        packet(&[1, 2, 3], 1_001),
        packet(&[], 2_999),
        packet(&[9; 90], u64::from(u32::MAX) * 1_000),
    ];
    for (kind, unit) in [
        (build::PCAP_LITTLE, 1),
        (build::PCAP_BIG, 1),
        (build::PCAP_MODIFIED, 1),
        (build::PCAP_MODIFIED_BIG, 1),
        (build::PCAP_NANOSECONDS_LITTLE, 1_000),
        (build::PCAP_NANOSECONDS_BIG, 1_000),
    ] {
        let file = [
            (1, 1_999 * unit, vec![1, 2, 3]),
            (2, 999_999 * unit, vec![]),
            (u32::MAX, 0, vec![9; 90]),
        ];
        // The upper bits, which describe a frame check sequence, make no difference.
        for network in [1, 0x3000_0001, 0x4400_0001] {
            assert_eq!(packets(&build::pcap(kind, network, &file)), expected);
        }
    }
}

/// libpcap's rule: before 2.3 and in 543.0 the lengths are swapped, in 2.3 they may be. Lengths in the
/// usual order are read as well.
#[test]
fn pcap_in_each_version() {
    let expected = [packet(&[1, 2, 3], 1_001), packet(&[9; 90], 2_000)];
    let packets_in_file = [(1, 1_999, vec![1, 2, 3]), (2, 0, vec![9; 90])];
    let versions = [(2, 0), (2, 1), (2, 2), (2, 3), (543, 0)];
    for kind in [
        build::PCAP_LITTLE,
        build::PCAP_BIG,
        build::PCAP_MODIFIED,
        build::PCAP_MODIFIED_BIG,
    ] {
        for version in versions {
            for swapped in [false, true] {
                let kind = build::PcapKind {
                    version,
                    swapped,
                    ..kind
                };
                let file = build::pcap(kind, 1, &packets_in_file);
                assert_eq!(packets(&file), expected, "{version:?}");
            }
        }
        // In 2.4 lengths are never swapped: the first one is the captured length.
        let swapped = build::PcapKind {
            swapped: true,
            ..kind
        };
        let reading = read(&build::pcap(swapped, 1, &packets_in_file[..1]));
        assert_eq!(reading.packets, []);
        assert!(reading.error.is_some());
    }
    for version in [(1, 4), (2, 5), (543, 1), (0, 0)] {
        let kind = build::PcapKind {
            version,
            ..build::PCAP_BIG
        };
        let error = read(&build::pcap(kind, 1, &[])).error.unwrap();
        let (major, minor) = version;
        assert_eq!(
            error,
            format!("x: version {major}.{minor} of pcap is not supported")
        );
    }
}

#[test]
fn packets_beyond_the_snap_length_are_returned_and_counted() {
    let file = [
        (1, 0, vec![0; 100]),
        (2, 0, vec![0; 101]),
        (3, 0, vec![0; 200]),
    ];
    let reading = read(&build::pcap(build::PCAP_LITTLE, 1, &file));
    assert_eq!(reading.packets.len(), 3);
    let oversized = reading.oversized.unwrap();
    assert_eq!(oversized.packets, 2);
    assert_eq!(oversized.first_offset, 24 + 16 + 100 + 16);

    for (snap_length, count) in [(0, None), (101, Some(1)), (200, None)] {
        let file = Pcapng::new(false)
            .interface(1, snap_length, &[])
            .packet(0, 0, &[0; 101])
            .packet(0, 0, &[0; 200]);
        let oversized = read(&file.file).oversized;
        assert_eq!(oversized.map(|oversized| oversized.packets), count);
    }
}

#[test]
fn pcapng_in_each_byte_order_and_several_sections() {
    for (first, second) in [(false, true), (true, false), (true, true)] {
        let file = Pcapng::new(first)
            .interface(1, 0, &[(2, b"eth0".to_vec()), (3, b"the first".to_vec())])
            .packet(0, 1_500_000, &[1; 5])
            .block(0x8000_0001, vec![0xee; 33])
            .interface(101, 0, &[(2, b"tun\xc3\xa9\0".to_vec()), (0, vec![])])
            .packet(1, 2_500_000, &[2; 64])
            .packet(0, 3_500_000, &[3; 6])
            .section(second)
            .interface(113, 0, &[])
            .packet(0, 4_500_000, &[4; 7]);
        let expected = [
            (vec![1; 5], 1_500, 0, LinkType::Ethernet, Some("eth0")),
            (vec![2; 64], 2_500, 1, LinkType::RawIp, Some("tuné")),
            (vec![3; 6], 3_500, 0, LinkType::Ethernet, Some("eth0")),
            (vec![4; 7], 4_500, 0, LinkType::LinuxCooked, None),
        ]
        .map(|(data, time, interface, link_type, name)| Packet {
            interface,
            link_type,
            name: name.map(str::to_owned),
            ..packet(&data, time)
        });
        assert_eq!(packets(&file.file), expected);
    }
}

#[test]
fn simple_and_obsolete_packets() {
    for big in [false, true] {
        // 16 bits of interface and 16 of drops.
        let interface_and_drops = if big { 0x0001_ffff } else { 0xffff_0001 };
        let file = Pcapng::new(big)
            .interface(1, 6, &[])
            .interface(1, 0, &[])
            // The first packet, so without a time; cut to the snap length.
            .numbers(3, &[9], &[1, 2, 3, 4, 5, 6])
            .numbers(2, &[interface_and_drops, 0, 7_000, 5, 9], &[5; 5])
            .numbers(3, &[3], &[1, 2, 3])
            // The captured length follows from the block's length.
            .numbers(3, &[5], &[1, 2, 3, 4]);
        let mut expected = [
            packet(&[1, 2, 3, 4, 5, 6], 0),
            packet(&[5; 5], 7),
            packet(&[1, 2, 3], 7),
            packet(&[1, 2, 3, 4], 7),
        ];
        expected[0].length = 9;
        expected[1].interface = 1;
        expected[2].length = 3;
        expected[3].length = 5;
        assert_eq!(packets(&file.file), expected);
    }
}

#[test]
fn times_in_every_resolution_and_offset() {
    let time = |resolution: u8, offset: i64, ticks: u64| {
        [false, true].map(|big| {
            let offset = number(big, offset as u64, 8);
            let file = Pcapng::new(big)
                .interface(1, 0, &[(9, vec![resolution]), (14, offset)])
                .packet(0, ticks, &[]);
            times(&file.file)[0]
        })
    };
    for (resolution, offset, ticks, expected) in [
        (6, 0, 1_999, 1),
        (9, 0, 1_999_999, 1),
        (3, 0, 5, 5),
        (0, 0, 5, 5_000),
        (2, 0, 5, 50),
        (12, 0, 5_999_999_999, 5),
        (22, 0, u64::MAX, 1),
        (23, 0, u64::MAX, 0),
        (127, 0, u64::MAX, 0),
        (0x80, 0, 7, 7_000),
        (0x80 | 10, 0, 1536, 1_500),
        (0x80 | 63, 0, 1 << 63, 1_000),
        (0xff, 0, u64::MAX, 0),
        (6, 3, 1_000, 3_001),
        (6, -3, 5_000_999, 2_000),
        (6, -3, 0, 0),
        (6, i64::MIN, u64::MAX, 0),
        (0, i64::MAX, u64::MAX, u64::MAX),
        (0x80, 0, u64::MAX, u64::MAX),
    ] {
        let found = time(resolution, offset, ticks);
        let context = format!("{resolution:#x} {offset} {ticks}");
        assert_eq!(found, [expected; 2], "{context}");
    }
}

#[test]
fn times_without_a_resolution_are_microseconds() {
    let file = Pcapng::new(false)
        .interface(1, 0, &[])
        .packet(0, 1_700_000_000_123_456, &[]);
    assert_eq!(times(&file.file), [1_700_000_000_123]);
}

#[test]
fn link_types() {
    for (number, expected) in [
        (0, LinkType::BsdNull),
        (1, LinkType::Ethernet),
        (9, LinkType::Ppp),
        (12, LinkType::RawIp),
        (14, LinkType::RawIp),
        (10, LinkType::Fddi),
        (50, LinkType::Ppp),
        (51, LinkType::Unsupported),
        (101, LinkType::RawIp),
        (104, LinkType::CiscoHdlc),
        (105, LinkType::Ieee80211),
        (108, LinkType::BsdLoop),
        (113, LinkType::LinuxCooked),
        (127, LinkType::Radiotap),
        (192, LinkType::PacketInformation),
        (239, LinkType::NetfilterLog),
        (228, LinkType::RawIp),
        (229, LinkType::RawIp),
        (276, LinkType::LinuxCooked2),
        (u32::MAX, LinkType::Unsupported),
    ] {
        assert_eq!(link_type(number), expected, "{number}");
    }
}
