// SPDX-License-Identifier: Apache-2.0
//! A small host of the engine: meters a capture file (pcap) and sends its flows to a collector.
//!
//! ```text
//! cargo run --example meter -- examples/http.pcap 127.0.0.1:4739
//! ```
//!
//! It has what each host has: packets with their times, a transport, and the calls in order. It
//! reads Ethernet captures in this machine's byte order with microseconds only, and trusts the
//! collector to be there; the command `flowmeter` reads all kinds and counts what is lost.

use std::error::Error;
use std::net::UdpSocket;

use flowmeter::exporting::{ExportingProcess, Message, Transport};
use flowmeter::metering::{Configuration, Flush, MeteringProcess, Seed, Swept};
use flowmeter::observation::ObservationDomainId;
use flowmeter::packet::Packet;
use flowmeter::time::{Timestamp, Uptime};

/// A message is one datagram.
struct Collector(UdpSocket);

impl Transport for Collector {
    type Buffer = Vec<u8>;

    fn buffer(&mut self) -> Option<Vec<u8>> {
        // Fits the path to nearly any collector (RFC 7011 §10.3.3).
        Some(vec![0; 1400])
    }

    fn send(&mut self, message: Message<Vec<u8>>) {
        if let Err(error) = self.0.send(&message.buffer[..message.length]) {
            eprintln!("{} records lost: {error}", message.flow_records);
        }
    }
}

/// The octets of a file's header, of a packet's, and where a packet's has its fields.
const FILE_HEADER: usize = 24;
const PACKET_HEADER: usize = 16;

/// A packet's time in milliseconds, its length on the wire and its data; and what follows it.
fn next_packet(octets: &[u8]) -> Option<(u64, u32, &[u8], &[u8])> {
    let (header, rest) = octets.split_at_checked(PACKET_HEADER)?;
    let field = |at: usize| {
        u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let time = u64::from(field(0)) * 1000 + u64::from(field(4)) / 1000;
    let (data, rest) = rest.split_at_checked(field(8) as usize)?;
    Some((time, field(12), data, rest))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(collector)) = (arguments.next(), arguments.next()) else {
        return Err("usage: meter FILE.pcap HOST:PORT".into());
    };
    let capture = std::fs::read(&file)?;
    if capture.get(..4) != Some(&0xa1b2_c3d4_u32.to_ne_bytes()) || capture.len() < FILE_HEADER {
        return Err(format!("{file}: not a pcap file with microseconds").into());
    }
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(&collector)?;

    let mut metering = MeteringProcess::new(&Configuration::new(100_000, Seed::random()?))?;
    let mut exporting = ExportingProcess::new(Collector(socket), ObservationDomainId(1));
    let mut rest = &capture[FILE_HEADER..];
    let (mut first, mut latest) = (None, 0);
    let mut uptime = Uptime::default();
    // A host that receives packets passes all of one poll at once: that is much faster.
    while let Some((time, length, data, behind)) = next_packet(rest) {
        rest = behind;
        // Uptime never steps back.
        latest = time.max(latest);
        uptime = Uptime::from_millis((latest - *first.get_or_insert(time)) as u32);
        let time = Timestamp::from_millis(time);
        exporting.tick(time, uptime);
        let packet = Packet {
            data,
            time,
            uptime,
            length,
            ..Packet::default()
        };
        metering.observe(&[packet][..], &mut exporting);
        metering.expire(uptime, 1000, &mut exporting);
    }
    let mut flush = Flush::default();
    while metering.flush(&mut flush, uptime, 1000, |_| true, &mut exporting) == Swept::More {}
    exporting.flush();

    let statistics = metering.statistics();
    println!(
        "{} packets, {} flows, {} ignored",
        statistics.observed.packets,
        statistics.flows,
        statistics.ignored().packets
    );
    Ok(())
}
