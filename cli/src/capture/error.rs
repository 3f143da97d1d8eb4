// SPDX-License-Identifier: Apache-2.0
//! What can be wrong with a capture, in one line that says where and what.
//!
//! Owns the words. Knows nothing of how captures are read.

use std::fmt;
use std::io;

/// Why a capture cannot be read, or not beyond the record at `offset`.
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

/// What is wrong.
#[derive(Debug)]
pub(super) enum Cause {
    /// The system could not open or read it.
    Io(io::Error),
    /// It has no octets.
    Empty,
    /// It is of another format.
    NotACapture { start: Vec<u8> },
    /// It is of a version that nobody knows.
    Version {
        format: &'static str,
        major: u16,
        minor: u16,
    },
    /// It ends too early.
    Truncated { part: Part, missing: usize },
    /// A packet has more octets than any capture holds.
    PacketLength { octets: u32, limit: u32 },
    /// A block of pcapng has a length that no block has.
    BlockLength { octets: u32 },
    /// A block of pcapng is too short for what its type promises.
    BlockTooShort { kind: u32, octets: u32 },
    /// The lengths before and after a block of pcapng differ.
    BlockLengthsDiffer { before: u32, after: u32 },
    /// A packet is longer than the block of pcapng that it lies in.
    PacketOverrunsBlock { octets: u32, block: u32 },
    /// A section of pcapng does not say its byte order.
    ByteOrder,
    /// A packet is of an interface that was not described before.
    UnknownInterface { id: u32, described: usize },
    /// A section describes more interfaces than we keep, or all captures together have more.
    TooManyInterfaces { limit: usize },
}

impl Cause {
    /// The offset to report where it is found in the first octets of a capture.
    pub(super) fn offset_of_start(&self) -> Option<u64> {
        matches!(self, Self::Truncated { .. }).then_some(0)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(formatter),
            Self::Empty => formatter.write_str("empty file"),
            Self::NotACapture { start } => {
                formatter.write_str("not a pcap or pcapng capture: it starts with")?;
                for octet in start {
                    write!(formatter, " {octet:02x}")?;
                }
                match compression(start) {
                    Some((name, command)) => write!(
                        formatter,
                        " ({name}: unpack it with `{command}` and pipe that into `-`)"
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
                "version {major}.{minor} of {format} is not known"
            ),
            Self::Truncated { part, missing } => {
                write!(
                    formatter,
                    "the file ends inside a {part} (needs {missing} more octets)"
                )
            }
            Self::PacketLength { octets, limit } => write!(
                formatter,
                "a packet of {octets} octets is larger than the largest that captures hold \
                 ({limit} octets): the file is damaged here"
            ),
            Self::BlockLength { octets } => write!(
                formatter,
                "a block cannot have {octets} octets: the file is damaged here"
            ),
            Self::BlockTooShort { kind, octets } => write!(
                formatter,
                "a block of type {kind:#x} cannot have only {octets} octets: the file is \
                 damaged here"
            ),
            Self::BlockLengthsDiffer { before, after } => write!(
                formatter,
                "a block has {before} octets by the length before it, and {after} by the one \
                 after it: the file is damaged here"
            ),
            Self::PacketOverrunsBlock { octets, block } => write!(
                formatter,
                "a packet of {octets} octets does not fit into its block of {block}: the file \
                 is damaged here"
            ),
            Self::ByteOrder => formatter
                .write_str("a section does not say its byte order: the file is damaged here"),
            Self::UnknownInterface { id, described } => write!(
                formatter,
                "a packet of interface {id}, but the file has described {described} \
                 interfaces so far"
            ),
            Self::TooManyInterfaces { limit } => {
                write!(formatter, "more than {limit} interfaces are not supported")
            }
        }
    }
}

/// What a capture can end inside of.
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

/// The compression that a file starting with `start` has, where we do not undo it, and what does.
fn compression(start: &[u8]) -> Option<(&'static str, &'static str)> {
    match start {
        [0xfd, b'7', b'z', b'X'] => Some(("xz", "xz -dc")),
        [b'B', b'Z', b'h', _] => Some(("bzip2", "bzip2 -dc")),
        _ => None,
    }
}
