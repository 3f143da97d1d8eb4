// SPDX-License-Identifier: Apache-2.0
//! Inputs to begin with, made of capture files.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use flate2::write::GzEncoder;
use flowmeter::exporting::{ExportingProcess, Message, Transport};
use flowmeter::metering::{Configuration, Export, Seed};
use flowmeter::observation::{LinkType, ObservationDomainId, ObservationPoint};
use flowmeter::packet::Packet;
use flowmeter::time::Uptime;
use lz4_flex::frame::FrameEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::capture::Capture;
use crate::meter::{ExportRefused, FlowKey, FlowRecord, Meter};

/// Octets of the longest seed; longer ones are cut, which is worth fuzzing too.
const MOST_OCTETS: usize = 8 * 1024;

/// Packets of each capture.
const PACKETS: usize = 20;

/// Captures that are compressed as well.
const COMPRESSED: usize = 30;

/// Where seeds are written.
pub struct Seeds<'a> {
    folder: &'a Path,
    captures: usize,
}

impl<'a> Seeds<'a> {
    /// Seeds in folders of this one, by target.
    ///
    /// # Errors
    /// Where they can't be made.
    pub fn new(folder: &'a Path) -> io::Result<Self> {
        for target in ["packets", "engine", "captures", "dump"] {
            fs::create_dir_all(folder.join(target))?;
        }
        Ok(Self {
            folder,
            captures: 0,
        })
    }

    /// Makes seeds of the file `path`.
    ///
    /// # Errors
    /// Where it can't be read, or they not be written. A capture that is damaged is a seed.
    pub fn add(&mut self, path: &Path) -> io::Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let octets = fs::read(path)?;
        if path
            .extension()
            .is_some_and(|extension| extension == "ipfix")
        {
            return self.write("dump", &name, &octets);
        }
        self.write("captures", &name, &octets)?;
        self.captures += 1;
        if self.captures <= COMPRESSED {
            self.compress(&name, &octets[..octets.len().min(MOST_OCTETS)])?;
        }
        let Ok(mut capture) = Capture::open(path) else {
            return Ok(());
        };
        let mut packets = Vec::new();
        let Ok(Some(block)) = capture.read(&mut packets, PACKETS) else {
            return Ok(());
        };
        let packets: Vec<_> = packets
            .iter()
            .map(|packet| Packet {
                data: packet.data(&block),
                point: ObservationPoint {
                    link_type: packet.link_type,
                    ..ObservationPoint::default()
                },
                time: packet.time,
                uptime: Uptime::from_millis(packet.time.as_millis() as u32),
                length: packet.length,
                segment_size: 0,
            })
            .collect();
        for (number, packet) in packets.iter().enumerate().step_by(PACKETS / 3) {
            self.write("packets", &format!("{name}-{number}"), &one(packet))?;
        }
        self.write("engine", &name, &calls(&packets))?;
        self.write("dump", &name, &ipfix(&packets)?)
    }

    fn compress(&self, name: &str, octets: &[u8]) -> io::Result<()> {
        let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(octets)?;
        self.write("captures", &format!("{name}.gz"), &gzip.finish()?)?;
        let mut lz4 = FrameEncoder::new(Vec::new());
        lz4.write_all(octets)?;
        let lz4 = lz4.finish().map_err(io::Error::other)?;
        self.write("captures", &format!("{name}.lz4"), &lz4)?;
        let zstandard = compress_to_vec(octets, CompressionLevel::Fastest);
        self.write("captures", &format!("{name}.zst"), &zstandard)
    }

    fn write(&self, target: &str, name: &str, octets: &[u8]) -> io::Result<()> {
        let octets = &octets[..octets.len().min(MOST_OCTETS)];
        fs::write(self.folder.join(target).join(name), octets)
    }
}

fn link_number(packet: &Packet<'_>) -> u8 {
    let mut all = LinkType::ALL.iter();
    let number = all.position(|link_type| *link_type == packet.point.link_type);
    number.unwrap_or_default() as u8
}

/// An input of `packets`.
fn one(packet: &Packet<'_>) -> Vec<u8> {
    let mut octets = vec![link_number(packet)];
    octets.extend(packet.length.to_le_bytes());
    octets.extend([0, 0, 0, 0, 7]);
    octets.extend(packet.data);
    octets
}

/// An input of `engine`: all families, timeouts of 60 and 15 seconds or so, and the packets, raw,
/// each with 32 milliseconds after the one before.
fn calls(packets: &[Packet<'_>]) -> Vec<u8> {
    let mut octets = vec![1, 0, 20, 7];
    octets.extend(0x0ea6_u16.to_le_bytes());
    octets.extend(0x03a6_u16.to_le_bytes());
    for packets in packets.chunks(4) {
        octets.extend([5, packets.len() as u8]);
        for packet in packets {
            let data = packet.data.get(..255).unwrap_or(packet.data);
            let beyond = packet.length as usize - data.len();
            octets.push(link_number(packet));
            octets.extend((beyond as u16).to_le_bytes());
            octets.push(data.len() as u8);
            octets.extend(data);
            octets.push(4);
        }
        octets.push(13);
    }
    octets
}

/// What the engine exports of `packets`.
fn ipfix(packets: &[Packet<'_>]) -> io::Result<Vec<u8>> {
    let mut configuration = Configuration::new(PACKETS, Seed::fixed([1, 2, 3, 4, 5, 6]));
    configuration.l2 = true;
    let mut meter = Meter::new(&configuration, None).map_err(io::Error::other)?;
    let mut exporter = Exporter(ExportingProcess::new(
        File(Vec::new()),
        ObservationDomainId(1),
    ));
    meter.observe(packets, &mut exporter);
    meter.finish(Uptime::default(), &mut exporter);
    exporter.0.flush();
    Ok(std::mem::take(&mut exporter.0.transport().0))
}

/// Messages one after the other.
struct File(Vec<u8>);

impl Transport for File {
    type Buffer = Vec<u8>;

    fn buffer(&mut self) -> Option<Vec<u8>> {
        Some(vec![0; 1400])
    }

    fn send(&mut self, message: Message<Vec<u8>>) {
        self.0.extend(&message.buffer[..message.length]);
    }
}

struct Exporter(ExportingProcess<File>);

impl<K: FlowKey> Export<K> for Exporter
where
    ExportingProcess<File>: Export<K>,
{
    fn export(&mut self, record: &FlowRecord<K>) -> Result<(), ExportRefused> {
        self.0.export(record)
    }
}
