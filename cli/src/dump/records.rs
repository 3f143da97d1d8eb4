// SPDX-License-Identifier: Apache-2.0
//! Reads the records of a file in order.
//!
//! It decodes messages and sets, and of elements knows only the two that it adds up. It holds one
//! message and one record at a time.

use std::fmt;
use std::io::Read;
use std::rc::Rc;
use std::vec;

use flowmeter::exporting::information_element::{OCTET_DELTA_COUNT, PACKET_DELTA_COUNT};

use super::domain::{Domains, OPTIONS_TEMPLATE_SET, TEMPLATE_SET};
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

/// Where a message header's fields are (RFC 7011 §3.1).
mod field {
    pub(super) const VERSION: usize = 0;
    pub(super) const LENGTH: usize = 2;
    pub(super) const SEQUENCE: usize = 8;
    pub(super) const DOMAIN: usize = 12;
}

/// An iterator over the records of a file and its problems. After the first place that cannot be
/// read there are no more records. Sets without a known template are skipped. Their number, and gaps
/// in the sequences, come last.
pub(super) struct Records<R> {
    reader: R,
    message: Vec<u8>,
    /// Where the message begins in the file.
    offset: u64,
    /// Where the next set begins in the message.
    position: usize,
    /// The message's domain.
    domain: u32,
    domains: Domains,
    /// The set whose records are read.
    data: Option<DataSet>,
    skipped: Option<Skipped>,
    /// The problems that come last.
    rest: Option<vec::IntoIter<Problem>>,
    counts: Counts,
}

/// The sets that were skipped.
struct Skipped {
    sets: u64,
    first_set: u16,
    first_offset: u64,
}

/// A data set, and the position up to which it has been read.
struct DataSet {
    id: u16,
    template: Rc<Template>,
    /// The minimum length of a record.
    shortest: usize,
    /// Where the next record begins in the message.
    position: usize,
    /// Where the set ends.
    end: usize,
    /// Records read.
    records: u32,
}

/// The totals of what has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) messages: u64,
    /// Each counts once, however often it is repeated.
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
            domains: Domains::default(),
            data: None,
            skipped: None,
            rest: None,
            counts: Counts::default(),
        }
    }

    /// Returns the totals of what has been read so far.
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
        // Before the length, so that a short file of another kind gets the error that explains it.
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
        self.domains.check_sequence(domain, sequence, offset)?;
        self.counts.messages += 1;
        Ok(true)
    }

    /// Reads until the message has `length` octets or the file ends.
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

    /// Reads a set: its templates, or only its header if it contains data.
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
                    let is_new = self.domains.learn(self.domain, offset, set, template)?;
                    self.counts.templates += u64::from(is_new);
                }
            }
            0..256 => self.skip(offset, set),
            256.. => {
                if let Some(template) = self.domains.template(self.domain, set) {
                    self.data = Some(DataSet {
                        id: set,
                        shortest: template.shortest(),
                        template,
                        position: self.position + SET_HEADER,
                        end,
                        records: 0,
                    });
                } else {
                    // The number of its records is unknown.
                    self.domains.restart_sequence(self.domain);
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

    /// Reads the next record; returns `None` at the end of the file.
    fn read_record(&mut self) -> Result<Option<Record>, Problem> {
        loop {
            if let Some(data) = &mut self.data {
                let offset = self.offset + data.position as u64;
                match data.take_record(&self.message) {
                    Ok(Some(record)) => return Ok(Some(record)),
                    Ok(None) => {
                        self.domains.count_records(self.domain, data.records);
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
        let gaps = self.domains.gaps();
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
    /// Returns the next record, or `None` if only padding is left.
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

/// Checks that padding is zero (RFC 7011 §3.3.1).
fn check_padding(octets: &[u8]) -> Result<(), Malformed> {
    if octets.iter().any(|octet| *octet != 0) {
        return Err(Malformed::Padding(octets.len()));
    }
    Ok(())
}

/// Returns the `N` octets from `start`, if there are as many.
fn array_at<const N: usize>(octets: &[u8], start: usize) -> Option<[u8; N]> {
    octets.get(start..)?.first_chunk().copied()
}
