// SPDX-License-Identifier: Apache-2.0
//! Shows flow records as a table, which is written in blocks.
//!
//! It shows the usual elements of any exporter's flow records, and a dash for an element that a record
//! does not have. Columns never become narrower from block to block. Memory is bounded by one block.

use std::array;
use std::fmt::Display;
use std::io::{self, Write};
use std::net::IpAddr;

use flowmeter::exporting::information_element::*;
use flowmeter::metering::EndReason;
use flowmeter::number::protocol;
use netflow_parser::FieldValue;
use netflow_parser::variable_versions::field_value::DurationValue;

use super::json::ntp_time;
use super::template::Record;
use crate::text;

const COLUMNS: usize = 9;

const HEADINGS: [&str; COLUMNS] = [
    "start (UTC)",
    "seconds",
    "protocol",
    "source",
    "destination",
    unit(PACKET_DELTA_COUNT),
    unit(OCTET_DELTA_COUNT),
    "flags",
    "end reason",
];

/// The columns of numbers, which are aligned to the right.
const NUMBERS: [bool; COLUMNS] = [false, true, false, false, false, true, true, false, false];

/// The number of rows that are aligned with one another.
const BLOCK: usize = 1000;

type Row = [String; COLUMNS];

/// A table under construction.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Row>,
    widths: [usize; COLUMNS],
}

impl Table {
    /// Adds `record`, unless it is an options record.
    pub(super) fn add(&mut self, record: &Record, out: &mut dyn Write) -> io::Result<()> {
        if record.is_options() {
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

    /// Writes the rows that have not been written yet.
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

/// The values of a flow record that a row shows.
#[derive(Default)]
struct Flow {
    /// Milliseconds since the Unix epoch.
    start: Option<u64>,
    /// Milliseconds since the Unix epoch.
    end: Option<u64>,
    protocol: Option<u8>,
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
    fn new(record: &Record) -> Self {
        let mut flow = Self::default();
        for (element, value) in record.fields() {
            if let Some(element) = element.iana {
                flow.add(element, value);
            }
        }
        flow
    }

    fn add(&mut self, element: InformationElement, value: &FieldValue) {
        match element {
            FLOW_START_SECONDS
            | FLOW_START_MILLISECONDS
            | FLOW_START_MICROSECONDS
            | FLOW_START_NANOSECONDS => self.start = time(element, value),
            FLOW_END_SECONDS
            | FLOW_END_MILLISECONDS
            | FLOW_END_MICROSECONDS
            | FLOW_END_NANOSECONDS => self.end = time(element, value),
            PROTOCOL_IDENTIFIER => self.protocol = value.as_u8(),
            ETHERNET_TYPE => self.ether_type = value.as_u16(),
            SOURCE_IPV4_ADDRESS | SOURCE_IPV6_ADDRESS => {
                self.source = ip_address(value).or(self.source);
            }
            DESTINATION_IPV4_ADDRESS | DESTINATION_IPV6_ADDRESS => {
                self.destination = ip_address(value).or(self.destination);
            }
            // An IP flow may also have MAC addresses; the table shows its IP addresses.
            SOURCE_MAC_ADDRESS => self.source = self.source.or(mac_address(value)),
            DESTINATION_MAC_ADDRESS => {
                self.destination = self.destination.or(mac_address(value));
            }
            SOURCE_TRANSPORT_PORT => self.source_port = value.as_u16().unwrap_or(0),
            DESTINATION_TRANSPORT_PORT => {
                self.destination_port = value.as_u16().unwrap_or(0);
            }
            ICMP_TYPE_CODE_IPV4 | ICMP_TYPE_CODE_IPV6 => {
                self.icmp_type_code = value.as_u16().unwrap_or(0);
            }
            PACKET_DELTA_COUNT => self.packets = value.as_u64(),
            OCTET_DELTA_COUNT => self.octets = value.as_u64(),
            // The flags with letters are in the lower octet.
            TCP_CONTROL_BITS => self.tcp_flags = value.as_u16().map(|bits| bits as u8),
            FLOW_END_REASON => self.end_reason = value.as_u8(),
            _ => {}
        }
    }

    fn row(&self) -> Row {
        let (source_port, destination_port) = self.ports();
        let tcp = self.protocol == Some(protocol::TCP);
        [
            or_dash(self.start.map(date_and_time)),
            or_dash(self.start.zip(self.end).map(seconds)),
            self.protocol(),
            endpoint(self.source, source_port),
            endpoint(self.destination, destination_port),
            or_dash(self.packets),
            or_dash(self.octets),
            or_dash(self.tcp_flags.filter(|_| tcp).map(text::tcp_flags)),
            or_dash(self.end_reason.map(end_reason)),
        ]
    }

    /// Returns the protocol's name or number, or the EtherType of a flow that is not IP.
    fn protocol(&self) -> String {
        match self.protocol {
            Some(protocol) => text::protocol(protocol),
            None => or_dash(self.ether_type.map(|number| format!("0x{number:04x}"))),
        }
    }

    /// Returns the text after the addresses: ports, or ICMP's type and code after the destination.
    fn ports(&self) -> (Option<String>, Option<String>) {
        let ports = [self.source_port, self.destination_port];
        match self.protocol {
            Some(number) if protocol::is_icmp(number) => {
                let [kind, code] = self.icmp_type_code.to_be_bytes();
                (None, Some(format!("{kind}/{code}")))
            }
            // Protocols without ports have zeros in their place.
            _ if ports == [0, 0] => (None, None),
            _ => {
                let [source, destination] = ports.map(|port| Some(port.to_string()));
                (source, destination)
            }
        }
    }
}

fn or_dash(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn ip_address(value: &FieldValue) -> Option<Address> {
    IpAddr::try_from(value).ok().map(Address::Ip)
}

fn mac_address(value: &FieldValue) -> Option<Address> {
    match value {
        FieldValue::MacAddr(octets) => Some(Address::Mac(*octets)),
        _ => None,
    }
}

/// The unit of an element's values, or its name if they have none.
const fn unit(element: InformationElement) -> &'static str {
    match element.unit() {
        Some(unit) => unit.name(),
        None => element.name(),
    }
}

/// Returns the milliseconds since the Unix epoch of a dateTime element's value.
fn time(element: InformationElement, value: &FieldValue) -> Option<u64> {
    match (element.data_type(), value) {
        (DataType::DateTimeSeconds, value) => Some(value.as_u64()?.saturating_mul(1000)),
        (
            _,
            FieldValue::Duration(
                DurationValue::MicrosNtp { seconds, fraction }
                | DurationValue::NanosNtp { seconds, fraction },
            ),
        ) => ntp_time(*seconds, *fraction, 1000).try_into().ok(),
        (_, value) => value.as_u64(),
    }
}

/// Formats milliseconds since the Unix epoch as in RFC 3339.
fn date_and_time(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    let (year, month, day) = date(seconds / 86400);
    let (seconds, fraction) = (seconds % 60, milliseconds % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{fraction:03}Z")
}

/// Returns year, month and day, `days` after 1970-01-01 in the Gregorian calendar. Years are counted
/// from March, so that a leap day is the last one: Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

fn seconds((start, end): (u64, u64)) -> String {
    let sign = if end < start { "-" } else { "" };
    let milliseconds = end.abs_diff(start);
    format!("{sign}{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

fn endpoint(address: Option<Address>, port: Option<String>) -> String {
    match (address, port) {
        (Some(Address::Ip(IpAddr::V6(address))), Some(port)) => format!("[{address}]:{port}"),
        (Some(Address::Ip(address)), Some(port)) => format!("{address}:{port}"),
        (Some(Address::Ip(address)), None) => address.to_string(),
        (Some(Address::Mac(address)), _) => text::ethernet_address(address),
        (None, port) => or_dash(port),
    }
}

fn end_reason(number: u8) -> String {
    let known = EndReason::ALL
        .into_iter()
        .find(|reason| *reason as u8 == number);
    known.map_or_else(
        || number.to_string(),
        |reason| reason.name().replace('_', " "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_gregorian_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (951_868_800, "2000-03-01T00:00:00"),
            (1_714_564_800, "2024-05-01T12:00:00"),
            (4_107_542_399, "2100-02-28T23:59:59"),
            (4_107_542_400, "2100-03-01T00:00:00"),
        ] {
            assert_eq!(date_and_time(seconds * 1000 + 7), format!("{text}.007Z"));
        }
        assert!(date_and_time(u64::MAX).starts_with("584556019-04-03T"));
    }
}
