// SPDX-License-Identifier: Apache-2.0
//! What can be wrong with a file: one line each, with the place in the file.
//!
//! Offsets are octets from the file's first.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a dump is not complete.
#[derive(Debug)]
pub(crate) enum DumpError {
    /// The file is not what it should be.
    File {
        /// The file; `-` is standard input.
        file: PathBuf,
        /// What is wrong with it: one line each, one at least.
        problems: Vec<Problem>,
    },
    /// The dump could not be written.
    Write(io::Error),
}

impl fmt::Display for DumpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, problems } => {
                for (index, problem) in problems.iter().enumerate() {
                    if index > 0 {
                        writeln!(f)?;
                    }
                    if file == Path::new("-") {
                        write!(f, "standard input: {problem}")?;
                    } else {
                        write!(f, "{}: {problem}", file.display())?;
                    }
                }
                Ok(())
            }
            Self::Write(error) => write!(f, "cannot write the records: {error}"),
        }
    }
}

impl Error for DumpError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::File { problems, .. } => problems.first().and_then(Problem::source),
            Self::Write(error) => Some(error),
        }
    }
}

/// One thing that is wrong with a file.
#[derive(Debug)]
pub(crate) enum Problem {
    /// It cannot be opened.
    Open(io::Error),
    /// It cannot be read on.
    Read { offset: u64, error: io::Error },
    /// It has no octets.
    Empty,
    /// A message's version is not IPFIX's (RFC 7011 §3.1).
    Version { offset: u64, version: u16 },
    /// A message says that it is shorter than its header.
    Length { offset: u64, length: usize },
    /// The file ends before a message does.
    CutShort { offset: u64, missing: usize },
    /// Sets that were skipped: data whose template has not been seen, and ids that mean nothing
    /// (RFC 7011 §3.3.2).
    Skipped {
        sets: u64,
        /// The first one's id, and where it is.
        set: u16,
        offset: u64,
    },
    /// Octets after a message's last set, too few for a set's header.
    NoSet { offset: u64, octets: usize },
    /// A set that cannot be decoded.
    Set {
        offset: u64,
        set: u16,
        source: Malformed,
    },
    /// A template with a field of no octets: without bound would be what a message holds.
    EmptyField { offset: u64, template: u16 },
    /// More templates than a reader should have to keep.
    TooManyTemplates { offset: u64, limit: usize },
    /// More observation domains than a reader should have to keep.
    TooManyDomains { offset: u64, limit: usize },
    /// Sequence numbers say that records are not there (RFC 7011 §3.1).
    Missing {
        domain: u32,
        records: u64,
        places: u64,
        /// The message after the first place.
        offset: u64,
    },
    /// Sequence numbers say that a message was seen before, or that its exporter began anew.
    StepsBack { domain: u32, offset: u64 },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(error) => write!(f, "cannot be opened: {error}"),
            Self::Read { offset, error } => write!(f, "offset {offset}: cannot be read: {error}"),
            Self::Empty => write!(f, "empty"),
            Self::Version { offset, version } => {
                write!(f, "offset {offset}: version {version} where IPFIX has 10")
            }
            Self::Length { offset, length } => write!(
                f,
                "offset {offset}: a message of {length} octets, where its header alone has 16"
            ),
            Self::CutShort { offset, missing } => write!(
                f,
                "offset {offset}: the file ends inside a message (needs {missing} more octets)"
            ),
            Self::Skipped { sets, set, offset } => {
                let (first, plural) = if *sets == 1 {
                    ("", "")
                } else {
                    ("the first ", "s")
                };
                write!(f, "{sets} set{plural} skipped, {first}at offset {offset}: ")?;
                match set {
                    ..256 => write!(f, "set id {set} is reserved"),
                    256.. => write!(f, "no template {set} before it"),
                }
            }
            Self::NoSet { offset, octets } => {
                write!(f, "offset {offset}: {octets} octets that are no set")
            }
            Self::Set {
                offset,
                set,
                source,
            } => write!(f, "offset {offset}: in set {set}: {source}"),
            Self::EmptyField { offset, template } => write!(
                f,
                "offset {offset}: template {template} has a field of no octets"
            ),
            Self::TooManyTemplates { offset, limit } => write!(
                f,
                "offset {offset}: templates with more than {limit} fields in all"
            ),
            Self::TooManyDomains { offset, limit } => {
                write!(f, "offset {offset}: more than {limit} observation domains")
            }
            Self::Missing {
                domain,
                records,
                places,
                offset,
            } => {
                write!(f, "domain {domain}: {records} data records missing ")?;
                if *places > 1 {
                    write!(f, "in {places} places, the first ")?;
                }
                write!(f, "before offset {offset}")
            }
            Self::StepsBack { domain, offset } => write!(
                f,
                "domain {domain}: the sequence number steps back at offset {offset}"
            ),
        }
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Open(error) | Self::Read { error, .. } => Some(error),
            Self::Set { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Why a set cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// The message ends inside it, or it is shorter than its header (RFC 7011 §3.3.2).
    Length(u16),
    /// It ends inside a template.
    TemplateCut,
    /// A template with an id that sets of data cannot have (RFC 7011 §3.4.1).
    TemplateId(u16),
    /// An Options Template without a scope, or with more of it than it has fields
    /// (RFC 7011 §3.4.2.2).
    Scope(u16),
    /// It ends inside a record.
    RecordCut,
    /// What follows the last record is no padding (RFC 7011 §3.3.1).
    Padding(usize),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => write!(f, "a length of {length}, which cannot be"),
            Self::TemplateCut => write!(f, "it ends inside a template"),
            Self::TemplateId(id) => write!(f, "a template {id}, where the least is 256"),
            Self::Scope(id) => write!(f, "options template {id} has no valid scope"),
            Self::RecordCut => write!(f, "it ends inside a record"),
            Self::Padding(octets) => {
                write!(f, "{octets} octets after the last record are no padding")
            }
        }
    }
}

impl Error for Malformed {}
