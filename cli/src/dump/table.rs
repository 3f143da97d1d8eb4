// SPDX-License-Identifier: Apache-2.0
//! Flow records as a table for people, written in blocks.
//!
//! It shows what a flow record of any exporter may have and leaves out the rest; a dash
//! stands for what a record has not. Columns grow from block to block and never shrink, and
//! no more than one block is held.

use std::array;
use std::fmt::Display;
use std::io::{self, Write};
use std::net::IpAddr;

use chrono::{DateTime, SecondsFormat, Utc};
use flowmeter::metering::EndReason;
use netgauze_flow_pkt::ie::{Field, protocolIdentifier};
use netgauze_flow_pkt::ipfix::DataRecord;

use super::json::mac_address;
use super::records::is_options;

const COLUMNS: usize = 9;

const HEADINGS: [&str; COLUMNS] = [
    "start (UTC)",
    "seconds",
    "protocol",
    "source",
    "destination",
    "packets",
    "octets",
    "flags",
    "end reason",
];

/// Columns of numbers, which stand at the right.
const NUMBERS: [bool; COLUMNS] = [false, true, false, false, false, true, true, false, false];

/// Rows that are aligned with one another.
const BLOCK: usize = 1000;

type Row = [String; COLUMNS];

/// A table under construction.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Row>,
    widths: [usize; COLUMNS],
}

impl Table {
    /// Adds `record`, if it is one of a flow.
    pub(super) fn add(&mut self, record: &DataRecord, out: &mut dyn Write) -> io::Result<()> {
        if is_options(record) {
            return Ok(());
        }
        if self.widths == [0; COLUMNS] {
            self.push(HEADINGS.map(str::to_owned));
        }
        self.push(Flow::new(record).row());
        if self.rows.len() >= BLOCK {
            self.finish(out)?;
        }
        Ok(())
    }

    /// Writes what has not been written yet.
    pub(super) fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        for row in self.rows.drain(..) {
            let mut line = String::new();
            for ((cell, width), number) in row.iter().zip(self.widths).zip(NUMBERS) {
                line += &if number {
                    format!("{cell:>width$}  ")
                } else {
                    format!("{cell:<width$}  ")
                };
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    fn push(&mut self, row: Row) {
        self.widths = array::from_fn(|column| self.widths[column].max(row[column].len()));
        self.rows.push(row);
    }
}

/// What a row shows of a flow record.
#[derive(Default)]
struct Flow {
    start: Option<DateTime<Utc>>,
    end: Option<DateTime<Utc>>,
    protocol: Option<protocolIdentifier>,
    ether_type: Option<u16>,
    source: Option<Address>,
    destination: Option<Address>,
    source_port: u16,
    destination_port: u16,
    icmp_type_code: u16,
    packets: Option<u64>,
    octets: Option<u64>,
    tcp_flags: Option<u8>,
    end_reason: Option<u8>,
}

#[derive(Clone, Copy)]
enum Address {
    Ip(IpAddr),
    Mac([u8; 6]),
}

impl Flow {
    fn new(record: &DataRecord) -> Self {
        let mut flow = Self::default();
        for field in record.fields() {
            flow.add(field);
        }
        flow
    }

    fn add(&mut self, field: &Field) {
        match field {
            Field::flowStartMilliseconds(time) | Field::flowStartSeconds(time) => {
                self.start = Some(*time);
            }
            Field::flowEndMilliseconds(time) | Field::flowEndSeconds(time) => {
                self.end = Some(*time);
            }
            Field::protocolIdentifier(protocol) => self.protocol = Some(*protocol),
            Field::ethernetType(ether_type) => self.ether_type = Some(*ether_type),
            Field::sourceIPv4Address(address) => self.source = Some(Address::Ip((*address).into())),
            Field::sourceIPv6Address(address) => self.source = Some(Address::Ip((*address).into())),
            Field::destinationIPv4Address(address) => {
                self.destination = Some(Address::Ip((*address).into()));
            }
            Field::destinationIPv6Address(address) => {
                self.destination = Some(Address::Ip((*address).into()));
            }
            // An IP flow may have them too, and is told by its IP addresses.
            Field::sourceMacAddress(address) => {
                self.source.get_or_insert(Address::Mac(*address));
            }
            Field::destinationMacAddress(address) => {
                self.destination.get_or_insert(Address::Mac(*address));
            }
            Field::sourceTransportPort(port) => self.source_port = *port,
            Field::destinationTransportPort(port) => self.destination_port = *port,
            Field::icmpTypeCodeIPv4(type_code) | Field::icmpTypeCodeIPv6(type_code) => {
                self.icmp_type_code = *type_code;
            }
            Field::packetDeltaCount(packets) => self.packets = Some(*packets),
            Field::octetDeltaCount(octets) => self.octets = Some(*octets),
            Field::tcpControlBits(flags) => self.tcp_flags = Some(u8::from(*flags)),
            Field::flowEndReason(reason) => self.end_reason = Some(u8::from(*reason)),
            _ => {}
        }
    }

    fn row(&self) -> Row {
        let (source_port, destination_port) = self.ports();
        [
            or_dash(
                self.start
                    .map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true)),
            ),
            or_dash(self.start.zip(self.end).map(seconds)),
            self.protocol(),
            endpoint(self.source, source_port),
            endpoint(self.destination, destination_port),
            or_dash(self.packets),
            or_dash(self.octets),
            or_dash(self.tcp_flags()),
            or_dash(self.end_reason.map(end_reason)),
        ]
    }

    /// The name of the protocol, or its number; of a flow that is not IP, its EtherType.
    fn protocol(&self) -> String {
        match (self.protocol, self.ether_type) {
            (Some(protocolIdentifier::Unassigned(number)), _) => number.to_string(),
            (Some(protocol), _) => protocol.to_string(),
            (None, ether_type) => or_dash(ether_type.map(|number| format!("0x{number:04x}"))),
        }
    }

    /// What follows the addresses: ports, or behind the destination ICMP's type and code.
    fn ports(&self) -> (Option<String>, Option<String>) {
        let ports = [self.source_port, self.destination_port];
        match self.protocol {
            Some(protocolIdentifier::ICMP | protocolIdentifier::IPv6ICMP) => {
                let [kind, code] = self.icmp_type_code.to_be_bytes();
                (None, Some(format!("{kind}/{code}")))
            }
            // Other protocols have no ports, and zeros in their place.
            _ if ports == [0, 0] => (None, None),
            _ => {
                let [source, destination] = ports.map(|port| Some(port.to_string()));
                (source, destination)
            }
        }
    }

    /// Letters in the order of the header's bits (RFC 9293 §3.1), a dot for each not seen.
    fn tcp_flags(&self) -> Option<String> {
        const LETTERS: &str = "CEUAPRSF";
        let flags = self.tcp_flags?;
        if self.protocol != Some(protocolIdentifier::TCP) {
            return None;
        }
        let seen = |bit: usize| flags & (0x80 >> bit) != 0;
        let letters = LETTERS.chars().enumerate();
        Some(
            letters
                .map(|(bit, letter)| if seen(bit) { letter } else { '.' })
                .collect(),
        )
    }
}

fn or_dash(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn seconds((start, end): (DateTime<Utc>, DateTime<Utc>)) -> String {
    let milliseconds = end
        .timestamp_millis()
        .saturating_sub(start.timestamp_millis());
    let sign = if milliseconds < 0 { "-" } else { "" };
    let milliseconds = milliseconds.unsigned_abs();
    format!("{sign}{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

fn endpoint(address: Option<Address>, port: Option<String>) -> String {
    match (address, port) {
        (Some(Address::Ip(IpAddr::V6(address))), Some(port)) => format!("[{address}]:{port}"),
        (Some(Address::Ip(address)), Some(port)) => format!("{address}:{port}"),
        (Some(Address::Ip(address)), None) => address.to_string(),
        (Some(Address::Mac(address)), _) => mac_address(&address),
        (None, port) => or_dash(port),
    }
}

fn end_reason(number: u8) -> String {
    let known = EndReason::ALL
        .into_iter()
        .find(|reason| *reason as u8 == number);
    known.map_or_else(|| number.to_string(), |reason| reason.name().to_owned())
}
