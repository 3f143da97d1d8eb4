// SPDX-License-Identifier: Apache-2.0
//! The records of a file, one after the other.
//!
//! It reads message headers, keeps each observation domain's templates and follows its
//! sequence numbers; what is in a set it leaves to netgauze. It holds one message at a time,
//! and of templates no more than the limits below.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Read;
use std::vec;

use netgauze_flow_pkt::FieldSpecifier;
use netgauze_flow_pkt::ie::Field;
use netgauze_flow_pkt::ipfix::{DataRecord, IPFIX_VERSION, Set, TemplatesMap};
use netgauze_flow_pkt::wire::deserializer::ipfix::{IPFIX_HEADER_LENGTH, SetParsingError};
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput;

use super::error::Problem;

/// Octets of a message header.
const HEADER: usize = IPFIX_HEADER_LENGTH as usize;

/// Where a message header's fields are (RFC 7011 §3.1).
mod field {
    pub(super) const VERSION: usize = 0;
    pub(super) const LENGTH: usize = 2;
    pub(super) const SEQUENCE: usize = 8;
    pub(super) const DOMAIN: usize = 12;
}

/// Fields that all templates together may have, where each template counts as one more:
/// some 30 megabytes, and a thousand times what any exporter announces.
pub(super) const TEMPLATE_FIELDS: usize = 1 << 18;

/// Observation domains; a router has one for each line card, we have one for each worker.
pub(super) const DOMAINS: usize = 1 << 12;

/// The records of a file, and what is wrong with it: after the first place that cannot be
/// read there are no more records. What is missing in the sequences comes last.
pub(super) struct Records<R> {
    reader: R,
    message: Vec<u8>,
    /// Where the message begins in the file.
    offset: u64,
    /// Where the next set begins in the message.
    position: usize,
    /// The message's domain.
    domain: u32,
    domains: BTreeMap<u32, Domain>,
    /// What counts towards [`TEMPLATE_FIELDS`].
    template_fields: usize,
    /// The records of a set.
    records: vec::IntoIter<DataRecord>,
    /// What the sequences say, once nothing more is read.
    gaps: Option<vec::IntoIter<Problem>>,
    counts: Counts,
}

/// What is known of an observation domain.
#[derive(Default)]
struct Domain {
    templates: TemplatesMap,
    /// What each template counts towards [`TEMPLATE_FIELDS`].
    template_fields: HashMap<u16, usize>,
    /// The next message's sequence number; the first one's may be any.
    sequence: Option<u32>,
    missing: u64,
    missing_places: u64,
    missing_offset: u64,
    steps_back: Option<u64>,
}

/// What has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) messages: u64,
    /// Each once, however often it is repeated.
    pub(super) templates: u64,
    pub(super) flow_records: u64,
    pub(super) options_records: u64,
    /// Of the flow records.
    pub(super) packets: u64,
    /// Of the flow records.
    pub(super) octets: u64,
}

impl<R: Read> Records<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            message: Vec::new(),
            offset: 0,
            position: 0,
            domain: 0,
            domains: BTreeMap::new(),
            template_fields: 0,
            records: Vec::new().into_iter(),
            gaps: None,
            counts: Counts::default(),
        }
    }

    /// What has been read so far.
    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Reads the next set, or the next message where this one is used up; `false` at the end
    /// of the file.
    fn advance(&mut self) -> Result<bool, Problem> {
        if self.position < self.message.len() {
            self.read_set().map(|()| true)
        } else {
            self.read_message()
        }
    }

    fn read_message(&mut self) -> Result<bool, Problem> {
        self.offset += self.message.len() as u64;
        self.message.clear();
        self.position = 0;
        let offset = self.offset;

        self.fill(HEADER)?;
        if self.message.is_empty() {
            return if offset == 0 {
                Err(Problem::Empty)
            } else {
                Ok(false)
            };
        }
        // First of all, so that a short file of another kind is told what it is.
        let version = array_at(&self.message, field::VERSION).map(u16::from_be_bytes);
        if let Some(version) = version.filter(|version| *version != IPFIX_VERSION) {
            return Err(Problem::Version { offset, version });
        }
        let length = array_at(&self.message, field::LENGTH).map(u16::from_be_bytes);
        let length = length.map_or(HEADER, usize::from);
        if length < HEADER {
            return Err(Problem::Length { offset, length });
        }
        self.fill(length)?;
        let (Some(sequence), Some(domain), 0) = (
            array_at(&self.message, field::SEQUENCE).map(u32::from_be_bytes),
            array_at(&self.message, field::DOMAIN).map(u32::from_be_bytes),
            length.saturating_sub(self.message.len()),
        ) else {
            let missing = length.saturating_sub(self.message.len());
            return Err(Problem::CutShort { offset, missing });
        };
        self.position = HEADER;
        self.domain = domain;
        if !self.domains.contains_key(&domain) && self.domains.len() == DOMAINS {
            let limit = DOMAINS;
            return Err(Problem::TooManyDomains { offset, limit });
        }
        let domain = self.domains.entry(domain).or_default();
        domain.check_sequence(sequence, offset);
        self.counts.messages += 1;
        Ok(true)
    }

    /// Reads on until the message has `length` octets or the file ends.
    fn fill(&mut self, length: usize) -> Result<(), Problem> {
        let missing = length.saturating_sub(self.message.len()) as u64;
        let read = (&mut self.reader)
            .take(missing)
            .read_to_end(&mut self.message);
        read.map(|_| ()).map_err(|error| Problem::Read {
            offset: self.offset + self.message.len() as u64,
            error,
        })
    }

    fn read_set(&mut self) -> Result<(), Problem> {
        let octets = &self.message[self.position..];
        let offset = self.offset + self.position as u64;
        let domain = self.domains.entry(self.domain).or_default();
        let mut reader = SliceReader::new(octets);
        // Set by set, since a template's limits have to be checked before its data is read.
        let set = Set::parse(&mut reader, &mut domain.templates).map_err(|source| {
            if let SetParsingError::NoTemplateDefinedFor { id: set, .. } = source {
                return Problem::MissingTemplate { offset, set };
            }
            let set = array_at(octets, 0).map_or(0, u16::from_be_bytes);
            Problem::Set {
                offset,
                set,
                source,
            }
        })?;
        self.position += reader.offset();
        match set {
            Set::Template(templates) => {
                for template in &templates {
                    self.learn(offset, template.id(), &[], template.field_specifiers())?;
                }
            }
            Set::OptionsTemplate(templates) => {
                for template in &templates {
                    let scope = template.scope_field_specifiers();
                    self.learn(offset, template.id(), scope, template.field_specifiers())?;
                }
            }
            Set::Data { records, .. } => {
                let next = domain.sequence.unwrap_or_default();
                domain.sequence = Some(next.wrapping_add(records.len() as u32));
                self.records = records.into_vec().into_iter();
            }
        }
        Ok(())
    }

    /// Accounts for a template that the decoder has taken, and checks that it may be used.
    fn learn(
        &mut self,
        offset: u64,
        template: u16,
        scope: &[FieldSpecifier],
        fields: &[FieldSpecifier],
    ) -> Result<(), Problem> {
        let domain = self.domains.entry(self.domain).or_default();
        if scope.is_empty() && fields.is_empty() {
            // A withdrawal (RFC 7011 §8.1).
            domain.templates.remove(&template);
            let freed = domain.template_fields.remove(&template);
            self.template_fields -= freed.unwrap_or(0);
            return Ok(());
        }
        if scope.iter().chain(fields).any(|field| field.length() == 0) {
            return Err(Problem::EmptyField { offset, template });
        }
        let added = 1 + scope.len() + fields.len();
        let freed = domain.template_fields.insert(template, added);
        self.counts.templates += u64::from(freed.is_none());
        self.template_fields = self.template_fields + added - freed.unwrap_or(0);
        if self.template_fields > TEMPLATE_FIELDS {
            let limit = TEMPLATE_FIELDS;
            return Err(Problem::TooManyTemplates { offset, limit });
        }
        Ok(())
    }
}

impl<R: Read> Iterator for Records<R> {
    type Item = Result<DataRecord, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.records.next() {
                self.counts.add(&record);
                return Some(Ok(record));
            }
            if let Some(gaps) = &mut self.gaps {
                return gaps.next().map(Err);
            }
            let advanced = self.advance();
            if !matches!(advanced, Ok(true)) {
                let gaps: Vec<_> = self.domains.iter().flat_map(Domain::gaps).collect();
                self.gaps = Some(gaps.into_iter());
            }
            if let Err(problem) = advanced {
                return Some(Err(problem));
            }
        }
    }
}

impl Domain {
    /// Compares a message's sequence number with what the messages before it say.
    fn check_sequence(&mut self, sequence: u32, offset: u64) {
        let ahead = sequence.wrapping_sub(self.sequence.unwrap_or(sequence));
        self.sequence = Some(sequence);
        if ahead == 0 {
            return;
        }
        if ahead > u32::MAX / 2 {
            self.steps_back.get_or_insert(offset);
            return;
        }
        if self.missing_places == 0 {
            self.missing_offset = offset;
        }
        self.missing_places += 1;
        self.missing += u64::from(ahead);
    }

    fn gaps((&number, domain): (&u32, &Self)) -> impl Iterator<Item = Problem> + use<> {
        let missing = (domain.missing > 0).then_some(Problem::Missing {
            domain: number,
            records: domain.missing,
            places: domain.missing_places,
            offset: domain.missing_offset,
        });
        let steps_back = domain.steps_back.map(|offset| Problem::StepsBack {
            domain: number,
            offset,
        });
        missing.into_iter().chain(steps_back)
    }
}

impl Counts {
    fn add(&mut self, record: &DataRecord) {
        if is_options(record) {
            self.options_records += 1;
            return;
        }
        self.flow_records += 1;
        for field in record.fields() {
            match field {
                Field::packetDeltaCount(packets) => {
                    self.packets = self.packets.saturating_add(*packets);
                }
                Field::octetDeltaCount(octets) => {
                    self.octets = self.octets.saturating_add(*octets);
                }
                _ => {}
            }
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "messages: {}, templates: {}, flow records: {}, options records: {}, packets: {}, \
             octets: {}",
            self.messages,
            self.templates,
            self.flow_records,
            self.options_records,
            self.packets,
            self.octets
        )
    }
}

/// Whether it is a record of an Options Template: those have a scope (RFC 7011 §3.4.2.1).
pub(super) fn is_options(record: &DataRecord) -> bool {
    !record.scope_fields().is_empty()
}

/// The `N` octets from `start`, where there are as many.
fn array_at<const N: usize>(octets: &[u8], start: usize) -> Option<[u8; N]> {
    octets.get(start..)?.first_chunk().copied()
}
