// SPDX-License-Identifier: Apache-2.0
//! What a table says of its memory and of how full it is.

/// What memory a table has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pages {
    /// The system's usual pages.
    #[default]
    Small,
    /// Transparent huge pages, as far as the system has them.
    Advised,
    /// Huge pages that the system's administrator has reserved.
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
    /// Flows that had to leave for lack of a slot before their time.
    pub evicted: u64,
    /// For how many flows room would have been enough, as far as is known: the most flows that
    /// lived at a time and the different flows for which others had to leave in the same idle
    /// timeout. An estimate, a tenth off at times.
    pub enough: usize,
    /// What memory its slots are in.
    pub pages: Pages,
}
