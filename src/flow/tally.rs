// SPDX-License-Identifier: Apache-2.0
//! Packets and octets, which every account has.

use core::iter::Sum;
use core::ops::{Add, AddAssign};

use bytemuck::{Pod, Zeroable};

/// Packets and their octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Tally {
    /// The number of packets.
    pub packets: u64,
    /// Their octets.
    pub octets: u64,
}

impl Tally {
    /// One packet of `octets`.
    pub(crate) const fn packet(octets: u32) -> Self {
        Self {
            packets: 1,
            octets: octets as u64,
        }
    }
}

impl Add for Tally {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self {
            packets: self.packets + other.packets,
            octets: self.octets + other.octets,
        }
    }
}

impl AddAssign for Tally {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), Add::add)
    }
}
