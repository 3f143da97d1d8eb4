// SPDX-License-Identifier: Apache-2.0
//! Octets as a capture file.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Cursor, Read, Write};
use std::path::Path;

use crate::capture::{Capture, CaptureError, CapturedPacket, Numbering};

/// Octets that are read of what a capture unpacks to: a few hundred times the longest input.
const MOST_OCTETS: u64 = 1 << 22;

/// What an error of a capture that is cut inside a compressed frame says.
const CUT: &str = "the file ends inside compressed data";

/// Octets that a packet has in a capture at least.
const RECORD_OCTETS: u64 = 16;

/// Reads the octets as the command reads a capture, from a mapped file and from a stream.
///
/// - No octets make it panic.
/// - Each packet lies in its block, and each batch goes on in the capture.
/// - Mapped and streamed, in batches of different sizes, it has the same packets and the same error;
///   both have one if either finds damaged compression. How much is unpacked before the damage
///   depends on how the octets come.
/// - Memory and time are bounded by libFuzzer's limits (`fuzz/run`).
pub fn captures(octets: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(octets).expect("room for the capture");
    let mapped = Reading::of(Capture::open(file.path()), 256, file.path());
    let reader = Trickle(Cursor::new(octets.to_vec()));
    let streamed = Reading::of(Capture::stream("x".to_owned(), reader), 3, Path::new("x"));
    if mapped.is_damaged() || streamed.is_damaged() {
        assert!(mapped.error.is_some() && streamed.error.is_some());
    } else {
        assert_eq!(mapped, streamed);
    }
}

/// A reader that gives a few octets at a time.
struct Trickle(Cursor<Vec<u8>>);

impl Read for Trickle {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let count = room.len().min(1000);
        self.0.read(&mut room[..count])
    }
}

/// What was read of a capture.
#[derive(Debug, PartialEq, Eq)]
struct Reading {
    /// Of the capture, as far as packets lie in it.
    octets: u64,
    /// A hash of all packets.
    sum: u64,
    error: Option<String>,
}

impl Reading {
    /// Whether the compression is damaged, and not only cut.
    fn is_damaged(&self) -> bool {
        let of = ["gzip: ", "Zstandard: ", "LZ4: "];
        let error = self.error.as_deref().unwrap_or_default();
        of.iter().any(|format| error.contains(format)) && !error.ends_with(CUT)
    }

    fn of(capture: Result<Capture, CaptureError>, limit: usize, name: &Path) -> Self {
        let mut reading = Self {
            octets: 0,
            sum: 0,
            error: None,
        };
        let read = capture.and_then(|mut capture| reading.read(&mut capture, limit));
        let name = name.display().to_string();
        let error = read.err().map(|error| error.to_string());
        reading.error = error.map(|error| error.replacen(&name, "x", 1));
        reading
    }

    fn read(&mut self, capture: &mut Capture, limit: usize) -> Result<(), CaptureError> {
        let mut numbering = Numbering::default();
        let mut packets = Vec::new();
        while let Some(block) = capture.read(&mut packets, limit)? {
            assert!((1..=limit).contains(&packets.len()));
            capture.number_interfaces(&mut packets, &block, &mut numbering);
            for packet in &packets {
                let data = packet.data(&block);
                assert_eq!(data.len(), packet.captured as usize, "outside its block");
                assert!(packet.length >= packet.captured);
                self.add(packet, data);
                if self.octets > MOST_OCTETS {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, packet: &CapturedPacket, data: &[u8]) {
        self.octets += RECORD_OCTETS + data.len() as u64;
        // It does not say where the packet lies in its block.
        let packet = CapturedPacket {
            offset: 0,
            ..*packet
        };
        let mut hasher = DefaultHasher::new();
        (self.sum, data, format!("{packet:?}")).hash(&mut hasher);
        self.sum = hasher.finish();
    }
}
