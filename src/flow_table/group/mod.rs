// SPDX-License-Identifier: Apache-2.0
//! What differs between instruction sets: hashing a key and matching the control octets
//! of a key's two candidate groups.
//!
//! The set is chosen once, as a [`Backend`]. [`Backend::run`] compiles a [`Task`] for each set and hands
//! it the set's token, on which the [`Instructions`] are methods. All sets give the same results except
//! for the value of the hash.

mod generic;
mod seed;
#[cfg(target_arch = "x86_64")]
mod x86;

use core::fmt;

use self::generic::Generic;
#[cfg(not(target_family = "wasm"))]
pub use self::seed::NoRandomness;
pub use self::seed::Seed;
#[cfg(target_arch = "x86_64")]
use crate::cpu::x86::{Avx2, Avx512, RunOn, Sse2};

/// Slots in a group: the control octets that one SSE2 register holds.
pub(crate) const GROUP: usize = 16;

/// A group's control octets: a tag for each slot, 0 where the slot is free.
pub(crate) type Tags = [u8; GROUP];

/// For each slot of a group, an uptime in milliseconds.
pub(crate) type Stamps = [u32; GROUP];

/// The operations of an instruction set, on the token that proves that the processor has it.
///
/// Methods are inlined into [`Task::run`], which [`Backend::run`] compiles once for each set.
pub trait Instructions: Copy {
    /// A keyed hash whose 64 bits all depend on all of `words`.
    fn hash(self, seed: &Seed, words: &[u64]) -> u64;

    /// The hashes of several keys of `each` words: of as many as `hashes` has room for.
    #[inline(always)]
    fn hash_all(self, seed: &Seed, each: usize, words: &[u64], hashes: &mut [u64]) {
        for (hash, words) in hashes.iter_mut().zip(words.chunks_exact(each)) {
            *hash = self.hash(seed, words);
        }
    }

    /// Which of `first`'s octets (bits 0 to 15) and `second`'s (bits 16 to 31) equal `tag`.
    fn matches(self, first: &Tags, second: &Tags, tag: u8) -> u32;

    /// Which of `first`'s stamps (0 to 15) and `second`'s (16 to 31) lies furthest before
    /// `now`, the first of equals, and by how much.
    #[inline(always)]
    fn oldest(self, first: &Stamps, second: &Stamps, now: u32) -> (u32, u32) {
        generic::oldest(first, second, now)
    }
}

/// Work that is compiled for each instruction set.
pub(crate) trait Task {
    /// What it results in.
    type Output;

    /// Does the work; must be `#[inline(always)]`.
    fn run<I: Instructions>(self, set: I) -> Self::Output;
}

#[cfg(target_arch = "x86_64")]
impl<T: Task, I: Instructions> RunOn<I> for T {
    type Output = T::Output;

    #[inline(always)]
    fn run_on(self, set: I) -> T::Output {
        self.run(set)
    }
}

/// An instruction set that this machine has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Backend(Set);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    Generic(Generic),
    #[cfg(target_arch = "x86_64")]
    Sse2(Sse2),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Backend {
    /// Portable code, on every machine.
    pub const fn generic() -> Self {
        Self(Set::Generic(Generic))
    }

    /// SSE2 with AES-NI and POPCNT.
    pub fn sse2() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        return Some(Self(Set::Sse2(Sse2::new()?)));
        #[cfg(not(target_arch = "x86_64"))]
        None
    }

    /// AVX2 with AES-NI.
    pub fn avx2() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        return Some(Self(Set::Avx2(Avx2::new()?)));
        #[cfg(not(target_arch = "x86_64"))]
        None
    }

    /// AVX-512 (VL, BW) with VAES.
    pub fn avx512() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        return Some(Self(Set::Avx512(Avx512::new()?)));
        #[cfg(not(target_arch = "x86_64"))]
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
            Set::Generic(_) => "generic",
            #[cfg(target_arch = "x86_64")]
            Set::Sse2(_) => "sse2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(_) => "avx512",
        }
    }

    /// Runs `task`, compiled for this instruction set.
    #[inline]
    pub(crate) fn run<T: Task>(self, task: T) -> T::Output {
        match self.0 {
            Set::Generic(set) => task.run(set),
            #[cfg(target_arch = "x86_64")]
            Set::Sse2(set) => set.run(task),
            #[cfg(target_arch = "x86_64")]
            Set::Avx2(set) => set.run(task),
            #[cfg(target_arch = "x86_64")]
            Set::Avx512(set) => set.run(task),
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
