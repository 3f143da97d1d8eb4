// SPDX-License-Identifier: Apache-2.0
//! Damaged captures: the packets before the damage are returned, and the error has its offset. Nothing
//! panics.

use proptest::prelude::*;

use super::build::{self, Pcapng};
use super::{Reading, read, read_streamed};

/// Returns captures of each kind, and the offsets at which their packets end.
fn captures() -> Vec<(Vec<u8>, Vec<usize>)> {
    let packets: Vec<_> = (0..5)
        .map(|index| (index, 0, vec![7; 11 * index as usize]))
        .collect();
    let mut captures = Vec::new();
    for (kind, header) in [
        (build::PCAP_LITTLE, 16),
        (build::PCAP_BIG, 16),
        (build::PCAP_MODIFIED, 24),
        (build::PCAP_MODIFIED_BIG, 24),
    ] {
        let ends = packets.iter().scan(24, |end, packet| {
            *end += header + packet.2.len();
            Some(*end)
        });
        captures.push((build::pcap(kind, 1, &packets), ends.collect()));
    }
    for big in [false, true] {
        let name = vec![(2, b"eth0".to_vec())];
        let mut file = Pcapng::new(big).interface(1, 0, &name);
        let mut ends = Vec::new();
        for (index, packet) in packets.iter().enumerate() {
            if index == 3 {
                file = file.section(!big).interface(1, 0, &name);
            }
            file = file.packet(0, 0, &packet.2);
            ends.push(file.file.len());
        }
        captures.push((file.file, ends));
    }
    captures
}

#[test]
fn cut_at_every_offset() {
    for (octets, ends) in captures() {
        assert_eq!(read(&octets).error, None);
        for cut in 0..octets.len() {
            let Reading { packets, error, .. } = read(&octets[..cut]);
            assert_eq!(
                packets.len(),
                ends.iter().filter(|&&end| end <= cut).count()
            );
            if let Some(error) = &error {
                assert!(
                    cut < 4 || error.contains("the file ends inside a"),
                    "{error}"
                );
            } else {
                // Cut between two records; in pcapng, some contain no packet.
                assert!(octets[0] == 0x0a || cut == 24 || ends.contains(&cut));
            }
        }
    }
}

#[test]
fn errors_say_where_and_what() {
    let pcap = build::pcap(build::PCAP_LITTLE, 1, &[(1, 0, vec![0; 64])]);
    let ng = || Pcapng::new(false).interface(1, 0, &[]);
    let changed = |octets: &[u8], at: usize, value: u32| {
        let mut octets = octets.to_vec();
        octets[at..at + 4].copy_from_slice(&value.to_le_bytes());
        octets
    };
    let packet = ng().packet(0, 0, &[0; 64]).file;
    for (octets, expected) in [
        (vec![], "x: empty file"),
        (
            b"\x7fELF\x02".to_vec(),
            "x: not a pcap or pcapng capture: it starts with 7f 45 4c 46",
        ),
        (
            b"\xd4\xc3".to_vec(),
            "x: not a pcap or pcapng capture: it starts with d4 c3",
        ),
        (
            b"\xfd7zXZ\0".to_vec(),
            "x: not a pcap or pcapng capture: it starts with fd 37 7a 58 (xz: decompress \
             it with `xz -dc` and pipe the output to `-`)",
        ),
        (
            pcap[..20].to_vec(),
            "x: offset 0: the file ends inside a file header (needs 4 more octets)",
        ),
        (
            pcap[..30].to_vec(),
            "x: offset 24: the file ends inside a packet record header (needs 10 more octets)",
        ),
        (
            pcap[..44].to_vec(),
            "x: offset 24: the file ends inside a packet record (needs 60 more octets)",
        ),
        (
            changed(&pcap, 4, 0x0005_0002),
            "x: version 2.5 of pcap is not supported",
        ),
        (
            changed(&pcap, 32, 3_000_000_000),
            "x: offset 24: a packet of 3000000000 octets is longer than captures allow (262144 \
             octets): the file is damaged here",
        ),
        (
            changed(&packet, 12, 0x0000_0003),
            "x: offset 0: version 3.0 of pcapng is not supported",
        ),
        (
            changed(&packet, 8, 1),
            "x: offset 0: a section has no valid byte order: the file is damaged here",
        ),
        (
            changed(&packet, 52, 97),
            "x: offset 48: a block has the invalid length 97: the file is damaged here",
        ),
        (
            changed(&packet, packet.len() - 4, 92),
            "x: offset 48: a block has the length 96 at its start and 92 at its end: the file \
             is damaged here",
        ),
        (
            changed(&packet, 68, 65),
            "x: offset 48: a packet of 65 octets does not fit into its block of 96: the file \
             is damaged here",
        ),
        (
            ng().packet(1, 0, &[]).file,
            "x: offset 48: a packet has the interface 1, but only 1 are described before it",
        ),
        (
            ng().numbers(6, &[0], &[]).file,
            "x: offset 48: a block of type 0x6 is too short with 16 octets: the file is damaged \
             here",
        ),
        (
            Pcapng::new(true).numbers(3, &[0], &[]).file,
            "x: offset 28: a packet has the interface 0, but only 0 are described before it",
        ),
    ] {
        assert_eq!(read(&octets).error.as_deref(), Some(expected));
    }
}

#[test]
fn interfaces_are_bounded() {
    let mut file = Pcapng::new(false);
    for _ in 0..70_000 {
        file = file.interface(1, 0, &[(2, vec![b'x'; 1000])]);
    }
    let error = read_streamed(&file.file, 1 << 20, 1).error.unwrap();
    assert!(error.ends_with("more than 65536 interfaces are not supported"));
}

proptest! {
    #[test]
    fn random_octets(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        read(&octets);
    }

    /// A capture with some changed octets is read further than random octets.
    #[test]
    fn random_changes(
        which in 0..6_usize,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (mut octets, _) = captures().swap_remove(which);
        for (index, octet) in changes {
            let index = index.index(octets.len());
            octets[index] = octet;
        }
        read(&octets);
    }

    /// Random octets after a valid header.
    #[test]
    fn random_records(
        which in 0..6_usize,
        tail in proptest::collection::vec(prop_oneof![0..8_u8, any::<u8>()], 0..300),
    ) {
        let (mut octets, _) = captures().swap_remove(which);
        octets.truncate(if which < 4 { 24 } else { 60 });
        octets.extend(tail);
        read(&octets);
    }
}
