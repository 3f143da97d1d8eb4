// SPDX-License-Identifier: Apache-2.0
//! Messages taken apart by hand (RFC 7011 §3), strictly: any deviation is a panic.

use std::collections::HashMap;

use flowmeter::exporting::{Message, MessageKind, Transport};

/// Keeps messages; gives a limited number of buffers.
pub(crate) struct Wire {
    pub(crate) buffer_octets: usize,
    pub(crate) buffers: usize,
    pub(crate) messages: Vec<(MessageKind, Vec<u8>)>,
}

impl Wire {
    pub(crate) fn new(buffer_octets: usize) -> Self {
        Self {
            buffer_octets,
            buffers: usize::MAX,
            messages: Vec::new(),
        }
    }
}

impl Transport for Wire {
    type Buffer = Vec<u8>;

    fn buffer(&mut self) -> Option<Vec<u8>> {
        self.buffers = self.buffers.checked_sub(1)?;
        // Not zeroed: nothing may rely on it.
        Some(vec![0xa5; self.buffer_octets])
    }

    fn send(&mut self, message: Message<Vec<u8>>) {
        assert!(message.length <= self.buffer_octets);
        let octets = message.buffer[..message.length].to_vec();
        self.messages.push((message.kind, octets));
    }
}

/// A message's header and sets.
pub(crate) struct Taken {
    pub(crate) sequence: u32,
    pub(crate) domain: u32,
    pub(crate) export_time: u32,
    pub(crate) sets: Vec<(u16, Vec<u8>)>,
}

pub(crate) fn u16_at(octets: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(octets[at..at + 2].try_into().unwrap())
}

pub(crate) fn u32_at(octets: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(octets[at..at + 4].try_into().unwrap())
}

/// Takes one message apart.
pub(crate) fn take(message: &[u8]) -> Taken {
    assert_eq!(u16_at(message, 0), 10, "version");
    assert_eq!(usize::from(u16_at(message, 2)), message.len(), "length");
    let mut sets = Vec::new();
    let mut rest = &message[16..];
    while !rest.is_empty() {
        let length = usize::from(u16_at(rest, 2));
        assert!(length > 4, "no empty set");
        sets.push((u16_at(rest, 0), rest[4..length].to_vec()));
        rest = &rest[length..];
    }
    assert!(!sets.is_empty(), "no empty message");
    Taken {
        export_time: u32_at(message, 4),
        sequence: u32_at(message, 8),
        domain: u32_at(message, 12),
        sets,
    }
}

/// A template as it was announced: whether an options template, and its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) scope_fields: u16,
    pub(crate) fields: Vec<(u16, u16)>,
}

/// A Data Record: its template's id and the octets of each element.
pub(crate) type Record = (u16, HashMap<u16, Vec<u8>>);

/// Reads messages in order, as a collector does.
#[derive(Default)]
pub(crate) struct Collector {
    pub(crate) templates: HashMap<u16, Announced>,
    pub(crate) records: Vec<Record>,
    data_records: HashMap<u32, u32>,
}

impl Collector {
    /// Reads one message and checks its sequence number (RFC 7011 §3.1).
    pub(crate) fn read(&mut self, message: &[u8]) {
        let taken = take(message);
        let expected = *self.data_records.entry(taken.domain).or_default();
        assert_eq!(taken.sequence, expected, "Data Records sent before");
        let before = self.records.len();
        for (id, octets) in &taken.sets {
            match id {
                2 => self.read_templates(octets, false),
                3 => self.read_templates(octets, true),
                256.. => self.read_data(*id, octets),
                _ => panic!("set id {id}"),
            }
        }
        let records = (self.records.len() - before) as u32;
        self.data_records.insert(taken.domain, expected + records);
    }

    fn read_templates(&mut self, mut octets: &[u8], options: bool) {
        while !octets.is_empty() {
            let (id, count) = (u16_at(octets, 0), usize::from(u16_at(octets, 2)));
            assert!(id >= 256 && count > 0, "no withdrawal");
            let scope_fields = if options { u16_at(octets, 4) } else { 0 };
            let start = if options { 6 } else { 4 };
            let fields = (0..count)
                .map(|field| {
                    let at = start + 4 * field;
                    (u16_at(octets, at), u16_at(octets, at + 2))
                })
                .collect();
            octets = &octets[start + 4 * count..];
            let announced = Announced {
                scope_fields,
                fields,
            };
            let before = self.templates.insert(id, announced.clone());
            assert!(
                before.is_none_or(|before| before == announced),
                "ids are constant"
            );
            assert!(
                !options || octets.is_empty(),
                "one options template in a set"
            );
        }
    }

    fn read_data(&mut self, id: u16, mut octets: &[u8]) {
        let template = self
            .templates
            .get(&id)
            .expect("a template precedes its data");
        while !octets.is_empty() {
            let mut record = HashMap::new();
            for &(element, length) in &template.fields {
                // Padding would fail here: no record is as short as padding may be.
                let (value, rest) = octets.split_at(length.into());
                record.insert(element, value.to_vec());
                octets = rest;
            }
            self.records.push((id, record));
        }
    }
}

/// An unsigned number of any length.
pub(crate) fn number(octets: &[u8]) -> u64 {
    octets
        .iter()
        .fold(0, |number, octet| number << 8 | u64::from(*octet))
}
