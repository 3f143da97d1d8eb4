// SPDX-License-Identifier: Apache-2.0
//! Compressed captures are read like others, damage is reported, and neither a panic nor unbounded
//! memory is possible.

use std::io::{Read, Write};

use flate2::write::GzEncoder;
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::build::{self, Pcapng};
use super::{Reading, read, read_streamed};
use crate::capture::compression::Compression;

fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

fn zstandard(octets: &[u8]) -> Vec<u8> {
    compress_to_vec(octets, CompressionLevel::Fastest)
}

fn lz4_with(info: FrameInfo, octets: &[u8]) -> Vec<u8> {
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

fn lz4(octets: &[u8]) -> Vec<u8> {
    lz4_with(FrameInfo::new(), octets)
}

type Compress = fn(&[u8]) -> Vec<u8>;

const ALL: [Compress; 3] = [gzip, zstandard, lz4];

/// Returns captures with packets that do not compress well, longer than most blocks of a compression.
fn captures() -> [Vec<u8>; 2] {
    let mut random = 1_u32;
    let mut packets = Vec::new();
    for index in 0..100_u32 {
        let mut data = vec![0; 1500];
        for octet in data.iter_mut().step_by(2) {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *octet = (random >> 24) as u8;
        }
        packets.push((index, 0, data));
    }
    let mut file = Pcapng::new(true).interface(1, 0, &[(2, b"eth0".to_vec())]);
    for (_, _, data) in &packets {
        file = file.packet(0, 1, data);
    }
    [build::pcap(build::PCAP_LITTLE, 1, &packets), file.file]
}

/// Reads `octets` as from a slow and a fast pipe. Small captures show that files are read alike.
fn read_quickly(octets: &[u8]) -> Reading {
    let reading = read_streamed(octets, 1000, 7);
    assert_eq!(read_streamed(octets, 1 << 20, 256), reading);
    reading
}

/// Mapped files and all block sizes.
#[test]
fn small_compressed_captures_are_read_in_every_way() {
    let capture = build::pcap(
        build::PCAP_LITTLE,
        1,
        &[(1, 0, vec![7; 60]), (2, 0, vec![])],
    );
    for compress in ALL {
        assert_eq!(read(&compress(&capture)), read(&capture));
    }
}

#[test]
fn compressed_captures_are_read_like_others() {
    for capture in captures() {
        let expected = read_quickly(&capture);
        assert_eq!((expected.packets.len(), &expected.error), (100, &None));
        for compress in ALL {
            assert_eq!(read_quickly(&compress(&capture)), expected);
            // Several frames or members, one of them empty.
            let (first, second) = capture.split_at(70_001);
            let parts = [compress(first), compress(&[]), compress(second)].concat();
            assert_eq!(read_quickly(&parts), expected);
        }
        for mode in [BlockMode::Independent, BlockMode::Linked] {
            for size in [BlockSize::Max64KB, BlockSize::Max4MB] {
                let info = FrameInfo::new()
                    .block_mode(mode)
                    .block_size(size)
                    .block_checksums(true)
                    .content_checksum(true);
                assert_eq!(read_quickly(&lz4_with(info, &capture)), expected);
            }
        }
        // A skippable frame of Zstandard, as parallel compressors write them.
        let skipped = [
            &[0x5d, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9][..],
            &zstandard(&capture),
        ];
        assert_eq!(read_quickly(&skipped.concat()), expected);
    }
}

#[test]
fn compressions_are_recognised_by_their_first_octets() {
    for (compress, expected) in
        ALL.iter()
            .zip([Compression::Gzip, Compression::Zstandard, Compression::Lz4])
    {
        let octets = compress(b"x");
        assert_eq!(Compression::of(&octets[..4]), Some(expected));
        assert_eq!(Compression::of(&octets[..1]), None);
    }
    for capture in captures() {
        assert_eq!(Compression::of(&capture), None);
    }
    assert_eq!(Compression::of(&[]), None);
}

/// The content of a frame is not decompressed again, so the depth is bounded.
#[test]
fn a_capture_that_is_compressed_twice_is_refused() {
    let [capture, _] = captures();
    for (compress, start) in ALL.iter().zip(["1f 8b", "28 b5", "04 22"]) {
        let reading = read_quickly(&compress(&compress(&capture)));
        assert!(reading.packets.is_empty());
        let error = reading.error.unwrap();
        let expected = format!("x: not a pcap or pcapng capture: it starts with {start}");
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn errors_have_the_name_of_the_compression() {
    let [capture, _] = captures();
    for (compress, name) in ALL.iter().zip(["gzip", "Zstandard", "LZ4"]) {
        let whole = compress(&capture);
        // In the second of two frames; the first one is read.
        let (first, second) = capture.split_at(70_000);
        let (first, second) = (compress(first), compress(second));
        let cut = [&first[..], &second[..second.len() / 2]].concat();
        let reading = read_streamed(&cut, 4096, 7);
        let error = reading.error.expect("an error");
        let packets = reading.packets.len();
        assert!(packets >= 69_976 / 1516, "{name}: {packets}");
        assert!(
            error.contains(name) || error.contains("the file ends inside"),
            "{name}: {error}"
        );
        // Other octets after the capture.
        let mut followed = whole.clone();
        followed.extend(b"no compressed data");
        let reading = read_streamed(&followed, 4096, 7);
        assert_eq!(reading.packets.len(), 100, "{name}");
        let error = reading.error.expect("an error");
        assert!(error.contains(name), "{name}: {error}");
    }
    // The checksum of all of it.
    let mut wrong = gzip(&capture);
    let checksum = wrong.len() - 8;
    wrong[checksum] ^= 1;
    let reading = read_streamed(&wrong, 4096, 7);
    assert_eq!(reading.packets.len(), 100);
    assert!(reading.error.expect("an error").contains("gzip"));
}

/// Everything before a cut is read, including octets that a decoder still keeps.
#[test]
fn a_cut_capture_gives_what_is_before_the_cut() {
    let [capture, _] = captures();
    for (compress, name) in ALL.iter().zip(["gzip", "Zstandard", "LZ4"]) {
        let whole = compress(&capture);
        let mut before = 0;
        for part in 1..64 {
            let reading = read_streamed(&whole[..whole.len() * part / 64], 4096, 7);
            let error = reading.error.expect("an error");
            let expected = format!("{name}: the file ends inside compressed data");
            assert!(error.ends_with(&expected), "{error}");
            assert!(reading.packets.len() >= before, "{name}: {part}");
            before = reading.packets.len();
        }
        // LZ4 has all of it in one block here, Zstandard has blocks of 128 KiB.
        let least = if name == "LZ4" { 0 } else { 131_072 / 1516 };
        assert!(before >= least, "{name}: {before}");
        // The end of the frame and a checksum, but none of the content.
        let reading = read_streamed(&whole[..whole.len() - 1], 4096, 7);
        assert_eq!(reading.packets.len(), 100, "{name}");
        assert!(reading.error.expect("an error").contains(name));
    }
    // Between two blocks of LZ4, which the decoder takes for the end of the frame.
    let info = FrameInfo::new().block_size(BlockSize::Max64KB);
    let whole = lz4_with(info, &capture);
    let block = u32::from_le_bytes(whole[7..11].try_into().unwrap()) & 0x7fff_ffff;
    let reading = read_streamed(&whole[..11 + block as usize], 4096, 7);
    assert_eq!(reading.packets.len(), (65_536 - 24) / 1516);
    let error = reading.error.expect("an error");
    assert!(
        error.ends_with("LZ4: the file ends inside compressed data"),
        "{error}"
    );
}

/// A frame of the legacy format has no end mark.
#[test]
fn legacy_lz4_ends_with_the_file() {
    let [capture, _] = captures();
    let mut file = vec![0x02, 0x21, 0x4c, 0x18];
    let block = lz4_flex::block::compress(&capture);
    file.extend((block.len() as u32).to_le_bytes());
    file.extend(block);
    assert_eq!(read_quickly(&file), read_quickly(&capture));
}

/// A small file with a large content needs no more memory than others: it is decompressed in blocks.
#[test]
fn bombs_are_streamed() {
    const SIZE: u64 = 1 << 28;
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..SIZE / zeros.len() as u64 {
        encoder.write_all(&zeros).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 400_000);
    // The decoder does not keep what it has returned.
    let mut reader = Compression::Gzip.unpack(std::io::Cursor::new(bomb.clone()));
    let (mut buffer, mut total) = (vec![1; 4096], 0);
    loop {
        match reader.read(&mut buffer).unwrap() {
            0 => break,
            count => total += count as u64,
        }
    }
    assert_eq!(total, SIZE);
    // It is refused by its first octets.
    let Reading { packets, error, .. } = read_streamed(&bomb, 1 << 20, 4096);
    assert!(packets.is_empty());
    assert!(error.unwrap().contains("it starts with 00 00 00 00"));
    // A window of 2 GiB is refused before it is allocated.
    let window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0, 0];
    let error = read_streamed(&window, 1 << 20, 1).error.unwrap();
    assert!(error.contains("Zstandard"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Changed compressed data causes no panic.
    #[test]
    fn random_changes(
        which in 0..3_usize,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<proptest::sample::Index>(),
    ) {
        let packets: Vec<_> = (0..40).map(|index| (index, 0, vec![7; 100])).collect();
        let mut octets = ALL[which](&build::pcap(build::PCAP_BIG, 1, &packets));
        for (index, octet) in changes {
            let index = index.index(octets.len());
            octets[index] = octet;
        }
        read_streamed(&octets, 4096, 7);
        octets.truncate(cut.index(octets.len()));
        read_streamed(&octets, 4096, 7);
    }

    #[test]
    fn random_octets(
        start in proptest::sample::select(vec![
            vec![0x1f, 0x8b, 8], vec![0x28, 0xb5, 0x2f, 0xfd], vec![4, 0x22, 0x4d, 0x18],
            vec![0x50, 0x2a, 0x4d, 0x18], vec![2, 0x21, 0x4c, 0x18],
        ]),
        rest in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        read_streamed(&[start, rest].concat(), 4096, 7);
    }
}
