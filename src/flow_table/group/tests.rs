// SPDX-License-Identifier: Apache-2.0
//! One runner for every backend, against a naive oracle.

use super::*;

/// Random inputs of a test; fewer for Miri, which is slow.
const ROUNDS: usize = if cfg!(miri) { 20 } else { 2000 };

struct Match<'a>(&'a Tags, &'a Tags, u8);

impl Task for Match<'_> {
    type Output = u32;

    #[inline(always)]
    fn run<I: Instructions>(self, set: I) -> u32 {
        set.matches(self.0, self.1, self.2)
    }
}

struct Hash<'a>(&'a Seed, &'a [u64]);

impl Task for Hash<'_> {
    type Output = u64;

    #[inline(always)]
    fn run<I: Instructions>(self, set: I) -> u64 {
        set.hash(self.0, self.1)
    }
}

struct HashAll<'a>(&'a Seed, usize, &'a [u64], &'a mut [u64]);

impl Task for HashAll<'_> {
    type Output = ();

    #[inline(always)]
    fn run<I: Instructions>(self, set: I) {
        set.hash_all(self.0, self.1, self.2, self.3);
    }
}

#[test]
fn keys_have_the_same_hash_together_and_alone() {
    let mut state = 1u64;
    let words: [u64; 192] = core::array::from_fn(|_| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
        state ^ state >> 32
    });
    for backend in Backend::available() {
        for (each, count) in [(3, 1), (3, 8), (3, 16), (3, 21), (3, 64), (6, 5), (6, 32)] {
            let mut hashes = vec![0; count];
            backend.run(HashAll(&Seed::TEST, each, &words, &mut hashes));
            for (hash, key) in hashes.iter().zip(words.chunks(each)) {
                assert_eq!(*hash, backend.run(Hash(&Seed::TEST, key)), "{backend:?}");
            }
        }
    }
}

fn naive(first: &Tags, second: &Tags, tag: u8) -> u32 {
    (0..32)
        .filter(|&index| {
            let tags = if index < GROUP { first } else { second };
            tags[index % GROUP] == tag
        })
        .fold(0, |mask, index| mask | 1 << index)
}

#[test]
fn every_backend_matches_as_the_oracle_does() {
    let mut state = 1u64;
    let mut octet = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
        ((state >> 60) as u8) * 17
    };
    for _ in 0..ROUNDS {
        let first: Tags = core::array::from_fn(|_| octet());
        let second: Tags = core::array::from_fn(|_| octet());
        for tag in [0, 17, 0x77, 0xff, octet()] {
            for backend in Backend::available() {
                assert_eq!(
                    backend.run(Match(&first, &second, tag)),
                    naive(&first, &second, tag),
                    "{backend:?}: {first:?} {second:?} {tag}"
                );
            }
        }
    }
}

struct Oldest<'a>(&'a Stamps, &'a Stamps, u32);

impl Task for Oldest<'_> {
    type Output = (u32, u32);

    #[inline(always)]
    fn run<I: Instructions>(self, set: I) -> (u32, u32) {
        set.oldest(self.0, self.1, self.2)
    }
}

#[test]
fn every_backend_finds_the_oldest_stamp_as_the_oracle_does() {
    let mut state = 1u64;
    let mut below = |limit: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
        ((state >> 33) % limit) as u32
    };
    for round in 0..ROUNDS {
        // Few different ages, so that many are equal; and ages that only unsigned order
        // gets right, around the wrap of uptime.
        let now = [0, 5, 1 << 31, u32::MAX][round % 4];
        let spread = [1, 2, 5, 1 << 32][round / 4 % 4];
        let first: Stamps = core::array::from_fn(|_| now.wrapping_sub(below(spread)));
        let second: Stamps = core::array::from_fn(|_| now.wrapping_sub(below(spread)));
        let ages = first
            .iter()
            .chain(&second)
            .map(|&stamp| now.wrapping_sub(stamp));
        let ages: Vec<u32> = ages.collect();
        let most = *ages.iter().max().unwrap();
        let bit = ages.iter().position(|&age| age == most).unwrap() as u32;
        for backend in Backend::available() {
            let found = backend.run(Oldest(&first, &second, now));
            assert_eq!(
                found,
                (bit, most),
                "{backend:?}: {first:?} {second:?} {now}"
            );
        }
    }
}

/// Flipping any one bit of key or seed must flip each output bit about half of the time.
#[test]
#[cfg_attr(
    miri,
    ignore = "slow, and touches no other memory than the tests of hashes"
)]
fn every_backend_spreads_every_bit_of_key_and_seed() {
    for backend in Backend::available() {
        for length in [3, 6] {
            let rounds = 400;
            let mut flips = vec![[0u32; 64]; length * 64];
            for round in 0..rounds {
                let words: Vec<u64> = (0..length as u64)
                    .map(|index| (round * 7 + index).wrapping_mul(0x9e37_79b9_7f4a_7c15))
                    .collect();
                let hash = backend.run(Hash(&Seed::TEST, &words));
                for bit in 0..length * 64 {
                    let mut words = words.clone();
                    words[bit / 64] ^= 1 << (bit % 64);
                    let changed = hash ^ backend.run(Hash(&Seed::TEST, &words));
                    for (output, count) in flips[bit].iter_mut().enumerate() {
                        *count += (changed >> output & 1) as u32;
                    }
                }
            }
            for (bit, counts) in flips.iter().enumerate() {
                for count in counts {
                    // Six standard deviations around one half.
                    assert!(
                        (140..=260).contains(count),
                        "{backend:?}: input bit {bit} of {length} words: {count} of {rounds}"
                    );
                }
            }
        }
        let words = [1, 2, 3];
        let hash = backend.run(Hash(&Seed::TEST, &words));
        for index in 0..4 {
            let mut seed = Seed::TEST;
            seed.0[index] ^= 1 << 17;
            assert_ne!(hash, backend.run(Hash(&seed, &words)), "{backend:?}");
        }
    }
}

#[test]
fn random_seeds_differ_and_are_not_shown() {
    let (one, other) = (Seed::random().unwrap(), Seed::random().unwrap());
    assert_ne!(one.0, other.0);
    assert_eq!(format!("{one:?}"), "Seed(..)");
}
