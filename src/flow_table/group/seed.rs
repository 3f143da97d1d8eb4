// SPDX-License-Identifier: Apache-2.0
//! The key of the hash, which decides where flows stand.

use core::fmt;

/// What the hash is keyed with.
#[derive(Clone, Copy)]
pub struct Seed(pub(super) [u64; 6]);

impl Seed {
    /// A seed that nobody can guess.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn random() -> std::io::Result<Self> {
        let mut words = [0; 6];
        getrandom::fill(bytemuck::bytes_of_mut(&mut words))?;
        Ok(Self(words))
    }

    /// A seed of these words, for tests that need the same table twice, and for random words from a
    /// source of the host's. They should be irregular: the hash is no better than its seed.
    pub const fn fixed(words: [u64; 6]) -> Self {
        Self(words)
    }
}

impl fmt::Debug for Seed {
    /// Shows nothing: who knows the seed can choose keys that share a group.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}
