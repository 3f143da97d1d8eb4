// SPDX-License-Identifier: Apache-2.0
//! The accounts of a metering process, and the invariant that they keep.
//!
//! observed = metered + ignored (by reason), and metered = in records + in live flows +
//! lost, for packets and for octets, exactly. Each term is counted where it happens; none
//! is derived from another, so that a mistake shows.

use core::iter::Sum;
use core::ops::{Add, AddAssign};

use bytemuck::{Pod, Zeroable};

use super::export::ExportRefused;
use crate::flow::{EndReason, IgnoredReason, Tally};

/// Records, and the packets and octets that stand in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Records {
    /// How many records.
    pub records: u64,
    /// What they report.
    pub tally: Tally,
}

impl Records {
    #[inline]
    pub(super) fn count(&mut self, tally: Tally) {
        self.records += 1;
        self.tally += tally;
    }
}

impl Add for Records {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            records: self.records + other.records,
            tally: self.tally + other.tally,
        }
    }
}

impl Sum for Records {
    fn sum<I: Iterator<Item = Self>>(records: I) -> Self {
        records.fold(Self::default(), Add::add)
    }
}

/// What a metering process has done since it started. All words, so that a host can
/// publish them as such.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Statistics {
    /// Every packet that was handed in.
    pub observed: Tally,
    /// Packets that were counted into a flow.
    pub metered: Tally,
    /// Packets that belong to no flow, by [`IgnoredReason`].
    pub ignored: [Tally; IgnoredReason::ALL.len()],
    /// Flows that were begun.
    pub flows: u64,
    /// Records that were exported, by [`EndReason`].
    pub exported: [Records; EndReason::ALL.len()],
    /// Records whose flow had to make room while the exporter could take none, by why it
    /// could not.
    pub lost: [Records; ExportRefused::ALL.len()],
}

impl Statistics {
    /// Counts a packet that belongs to no flow; tells its octets.
    pub(super) fn ignore(&mut self, reason: IgnoredReason, octets: u32) -> u32 {
        self.ignored[reason as usize] += Tally::packet(octets);
        octets
    }

    /// All that was ignored.
    pub fn ignored(&self) -> Tally {
        self.ignored.iter().copied().sum()
    }

    /// All records that were exported.
    pub fn exported(&self) -> Records {
        self.exported.iter().copied().sum()
    }

    /// All records that were lost.
    pub fn lost(&self) -> Records {
        self.lost.iter().copied().sum()
    }

    /// What stands in live flows, by these accounts. Who wants to know that it is so counts
    /// the flows and asks [`Self::balanced`].
    pub fn live(&self) -> Tally {
        let left = self.exported().tally + self.lost().tally;
        Tally {
            packets: self.metered.packets.wrapping_sub(left.packets),
            octets: self.metered.octets.wrapping_sub(left.octets),
        }
    }

    /// Whether the accounts agree, given what stands in live flows.
    pub fn balanced(&self, live: Tally) -> bool {
        self.observed == self.metered + self.ignored()
            && self.metered == self.exported().tally + live + self.lost().tally
    }
}

impl AddAssign for Statistics {
    fn add_assign(&mut self, other: Self) {
        self.observed += other.observed;
        self.metered += other.metered;
        for (mine, theirs) in self.ignored.iter_mut().zip(other.ignored) {
            *mine += theirs;
        }
        self.flows += other.flows;
        for (mine, theirs) in self.exported.iter_mut().zip(other.exported) {
            *mine = *mine + theirs;
        }
        for (mine, theirs) in self.lost.iter_mut().zip(other.lost) {
            *mine = *mine + theirs;
        }
    }
}
