// SPDX-License-Identifier: Apache-2.0
//! What differs between instruction sets: hashing a key and matching the control octets
//! of a key's two candidate groups.
//!
//! The set is chosen once, as a [`Backend`]; [`Backend::run`] is the one door from there
//! into code compiled for it. Every backend answers alike but for the hash's value.
#![allow(unsafe_code)]

mod generic;
#[cfg(target_arch = "x86_64")]
mod x86;

use core::fmt;

pub(crate) use generic::Generic;

/// Slots in a group: the control octets that one SSE2 register holds.
pub(crate) const GROUP: usize = 16;

/// A group's control octets: a tag for each slot, 0 where the slot is free.
pub(crate) type Tags = [u8; GROUP];

/// For each slot of a group, an uptime in milliseconds.
pub(crate) type Stamps = [u32; GROUP];

/// What the hash is keyed with.
#[derive(Clone, Copy)]
pub struct Seed([u64; 6]);

impl Seed {
    /// A seed that nobody can guess.
    ///
    /// # Errors
    /// Where the system has no randomness to give.
    pub fn random() -> std::io::Result<Self> {
        let mut words = [0; 6];
        getrandom::fill(bytemuck::bytes_of_mut(&mut words))?;
        Ok(Self(words))
    }

    /// A seed for tests, which want the same table twice. Its words should be as irregular as
    /// random ones: the hash is no better than its seed.
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

/// The operations of one instruction set.
///
/// Methods are inlined into [`Task::run`], which [`Backend::run`] compiles once for each set.
pub trait Instructions {
    /// A keyed hash whose 64 bits all depend on all of `words`.
    fn hash(seed: &Seed, words: &[u64]) -> u64;

    /// The hashes of several keys of `each` words: of as many as `hashes` has room for.
    #[inline(always)]
    fn hash_all(seed: &Seed, each: usize, words: &[u64], hashes: &mut [u64]) {
        for (hash, words) in hashes.iter_mut().zip(words.chunks_exact(each)) {
            *hash = Self::hash(seed, words);
        }
    }

    /// Which of `first`'s octets (bits 0 to 15) and `second`'s (bits 16 to 31) equal `tag`.
    fn matches(first: &Tags, second: &Tags, tag: u8) -> u32;

    /// Which of `first`'s stamps (0 to 15) and `second`'s (16 to 31) lies furthest before
    /// `now`, the first of equals, and by how much.
    #[inline(always)]
    fn oldest(first: &Stamps, second: &Stamps, now: u32) -> (u32, u32) {
        generic::oldest(first, second, now)
    }
}

/// Work that is compiled for each instruction set.
pub(crate) trait Task {
    /// What it results in.
    type Output;

    /// Does the work; must be `#[inline(always)]`.
    fn run<I: Instructions>(self) -> Self::Output;
}

/// An instruction set that this machine has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Backend(Set);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    Generic,
    #[cfg(target_arch = "x86_64")]
    Sse2,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Backend {
    /// Portable code, on every machine.
    pub const fn generic() -> Self {
        Self(Set::Generic)
    }

    /// SSE2 with AES-NI and POPCNT.
    pub fn sse2() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("aes")
            && std::arch::is_x86_feature_detected!("popcnt")
        {
            return Some(Self(Set::Sse2));
        }
        None
    }

    /// AVX2 with AES-NI.
    pub fn avx2() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if Self::sse2().is_some()
            && std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("bmi1")
            && std::arch::is_x86_feature_detected!("bmi2")
            && std::arch::is_x86_feature_detected!("lzcnt")
        {
            return Some(Self(Set::Avx2));
        }
        None
    }

    /// AVX-512 (VL, BW) with VAES.
    pub fn avx512() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if Self::avx2().is_some()
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("vaes")
        {
            return Some(Self(Set::Avx512));
        }
        None
    }

    /// The best that this machine has.
    pub fn detect() -> Self {
        Self::avx512()
            .or_else(Self::avx2)
            .or_else(Self::sse2)
            .unwrap_or(Self::generic())
    }

    /// All that this machine has, slowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        [
            Some(Self::generic()),
            Self::sse2(),
            Self::avx2(),
            Self::avx512(),
        ]
        .into_iter()
        .flatten()
    }

    /// The name that reports show.
    pub const fn name(self) -> &'static str {
        match self.0 {
            Set::Generic => "generic",
            #[cfg(target_arch = "x86_64")]
            Set::Sse2 => "sse2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "avx512",
        }
    }

    /// Runs `task`, compiled for this instruction set.
    #[inline]
    pub(crate) fn run<T: Task>(self, task: T) -> T::Output {
        match self.0 {
            Set::Generic => task.run::<Generic>(),
            // SAFETY: a `Backend` of this set is only made where the machine has it.
            #[cfg(target_arch = "x86_64")]
            Set::Sse2 => unsafe { x86::run_sse2(task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { x86::run_avx2(task) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => unsafe { x86::run_avx512(task) },
        }
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests;
