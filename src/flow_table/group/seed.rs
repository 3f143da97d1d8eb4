// SPDX-License-Identifier: Apache-2.0
//! The key of the hash, which decides in which groups a flow may be.

use core::fmt;

/// What the hash is keyed with.
#[derive(Clone, Copy)]
pub struct Seed(pub(super) [u64; 6]);

impl Seed {
    /// A seed that cannot be guessed.
    ///
    /// On targets without a source of randomness, such as `wasm32-unknown-unknown`, this function does
    /// not exist; there a host has to bring its own randomness to [`Self::fixed`].
    ///
    /// # Errors
    /// If the system has no randomness to give.
    #[cfg(not(target_family = "wasm"))]
    pub fn random() -> Result<Self, NoRandomness> {
        let mut words = [0; 6];
        getrandom::fill(bytemuck::bytes_of_mut(&mut words)).map_err(NoRandomness)?;
        Ok(Self(words))
    }

    /// The seed of unit tests.
    #[cfg(test)]
    pub(crate) const TEST: Self = Self([
        0x243f_6a88_85a3_08d3,
        0x1319_8a2e_0370_7344,
        0xa409_3822_299f_31d0,
        0x082e_fa98_ec4e_6c89,
        0x4528_21e6_38d0_1377,
        0xbe54_66cf_34e9_0c6c,
    ]);

    /// A seed of these words, for tests that need the same table twice, and for random words from a
    /// source of the host's. They should be irregular: the hash is no better than its seed.
    pub const fn fixed(words: [u64; 6]) -> Self {
        Self(words)
    }
}

impl fmt::Debug for Seed {
    /// Shows nothing: with the seed, keys can be chosen that share a group.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// The system gave no random octets.
#[cfg(not(target_family = "wasm"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRandomness(getrandom::Error);

#[cfg(not(target_family = "wasm"))]
impl fmt::Display for NoRandomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no random seed for the flow table: {}", self.0)
    }
}

#[cfg(not(target_family = "wasm"))]
impl core::error::Error for NoRandomness {}
