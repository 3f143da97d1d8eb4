// SPDX-License-Identifier: Apache-2.0
//! What a table reports of its memory and of how full it is.

use core::fmt;

use super::MAX_FLOWS;

/// There is no memory for a flow table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory {
    /// What one of its arrays takes.
    pub octets: usize,
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { octets } = self;
        write!(f, "cannot allocate {octets} octets for a flow table")
    }
}

impl core::error::Error for OutOfMemory {}

/// Why there is no table.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableError {
    /// This capacity, in flows, is not from 1 to [`MAX_FLOWS`].
    Capacity(usize),
    /// The system has not enough memory.
    Memory(OutOfMemory),
}

impl From<OutOfMemory> for TableError {
    fn from(error: OutOfMemory) -> Self {
        Self::Memory(error)
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capacity(flows) => {
                write!(
                    f,
                    "a flow table has room for 1 to {MAX_FLOWS} flows, not for {flows}"
                )
            }
            Self::Memory(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for TableError {}

/// The kind of memory that a table has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pages {
    /// The system's usual pages.
    #[default]
    Small,
    /// Transparent huge pages, as far as the system has them.
    Advised,
    /// Huge pages that the administrator of the system reserved.
    Huge,
}

impl Pages {
    /// The name that reports show.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Advised => "transparent huge",
            Self::Huge => "huge",
        }
    }
}

/// How full a table is and was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Flows for which it has room; 0 where the family has no table.
    pub capacity: usize,
    /// Flows in it.
    pub live: usize,
    /// Flows that were evicted for lack of a slot before they expired.
    pub evicted: u64,
    /// The capacity that would have been enough, as far as is known: the largest number of live flows
    /// together with the distinct flows that evicted others within an idle timeout. An estimate, at
    /// times wrong by a tenth.
    pub enough: usize,
    /// The kind of memory that its slots are in.
    pub pages: Pages,
}
