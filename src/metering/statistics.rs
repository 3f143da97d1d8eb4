// SPDX-License-Identifier: Apache-2.0
//! The accounts of a metering process, and the invariant that they keep.
//!
//! observed = metered + ignored (by reason), and metered = in records + in live flows + lost, for
//! packets and for octets, exactly. Each term is counted where it happens; none is derived from
//! another, so a mistake is visible.

use core::iter::Sum;
use core::ops::{Add, AddAssign};

use bytemuck::{Pod, Zeroable};

use super::export::ExportRefused;
use crate::flow::{EndReason, IgnoredReason, Tally};

/// Records, and the packets and octets that they report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Records {
    /// The number of records.
    pub records: u64,
    /// The packets and octets in them.
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

/// What a metering process has done since it started. All fields are words, for hosts to publish.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Statistics {
    /// Every packet that was passed in.
    pub observed: Tally,
    /// Packets that were counted into a flow.
    pub metered: Tally,
    /// Packets that belong to no flow, by [`IgnoredReason`].
    pub ignored: [Tally; IgnoredReason::ALL.len()],
    /// The number of flows that began.
    pub flows: u64,
    /// Records that were exported, by [`EndReason`].
    pub exported: [Records; EndReason::ALL.len()],
    /// Records that were refused when their flow was evicted, by the reason of the refusal.
    pub lost: [Records; ExportRefused::ALL.len()],
}

impl Statistics {
    /// Counts a packet that belongs to no flow. Returns its octets.
    pub(super) fn ignore(&mut self, reason: IgnoredReason, octets: u32) -> u32 {
        self.ignored[reason as usize] += Tally::packet(octets);
        octets
    }

    /// The total of ignored packets.
    pub fn ignored(&self) -> Tally {
        self.ignored.iter().copied().sum()
    }

    /// The total of exported records.
    pub fn exported(&self) -> Records {
        self.exported.iter().copied().sum()
    }

    /// The total of lost records.
    pub fn lost(&self) -> Records {
        self.lost.iter().copied().sum()
    }

    /// What live flows must hold by these accounts. To verify that they do, count the flows and call
    /// [`Self::balanced`].
    pub fn live(&self) -> Tally {
        let left = self.exported().tally + self.lost().tally;
        Tally {
            packets: self.metered.packets.wrapping_sub(left.packets),
            octets: self.metered.octets.wrapping_sub(left.octets),
        }
    }

    /// Whether the accounts agree, given what live flows hold.
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
