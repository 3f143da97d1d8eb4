// SPDX-License-Identifier: Apache-2.0
//! Problems of a file: one line each, with the offset in the file.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::text::system_error;

/// Why a dump is incomplete.
#[derive(Debug)]
pub(crate) enum DumpError {
    /// The file has problems.
    File {
        /// The file; `-` is standard input.
        file: PathBuf,
        /// Its problems: one line each, at least one.
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
            Self::Write(error) => write!(f, "standard output: {}", system_error(error)),
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

/// A problem of a file.
#[derive(Debug)]
pub(crate) enum Problem {
    /// It cannot be opened.
    Open(io::Error),
    /// It cannot be read further.
    Read { offset: u64, error: io::Error },
    /// It is empty.
    Empty,
    /// A message's version is not IPFIX's (RFC 7011 §3.1).
    Version { offset: u64, version: u16 },
    /// The length of a message is less than its header's.
    Length { offset: u64, length: usize },
    /// The file ends inside a message.
    CutShort { offset: u64, missing: usize },
    /// Sets were skipped: data without a known template, or reserved ids (RFC 7011 §3.3.2).
    Skipped {
        sets: u64,
        /// The id and offset of the first one.
        set: u16,
        offset: u64,
    },
    /// A message has octets after its last set, too few for a set header.
    NoSet { offset: u64, octets: usize },
    /// A set that cannot be decoded.
    Set {
        offset: u64,
        set: u16,
        source: Malformed,
    },
    /// A template has a field of no octets: the number of values in a message would be unbounded.
    EmptyField { offset: u64, template: u16 },
    /// There are more templates than are kept.
    TooManyTemplates { offset: u64, limit: usize },
    /// There are more observation domains than are kept.
    TooManyDomains { offset: u64, limit: usize },
    /// By the sequence numbers, records are missing (RFC 7011 §3.1).
    Missing {
        domain: u32,
        records: u64,
        places: u64,
        /// The message after the first place.
        offset: u64,
    },
    /// A sequence number is too low: messages are repeated, or the exporter was restarted.
    StepsBack { domain: u32, offset: u64 },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(error) => write!(f, "{}", system_error(error)),
            Self::Read { offset, error } => {
                write!(f, "offset {offset}: {}", system_error(error))
            }
            Self::Empty => write!(f, "empty file"),
            Self::Version { offset, version } => {
                write!(
                    f,
                    "offset {offset}: not an IPFIX message: version {version} instead of 10"
                )
            }
            Self::Length { offset, length } => write!(
                f,
                "offset {offset}: a message has the length {length}, less than its header of 16 octets"
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
                write!(f, "offset {offset}: {octets} octets are too few for a set")
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
    /// The id of a template is reserved (RFC 7011 §3.4.1).
    TemplateId(u16),
    /// An Options Template has no scope, or more scope fields than fields (RFC 7011 §3.4.2.2).
    Scope(u16),
    /// It ends inside a record.
    RecordCut,
    /// The octets after the last record are not zero, as padding is (RFC 7011 §3.3.1).
    Padding(usize),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => write!(f, "the length {length} is invalid"),
            Self::TemplateCut => write!(f, "it ends inside a template"),
            Self::TemplateId(id) => write!(f, "template id {id} is less than 256"),
            Self::Scope(id) => write!(f, "options template {id} has no valid scope"),
            Self::RecordCut => write!(f, "it ends inside a record"),
            Self::Padding(octets) => {
                write!(f, "{octets} octets after the last record are not padding")
            }
        }
    }
}

impl Error for Malformed {}
