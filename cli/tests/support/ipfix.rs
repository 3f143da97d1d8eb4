// SPDX-License-Identifier: Apache-2.0
//! A strict decoder of IPFIX messages.
//!
//! It decodes the structure itself, as libraries accept padding, empty sets and trailing octets, and
//! checks that a library finds the same records.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::flows::{Flows, ICMP, ICMPV6, Key, Tally};
use super::second_decoder::SecondDecoder;

/// The lengths of a message header and a set header (RFC 7011 §3.1, §3.3.2).
const HEADER: usize = 16;
const SET_HEADER: usize = 4;

/// The default `--path-mtu` minus the headers of IPv4 and UDP.
pub(crate) const DEFAULT_LIMIT: usize = 1400 - 28;

/// The transport of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Datagrams, where templates are repeated.
    Datagrams,
    /// A connection or file, where they are not.
    Stream,
}

/// A Data Record: the octets of its fields by element number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) domain: u32,
    pub(crate) template: u16,
    pub(crate) is_options: bool,
    /// The whole record.
    pub(crate) octets: Vec<u8>,
    fields: BTreeMap<u16, Vec<u8>>,
}

/// The decoder and its state.
pub(crate) struct Decoder {
    way: Way,
    limit: usize,
    domains: BTreeMap<u32, Domain>,
    pub(crate) messages: u64,
    /// Whether to check that export times never step back.
    pub(crate) times_ascend: bool,
}

#[derive(Default)]
struct Domain {
    templates: BTreeMap<u16, Template>,
    second: SecondDecoder,
    /// Data Records so far (RFC 7011 §3.1).
    sequence: u32,
    export_time: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Template {
    scope_fields: u16,
    /// Element number and octets.
    fields: Vec<(u16, u16)>,
}

impl Decoder {
    /// Creates a decoder of messages that have at most `limit` octets.
    pub(crate) fn new(way: Way, limit: usize) -> Self {
        Self {
            way,
            limit,
            domains: BTreeMap::new(),
            messages: 0,
            times_ascend: true,
        }
    }

    /// Decodes a sequence of messages, which fills `octets`.
    pub(crate) fn read_stream(&mut self, mut octets: &[u8]) -> Vec<Record> {
        let mut records = Vec::new();
        while !octets.is_empty() {
            assert!(
                octets.len() >= HEADER,
                "{} octets after the last message",
                octets.len()
            );
            let (message, rest) = octets.split_at(usize::from(u16_at(octets, 2)));
            records.extend(self.read(message));
            octets = rest;
        }
        records
    }

    /// Decodes one message.
    pub(crate) fn read(&mut self, message: &[u8]) -> Vec<Record> {
        assert!(message.len() > HEADER, "a message without a set");
        assert!(
            message.len() <= self.limit,
            "{} > {}",
            message.len(),
            self.limit
        );
        assert_eq!(u16_at(message, 0), 10, "the version");
        assert_eq!(usize::from(u16_at(message, 2)), message.len(), "the length");
        self.messages += 1;
        let number = u32_at(message, 12);
        let domain = self.domains.entry(number).or_default();
        let export_time = u32_at(message, 4);
        let steps_back = export_time < domain.export_time;
        assert!(!(self.times_ascend && steps_back), "export time steps back");
        domain.export_time = export_time;
        assert_eq!(u32_at(message, 8), domain.sequence, "the sequence number");

        let mut records = Vec::new();
        let mut sets = &message[HEADER..];
        while !sets.is_empty() {
            let (id, length) = (u16_at(sets, 0), usize::from(u16_at(sets, 2)));
            assert!(length > SET_HEADER, "set {id} is empty");
            let (set, rest) = sets.split_at(length);
            match id {
                2 | 3 => domain.learn(&set[SET_HEADER..], id == 3, self.way),
                256.. => domain.read_data(number, id, &set[SET_HEADER..], &mut records),
                _ => panic!("set id {id}"),
            }
            sets = rest;
        }
        domain.sequence = domain.sequence.wrapping_add(records.len() as u32);
        let octets: Vec<_> = records.iter().map(|record| record.octets.clone()).collect();
        assert_eq!(
            domain.second.read(message),
            octets,
            "as netflow_parser reads"
        );
        records
    }
}

/// Returns the flow records of a file, each with the export time of its message.
pub(crate) fn exported_at(octets: &[u8]) -> Vec<(u32, Record)> {
    let mut decoder = Decoder::new(Way::Stream, DEFAULT_LIMIT);
    let mut records = Vec::new();
    let mut rest = octets;
    while !rest.is_empty() {
        let (message, behind) = rest.split_at(usize::from(u16_at(rest, 2)));
        let time = u32_at(message, 4);
        let read = decoder.read(message).into_iter();
        let flows = read.filter(|record| !record.is_options);
        records.extend(flows.map(|record| (time, record)));
        rest = behind;
    }
    records
}

impl Domain {
    /// Decodes the templates of a set without padding.
    fn learn(&mut self, mut octets: &[u8], is_options: bool, way: Way) {
        while !octets.is_empty() {
            let (id, count) = (u16_at(octets, 0), usize::from(u16_at(octets, 2)));
            assert!(id >= 256 && count > 0, "template {id} of {count} fields");
            let mut start = 4;
            let mut scope_fields = 0;
            if is_options {
                scope_fields = u16_at(octets, 4);
                assert!(scope_fields > 0, "options template {id} has no scope");
                start = 6;
            }
            let (fields, rest) = octets[start..].split_at(4 * count);
            let fields = fields.chunks_exact(4).map(|field| {
                let (element, length) = (u16_at(field, 0), u16_at(field, 2));
                // Some collectors fail on enterprise elements and variable lengths.
                assert!(element > 0 && element < 0x8000, "element {element}");
                assert!(
                    length > 0 && length < 0xffff,
                    "{length} octets of {element}"
                );
                (element, length)
            });
            let template = Template {
                scope_fields,
                fields: fields.collect(),
            };
            if let Some(earlier) = self.templates.insert(id, template.clone()) {
                assert_eq!(way, Way::Datagrams, "template {id} is repeated in a stream");
                assert_eq!(earlier, template, "template {id} has changed");
            }
            octets = rest;
        }
    }

    /// Decodes the records of a set without padding.
    fn read_data(&self, domain: u32, id: u16, mut octets: &[u8], records: &mut Vec<Record>) {
        let template = self.templates.get(&id);
        let template = template.unwrap_or_else(|| panic!("data of {id} before its template"));
        while !octets.is_empty() {
            let mut fields = BTreeMap::new();
            let record = octets;
            for &(element, length) in &template.fields {
                let (value, rest) = octets.split_at(length.into());
                fields.insert(element, value.to_vec());
                octets = rest;
            }
            records.push(Record {
                domain,
                template: id,
                is_options: template.scope_fields > 0,
                octets: record[..record.len() - octets.len()].to_vec(),
                fields,
            });
        }
    }
}

impl Record {
    /// Returns the number in a field of up to 8 octets.
    #[track_caller]
    pub(crate) fn number(&self, element: u16) -> u64 {
        let octets = self.fields.get(&element);
        let octets = octets.unwrap_or_else(|| panic!("no element {element}: {self:?}"));
        assert!(
            octets.len() <= 8,
            "element {element} is no number: {self:?}"
        );
        octets
            .iter()
            .fold(0, |number, octet| number << 8 | u64::from(*octet))
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally {
            packets: self.number(2),
            octets: self.number(1),
        }
    }

    /// Returns the key of an IP flow record.
    pub(crate) fn key(&self) -> Option<Key> {
        let (source, destination, icmp, type_code) = match self.template {
            256 => (8, 12, ICMP, 32),
            257 => (27, 28, ICMPV6, 139),
            _ => return None,
        };
        let protocol = self.number(4) as u8;
        let port = if protocol == icmp { type_code } else { 11 };
        Some(Key {
            source: self.address(source),
            destination: self.address(destination),
            protocol,
            source_port: self.number(7) as u16,
            destination_port: self.number(port) as u16,
            vlan: self.number(58) as u16,
            interface: self.number(10) as u32,
        })
    }

    fn address(&self, element: u16) -> IpAddr {
        let octets = self.fields[&element].as_slice();
        if let Ok(octets) = <[u8; 4]>::try_from(octets) {
            return octets.into();
        }
        <[u8; 16]>::try_from(octets).expect("an address").into()
    }
}

/// Returns the IP flows of these records.
pub(crate) fn flows(records: &[Record]) -> Flows {
    let mut flows = Flows::default();
    for record in records {
        if let Some(key) = record.key() {
            flows.add(key, record.tally());
        }
    }
    flows
}

/// Returns packets and octets of all flow records, also those that are not IP.
pub(crate) fn total(records: &[Record]) -> Tally {
    let mut total = Tally::default();
    for record in records.iter().filter(|record| !record.is_options) {
        total += record.tally();
    }
    total
}

fn u16_at(octets: &[u8], offset: usize) -> u16 {
    u16::from_be_bytes([octets[offset], octets[offset + 1]])
}

fn u32_at(octets: &[u8], offset: usize) -> u32 {
    u32::from(u16_at(octets, offset)) << 16 | u32::from(u16_at(octets, offset + 2))
}
