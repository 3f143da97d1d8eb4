// SPDX-License-Identifier: Apache-2.0
//! Captures built in memory, the corpus, cut files and random octets.
//!
//! Each capture is read as a mapped file and as streams with several block sizes. All must return the
//! same packets and the same error.

mod build;
mod compressed;
mod damage;
mod formats;

use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use flowmeter::observation::LinkType;

use super::input::{BLOCK_OCTETS, Input};
use super::{Capture, CaptureError, Oversized};

/// A packet with its octets, which a [`super::CapturedPacket`] refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Packet {
    data: Vec<u8>,
    length: u32,
    milliseconds: u64,
    interface: u32,
    link_type: LinkType,
    name: Option<String>,
}

/// Everything that was read of a capture.
#[derive(Debug, PartialEq, Eq)]
struct Reading {
    packets: Vec<Packet>,
    oversized: Option<Oversized>,
    error: Option<String>,
}

impl Reading {
    fn of(capture: Result<Capture, CaptureError>, limit: usize) -> Self {
        let mut capture = match capture {
            Ok(capture) => capture,
            Err(error) => {
                return Self {
                    packets: Vec::new(),
                    oversized: None,
                    error: Some(error.to_string()),
                };
            }
        };
        let mut all = Vec::new();
        let mut packets = Vec::new();
        let mut position = capture.position();
        let error = loop {
            let block = match capture.read(&mut packets, limit) {
                Ok(Some(block)) => block,
                Ok(None) => break None,
                Err(error) => break Some(error.to_string()),
            };
            assert!((1..=limit).contains(&packets.len()));
            assert!(capture.position() > position, "a batch consumes octets");
            position = capture.position();
            for packet in &packets {
                let data = packet.data(&block).to_vec();
                assert_eq!(data.len(), packet.captured as usize);
                assert!(packet.length >= packet.captured);
                let interface = &capture.interfaces()[packet.interface as usize];
                assert_eq!(interface.link_type, packet.link_type);
                all.push(Packet {
                    data,
                    length: packet.length,
                    milliseconds: packet.time.as_millis(),
                    interface: packet.interface,
                    link_type: packet.link_type,
                    name: interface.name.clone(),
                });
            }
        };
        if error.is_none() {
            assert_eq!(
                capture.size().unwrap_or(capture.position()),
                capture.position()
            );
        }
        assert!(matches!(capture.read(&mut packets, 1), Ok(None)));
        Self {
            packets: all,
            oversized: capture.oversized(),
            error,
        }
    }
}

/// A stream that returns at most a few octets at a time, as a slow pipe does.
struct Trickle(Cursor<Vec<u8>>, usize);

impl Read for Trickle {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let count = room.len().min(self.1);
        self.0.read(&mut room[..count])
    }
}

/// Reads `octets` as a stream in blocks of `block_octets`.
fn read_streamed(octets: &[u8], block_octets: usize, limit: usize) -> Reading {
    let reader = Trickle(Cursor::new(octets.to_vec()), block_octets);
    let input = Input::stream(reader, block_octets).unwrap();
    Reading::of(Capture::start("x".to_owned(), input), limit)
}

/// Reads `octets` in all ways, with the same result.
fn read(octets: &[u8]) -> Reading {
    let reading = read_streamed(octets, BLOCK_OCTETS, 4096);
    for (block_octets, limit) in [(1, 3), (7, 1), (64, 2), (100, 4096), (4096, 5)] {
        let other = read_streamed(octets, block_octets, limit);
        assert_eq!(reading, other, "in blocks of {block_octets}");
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(octets).unwrap();
    let mut mapped = Reading::of(Capture::open(file.path()), 3);
    let name = file.path().display().to_string();
    mapped.error = mapped.error.map(|error| error.replacen(&name, "x", 1));
    assert_eq!(reading, mapped, "mapped");
    reading
}

fn corpus() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let mut files = Vec::new();
    for folder in ["traffic", "tcpdump"] {
        let folder = root.join(folder);
        let Ok(entries) = std::fs::read_dir(&folder) else {
            println!("skipped: {} is not there", folder.display());
            continue;
        };
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    files.sort();
    files
}

#[test]
fn corpus_is_the_same_mapped_and_streamed() {
    for path in corpus() {
        let octets = std::fs::read(&path).unwrap();
        let name = path.display().to_string();
        let mut mapped = Reading::of(Capture::open(&path), 100);
        mapped.error = mapped.error.map(|error| error.replacen(&name, "x", 1));
        for (block_octets, limit) in [(1000, 7), (65_536, 4096), (BLOCK_OCTETS, 256)] {
            let streamed = read_streamed(&octets, block_octets, limit);
            assert!(mapped == streamed, "{name} in blocks of {block_octets}");
        }
        if let Some(error) = mapped.error {
            println!("{name}: {} packets, then {error}", mapped.packets.len());
        }
    }
}

#[test]
fn a_missing_file_or_a_directory_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.pcap");
    let error = Capture::open(&missing).unwrap_err().to_string();
    assert!(error.ends_with("missing.pcap: No such file or directory"));
    let error = Capture::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("directory"), "{error}");
}

#[test]
fn shared_blocks_are_not_reused() {
    let packets: Vec<_> = (0..50).map(|index| (1, 0, vec![index; 40])).collect();
    let octets = build::pcap(build::PCAP_LITTLE, 1, &packets);
    let input = Input::stream(Trickle(Cursor::new(octets), 64), 64).unwrap();
    let mut capture = Capture::start("x".to_owned(), input).unwrap();
    let mut packets = Vec::new();
    let mut kept = Vec::new();
    for index in 0..50 {
        let block = capture.read(&mut packets, 1).unwrap().unwrap();
        // The others are dropped at once.
        if index % 3 == 0 {
            kept.push((index, block, packets[0]));
        }
    }
    assert!(capture.read(&mut packets, 1).unwrap().is_none());
    drop(capture);
    for (index, block, packet) in &kept {
        assert_eq!(packet.data(block), [*index; 40]);
    }
}
