// SPDX-License-Identifier: Apache-2.0
//! Portable code: what every machine can do, and what the others are tested against.

use super::{Instructions, Seed, Stamps, Tags};

/// The token of portable code, which needs no proof.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Generic;

impl Instructions for Generic {
    /// Folded 64-bit multiplications, each keyed.
    #[inline(always)]
    fn hash(self, seed: &Seed, words: &[u64]) -> u64 {
        let Seed([start, left, right, last, ..]) = *seed;
        let mut state = start;
        for pair in words.chunks(2) {
            let (low, high) = match *pair {
                [low, high] => (low, high),
                [low] => (low, 0),
                _ => (0, 0),
            };
            state = fold(state ^ low ^ left, high ^ right.wrapping_add(state));
        }
        fold(state ^ last, left)
    }

    #[inline(always)]
    fn matches(self, first: &Tags, second: &Tags, tag: u8) -> u32 {
        let mut mask = 0;
        for (index, octet) in first.iter().chain(second).enumerate() {
            mask |= u32::from(*octet == tag) << index;
        }
        mask
    }
}

/// The two halves of a 128-bit product, combined.
#[inline(always)]
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    product as u64 ^ (product >> 64) as u64
}

/// As [`Instructions::oldest`].
#[inline(always)]
pub(super) fn oldest(first: &Stamps, second: &Stamps, now: u32) -> (u32, u32) {
    let mut oldest = (0, now.wrapping_sub(first[0]));
    for (bit, &stamp) in (0..).zip(first.iter().chain(second)) {
        let age = now.wrapping_sub(stamp);
        if age > oldest.1 {
            oldest = (bit, age);
        }
    }
    oldest
}
