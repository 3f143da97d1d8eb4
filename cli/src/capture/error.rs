// SPDX-License-Identifier: Apache-2.0
//! Errors of captures, each one line with the place.
//!
//! Owns the messages. Knows nothing of how captures are read.

use std::fmt;
use std::io;

use crate::text::system_error;

/// Why a capture cannot be read, or cannot be read beyond the record at `offset`.
#[derive(Debug)]
pub(crate) struct CaptureError {
    capture: String,
    offset: Option<u64>,
    cause: Cause,
}

impl CaptureError {
    pub(super) fn new(capture: &str, offset: Option<u64>, cause: Cause) -> Self {
        Self {
            capture: capture.to_owned(),
            offset,
            cause,
        }
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.capture)?;
        if let Some(offset) = self.offset {
            write!(formatter, "offset {offset}: ")?;
        }
        self.cause.fmt(formatter)
    }
}

impl std::error::Error for CaptureError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// The cause of an error.
#[derive(Debug)]
pub(super) enum Cause {
    /// It cannot be opened or read.
    Io(io::Error),
    /// It is empty.
    Empty,
    /// It has another format.
    NotACapture { start: Vec<u8> },
    /// Its version is unknown.
    Version {
        format: &'static str,
        major: u16,
        minor: u16,
    },
    /// It ends inside a part.
    Truncated { part: Part, missing: usize },
    /// A packet is longer than any capture allows.
    PacketLength { octets: u32, limit: u32 },
    /// The length of a pcapng block is invalid.
    BlockLength { octets: u32 },
    /// A pcapng block is too short for its type.
    BlockTooShort { kind: u32, octets: u32 },
    /// The lengths before and after a pcapng block differ.
    BlockLengthsDiffer { before: u32, after: u32 },
    /// A packet is longer than the pcapng block that contains it.
    PacketOverrunsBlock { octets: u32, block: u32 },
    /// The byte order of a pcapng section is invalid.
    ByteOrder,
    /// The interface of a packet was not described before.
    UnknownInterface { id: u32, described: usize },
    /// A section describes more interfaces than are supported, or all captures together do.
    TooManyInterfaces { limit: usize },
}

impl Cause {
    /// Returns the offset to report if it is found at the start of a capture.
    pub(super) fn offset_of_start(&self) -> Option<u64> {
        matches!(self, Self::Truncated { .. }).then_some(0)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => formatter.write_str(&system_error(error)),
            Self::Empty => formatter.write_str("empty file"),
            Self::NotACapture { start } => {
                formatter.write_str("not a pcap or pcapng capture: it starts with")?;
                for octet in start {
                    write!(formatter, " {octet:02x}")?;
                }
                match compression(start) {
                    Some((name, command)) => write!(
                        formatter,
                        " ({name}: decompress it with `{command}` and pipe the output to `-`)"
                    ),
                    None => Ok(()),
                }
            }
            Self::Version {
                format,
                major,
                minor,
            } => write!(
                formatter,
                "version {major}.{minor} of {format} is not supported"
            ),
            Self::Truncated { part, missing } => {
                write!(
                    formatter,
                    "the file ends inside a {part} (needs {missing} more octets)"
                )
            }
            Self::PacketLength { octets, limit } => write!(
                formatter,
                "a packet of {octets} octets is longer than captures allow ({limit} octets): the file is \
                 damaged here"
            ),
            Self::BlockLength { octets } => write!(
                formatter,
                "a block has the invalid length {octets}: the file is damaged here"
            ),
            Self::BlockTooShort { kind, octets } => write!(
                formatter,
                "a block of type {kind:#x} is too short with {octets} octets: the file is damaged here"
            ),
            Self::BlockLengthsDiffer { before, after } => write!(
                formatter,
                "a block has the length {before} at its start and {after} at its end: the file is \
                 damaged here"
            ),
            Self::PacketOverrunsBlock { octets, block } => write!(
                formatter,
                "a packet of {octets} octets does not fit into its block of {block}: the file \
                 is damaged here"
            ),
            Self::ByteOrder => {
                formatter.write_str("a section has no valid byte order: the file is damaged here")
            }
            Self::UnknownInterface { id, described } => write!(
                formatter,
                "a packet has the interface {id}, but only {described} are described before it"
            ),
            Self::TooManyInterfaces { limit } => {
                write!(formatter, "more than {limit} interfaces are not supported")
            }
        }
    }
}

/// A part that a capture can end inside of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    FileHeader,
    RecordHeader,
    Record,
    BlockHeader,
    Block,
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::FileHeader => "file header",
            Self::RecordHeader => "packet record header",
            Self::Record => "packet record",
            Self::BlockHeader => "block header",
            Self::Block => "block",
        })
    }
}

/// Returns the name of an unsupported compression that a file with this start has, and a command
/// that decompresses it.
fn compression(start: &[u8]) -> Option<(&'static str, &'static str)> {
    match start {
        [0xfd, b'7', b'z', b'X'] => Some(("xz", "xz -dc")),
        [b'B', b'Z', b'h', _] => Some(("bzip2", "bzip2 -dc")),
        _ => None,
    }
}
