// SPDX-License-Identifier: Apache-2.0
//! The records of a file, one after the other.
//!
//! It reads messages and sets, keeps each observation domain's templates and follows its
//! sequence numbers; of elements it knows only the two that it adds up. It holds one message
//! and one record at a time, and of templates no more than the limits below.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Read;
use std::rc::Rc;
use std::vec;

use flowmeter::exporting::information_element::{OCTET_DELTA_COUNT, PACKET_DELTA_COUNT};

use super::error::{Malformed, Problem};
use super::template::{Record, Template, TemplateRecord, take_number};

/// Octets of a message header.
const HEADER: usize = 16;

/// Octets of a set header (RFC 7011 §3.3.2).
const SET_HEADER: usize = 4;

/// Octets of the shortest template record, a withdrawal; fewer are padding.
const SHORTEST_TEMPLATE: usize = 4;

/// IPFIX's version number.
const VERSION: u16 = 10;

/// Sets that are not of data (RFC 7011 §3.3.2).
const TEMPLATE_SET: u16 = 2;
const OPTIONS_TEMPLATE_SET: u16 = 3;

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
/// read there are no more records. Sets that nothing is known of are skipped. How many those
/// were, and what is missing in the sequences, comes last.
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
    /// The set whose records are read.
    data: Option<DataSet>,
    skipped: Option<Skipped>,
    /// What was skipped and what the sequences say, once nothing more is read.
    rest: Option<vec::IntoIter<Problem>>,
    counts: Counts,
}

/// Sets that were skipped.
struct Skipped {
    sets: u64,
    first_set: u16,
    first_offset: u64,
}

/// A data set, and how far it has been read.
struct DataSet {
    id: u16,
    template: Rc<Template>,
    /// Octets that a record has at least.
    shortest: usize,
    /// Where the next record begins in the message.
    position: usize,
    /// Where the set ends.
    end: usize,
    /// Records read.
    records: u32,
}

/// What is known of an observation domain.
#[derive(Default)]
struct Domain {
    templates: HashMap<u16, Rc<Template>>,
    /// The next message's sequence number; the first one's may be any, and so may that after
    /// records that were skipped.
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
            data: None,
            skipped: None,
            rest: None,
            counts: Counts::default(),
        }
    }

    /// What has been read so far.
    pub(super) fn counts(&self) -> &Counts {
        &self.counts
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
        if let Some(version) = version.filter(|version| *version != VERSION) {
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

    /// Reads a set's header, and all of it but where it is of data.
    fn read_set(&mut self) -> Result<(), Problem> {
        let rest = &self.message[self.position..];
        let offset = self.offset + self.position as u64;
        let mut octets = rest;
        let (Some(set), Some(length)) = (take_number(&mut octets), take_number(&mut octets)) else {
            let octets = rest.len();
            return Err(Problem::NoSet { offset, octets });
        };
        let malformed = |source| Problem::Set {
            offset,
            set,
            source,
        };
        let Some(mut octets) = usize::from(length)
            .checked_sub(SET_HEADER)
            .and_then(|length| octets.get(..length))
        else {
            return Err(malformed(Malformed::Length(length)));
        };
        let end = self.position + usize::from(length);
        match set {
            TEMPLATE_SET | OPTIONS_TEMPLATE_SET => {
                let mut templates = Vec::new();
                while octets.len() >= SHORTEST_TEMPLATE {
                    let template = TemplateRecord::take(&mut octets, set == OPTIONS_TEMPLATE_SET);
                    templates.push(template.map_err(malformed)?);
                }
                check_padding(octets).map_err(malformed)?;
                for template in templates {
                    self.learn(offset, set, template)?;
                }
            }
            0..256 => self.skip(offset, set),
            256.. => {
                let domain = self.domains.entry(self.domain).or_default();
                if let Some(template) = domain.templates.get(&set) {
                    self.data = Some(DataSet {
                        id: set,
                        template: Rc::clone(template),
                        shortest: template.shortest(),
                        position: self.position + SET_HEADER,
                        end,
                        records: 0,
                    });
                } else {
                    // Nobody knows how many records it has.
                    domain.sequence = None;
                    self.skip(offset, set);
                }
            }
        }
        self.position = end;
        Ok(())
    }

    fn skip(&mut self, offset: u64, set: u16) {
        let skipped = self.skipped.get_or_insert(Skipped {
            sets: 0,
            first_set: set,
            first_offset: offset,
        });
        skipped.sets += 1;
    }

    /// Keeps a template, or no longer.
    fn learn(&mut self, offset: u64, set: u16, record: TemplateRecord) -> Result<(), Problem> {
        let domain = self.domains.entry(self.domain).or_default();
        let (id, template) = match record {
            TemplateRecord::Definition(id, template) => (id, template),
            TemplateRecord::Withdrawal(id) if id == set => {
                let options = set == OPTIONS_TEMPLATE_SET;
                let withdrawn = domain
                    .templates
                    .extract_if(|_, template| template.is_options() == options);
                let freed = withdrawn.map(|(_, template)| weight(&template));
                self.template_fields -= freed.sum::<usize>();
                return Ok(());
            }
            TemplateRecord::Withdrawal(id) => {
                let withdrawn = domain.templates.remove(&id);
                self.template_fields -= withdrawn.map_or(0, |template| weight(&template));
                return Ok(());
            }
        };
        if template.fields.iter().any(|field| field.length == 0) {
            let template = id;
            return Err(Problem::EmptyField { offset, template });
        }
        self.template_fields += weight(&template);
        match domain.templates.insert(id, Rc::new(template)) {
            Some(replaced) => self.template_fields -= weight(&replaced),
            None => self.counts.templates += 1,
        }
        if self.template_fields > TEMPLATE_FIELDS {
            let limit = TEMPLATE_FIELDS;
            return Err(Problem::TooManyTemplates { offset, limit });
        }
        Ok(())
    }

    /// Reads on to the next record; `None` at the end of the file.
    fn read_record(&mut self) -> Result<Option<Record>, Problem> {
        loop {
            if let Some(data) = &mut self.data {
                let offset = self.offset + data.position as u64;
                match data.take_record(&self.message) {
                    Ok(Some(record)) => return Ok(Some(record)),
                    Ok(None) => {
                        let domain = self.domains.entry(self.domain).or_default();
                        let next = domain.sequence;
                        domain.sequence = next.map(|next| next.wrapping_add(data.records));
                        self.data = None;
                    }
                    Err(source) => {
                        let set = data.id;
                        return Err(Problem::Set {
                            offset,
                            set,
                            source,
                        });
                    }
                }
            } else if self.position < self.message.len() {
                self.read_set()?;
            } else if !self.read_message()? {
                return Ok(None);
            }
        }
    }
}

impl<R: Read> Iterator for Records<R> {
    type Item = Result<Record, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(rest) = &mut self.rest {
            return rest.next().map(Err);
        }
        let read = self.read_record();
        if let Ok(Some(record)) = read {
            self.counts.add(&record);
            return Some(Ok(record));
        }
        let gaps = self.domains.iter().flat_map(Domain::gaps);
        let skipped = self.skipped.iter().map(Skipped::problem);
        let all: Vec<_> = read.err().into_iter().chain(skipped).chain(gaps).collect();
        self.rest.insert(all.into_iter()).next().map(Err)
    }
}

impl Skipped {
    fn problem(&self) -> Problem {
        Problem::Skipped {
            sets: self.sets,
            set: self.first_set,
            offset: self.first_offset,
        }
    }
}

impl DataSet {
    /// The next record, or `None` where only padding is left.
    fn take_record(&mut self, message: &[u8]) -> Result<Option<Record>, Malformed> {
        let mut octets = &message[self.position..self.end];
        if octets.len() < self.shortest {
            return check_padding(octets).map(|()| None);
        }
        let record = Record::take(&mut octets, &self.template)?;
        self.position = self.end - octets.len();
        self.records += 1;
        Ok(Some(record))
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
    fn add(&mut self, record: &Record) {
        if record.is_options() {
            self.options_records += 1;
            return;
        }
        self.flow_records += 1;
        for (element, value) in record.fields() {
            let sum = match element.iana {
                Some(PACKET_DELTA_COUNT) => &mut self.packets,
                Some(OCTET_DELTA_COUNT) => &mut self.octets,
                _ => continue,
            };
            *sum = sum.saturating_add(value.as_u64().unwrap_or(0));
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

/// What a template counts towards [`TEMPLATE_FIELDS`].
fn weight(template: &Template) -> usize {
    1 + template.fields.len()
}

/// RFC 7011 §3.3.1: padding is zero.
fn check_padding(octets: &[u8]) -> Result<(), Malformed> {
    if octets.iter().any(|octet| *octet != 0) {
        return Err(Malformed::Padding(octets.len()));
    }
    Ok(())
}

/// The `N` octets from `start`, where there are as many.
fn array_at<const N: usize>(octets: &[u8], start: usize) -> Option<[u8; N]> {
    octets.get(start..)?.first_chunk().copied()
}
