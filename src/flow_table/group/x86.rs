// SPDX-License-Identifier: Apache-2.0
//! x86-64: AES rounds to hash, SSE2, AVX2 or AVX-512 to match.
//!
//! Each method of [`Instructions`] has a token as `self`, which proves that the processor has what the
//! method runs.
#![allow(unsafe_code)]

use core::arch::x86_64::*;

use super::{Instructions, Seed, Stamps, Tags};
use crate::cpu::x86::{Avx2, Avx512, Sse2};

/// AES rounds under keys that the sender of packets does not know: two behind each 16 octets,
/// after which every octet of the state depends on every octet that went in.
#[inline]
#[target_feature(enable = "aes")]
fn aes_hash(seed: &Seed, words: &[u64]) -> u64 {
    let key = |index: usize| {
        let [low, high] = [seed.0[2 * index], seed.0[2 * index + 1]];
        _mm_set_epi64x(high.cast_signed(), low.cast_signed())
    };
    let mut state = key(0);
    if let [first, second, third] = *words {
        // The third word goes in after one round, spread over all columns: what a sender can
        // choose of it (protocol and VLAN) cancels no difference that one round has made of
        // the first two unless it guesses three octets of the S-box's output.
        let block = _mm_set_epi64x(second.cast_signed(), first.cast_signed());
        let spread = _mm_unpacklo_epi8(_mm_cvtsi64_si128(third.cast_signed()), _mm_setzero_si128());
        state = _mm_aesenc_si128(_mm_xor_si128(state, block), _mm_xor_si128(spread, key(1)));
        state = _mm_aesenc_si128(state, key(2));
        state = _mm_aesenc_si128(state, key(1));
        return _mm_cvtsi128_si64(state).cast_unsigned();
    }
    for pair in words.chunks(2) {
        let high = pair.get(1).map_or(0, |word| word.cast_signed());
        let block = _mm_set_epi64x(high, pair[0].cast_signed());
        state = _mm_aesenc_si128(_mm_xor_si128(state, block), key(1));
        state = _mm_aesenc_si128(state, key(2));
    }
    _mm_cvtsi128_si64(state).cast_unsigned()
}

/// As [`aes_hash`], of eight keys of three words.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,vaes")]
fn aes_hash_eight(seed: &Seed, keys: &[u64; 24]) -> [u64; 8] {
    let key = |index: usize| {
        let [low, high] = [seed.0[2 * index], seed.0[2 * index + 1]];
        _mm512_broadcast_i32x4(_mm_set_epi64x(high.cast_signed(), low.cast_signed()))
    };
    let load = |from: usize| {
        // SAFETY: eight words are there from 0, 8 and 16 on; no alignment is needed.
        unsafe { _mm512_loadu_si512(keys[from..from + 8].as_ptr().cast()) }
    };
    let words = [load(0), load(8), load(16)];
    // Four keys, of which the first begins at word `from` of two registers.
    let hash = |from: i64, low: __m512i, high: __m512i| {
        let pick = |of: i64| {
            let at = |key: i64| from + 3 * key + of;
            let order = _mm512_setr_epi64(
                at(0),
                at(0) + 1,
                at(1),
                at(1) + 1,
                at(2),
                at(2) + 1,
                at(3),
                at(3) + 1,
            );
            _mm512_permutex2var_epi64(low, order, high)
        };
        let spread = _mm512_unpacklo_epi8(pick(2), _mm512_setzero_si512());
        let state = _mm512_xor_si512(pick(0), key(0));
        let state = _mm512_aesenc_epi128(state, _mm512_xor_si512(spread, key(1)));
        let state = _mm512_aesenc_epi128(state, key(2));
        _mm512_aesenc_epi128(state, key(1))
    };
    let first = hash(0, words[0], words[1]);
    let second = hash(4, words[1], words[2]);
    let order = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
    let hashes = _mm512_permutex2var_epi64(first, order, second);
    let mut out = [0; 8];
    // SAFETY: `out` has room for eight words; no alignment is needed.
    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), hashes) };
    out
}

#[inline]
#[target_feature(enable = "sse2")]
fn load(tags: &Tags) -> __m128i {
    // SAFETY: `tags` is 16 readable octets; the load needs no alignment.
    unsafe { _mm_loadu_si128(tags.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn oldest_avx2(first: &Stamps, second: &Stamps, now: u32) -> (u32, u32) {
    let now = _mm256_set1_epi32(now.cast_signed());
    let ages = |stamps: &Stamps, from: usize| {
        // SAFETY: `stamps` has 8 readable stamps from 0 and from 8; no alignment is needed.
        let stamps = unsafe { _mm256_loadu_si256(stamps[from..from + 8].as_ptr().cast()) };
        _mm256_sub_epi32(now, stamps)
    };
    let ages = [
        ages(first, 0),
        ages(first, 8),
        ages(second, 0),
        ages(second, 8),
    ];
    let most = _mm256_max_epu32(
        _mm256_max_epu32(ages[0], ages[1]),
        _mm256_max_epu32(ages[2], ages[3]),
    );
    let most = _mm_max_epu32(
        _mm256_castsi256_si128(most),
        _mm256_extracti128_si256::<1>(most),
    );
    let most = _mm_max_epu32(most, _mm_shuffle_epi32::<0b01_00_11_10>(most));
    let most = _mm_max_epu32(most, _mm_shuffle_epi32::<0b10_11_00_01>(most));
    let most = _mm256_broadcastd_epi32(most);
    let equal = ages.map(|ages| _mm256_cmpeq_epi32(ages, most));
    // Four registers of 8 wide answers, narrowed to one of 32 octets; packing works on halves
    // of registers, so the order is put right at the end.
    let octets = _mm256_packs_epi16(
        _mm256_packs_epi32(equal[0], equal[1]),
        _mm256_packs_epi32(equal[2], equal[3]),
    );
    let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    let mask = _mm256_movemask_epi8(_mm256_permutevar8x32_epi32(octets, order));
    let age = _mm256_cvtsi256_si32(most);
    (mask.cast_unsigned().trailing_zeros(), age.cast_unsigned())
}

impl Instructions for Sse2 {
    #[inline(always)]
    fn hash(self, seed: &Seed, words: &[u64]) -> u64 {
        // SAFETY: the token proves AES.
        unsafe { aes_hash(seed, words) }
    }

    #[inline(always)]
    fn matches(self, first: &Tags, second: &Tags, tag: u8) -> u32 {
        #[inline]
        #[target_feature(enable = "sse2")]
        fn matches(tags: &Tags, tag: u8) -> u32 {
            let equal = _mm_cmpeq_epi8(load(tags), _mm_set1_epi8(tag.cast_signed()));
            _mm_movemask_epi8(equal).cast_unsigned()
        }
        // SAFETY: SSE2 is part of x86-64.
        let first = unsafe { matches(first, tag) };
        // SAFETY: as above.
        let second = unsafe { matches(second, tag) };
        first | (second << 16)
    }
}

impl Instructions for Avx2 {
    #[inline(always)]
    fn hash(self, seed: &Seed, words: &[u64]) -> u64 {
        // SAFETY: the token proves AES.
        unsafe { aes_hash(seed, words) }
    }

    #[inline(always)]
    fn matches(self, first: &Tags, second: &Tags, tag: u8) -> u32 {
        #[inline]
        #[target_feature(enable = "avx2")]
        fn matches(first: &Tags, second: &Tags, tag: u8) -> u32 {
            let both = _mm256_set_m128i(load(second), load(first));
            let equal = _mm256_cmpeq_epi8(both, _mm256_set1_epi8(tag.cast_signed()));
            _mm256_movemask_epi8(equal).cast_unsigned()
        }
        // SAFETY: the token proves AVX2.
        unsafe { matches(first, second, tag) }
    }

    #[inline(always)]
    fn oldest(self, first: &Stamps, second: &Stamps, now: u32) -> (u32, u32) {
        // SAFETY: the token proves AVX2.
        unsafe { oldest_avx2(first, second, now) }
    }
}

impl Instructions for Avx512 {
    #[inline(always)]
    fn hash(self, seed: &Seed, words: &[u64]) -> u64 {
        // SAFETY: the token proves AES.
        unsafe { aes_hash(seed, words) }
    }

    #[inline(always)]
    fn hash_all(self, seed: &Seed, each: usize, words: &[u64], hashes: &mut [u64]) {
        let mut done = 0;
        if each == 3 {
            let (eights, _) = hashes.as_chunks_mut::<8>();
            for (hashes, keys) in eights.iter_mut().zip(words.as_chunks::<24>().0) {
                // SAFETY: the token proves AVX-512 BW and VAES.
                *hashes = unsafe { aes_hash_eight(seed, keys) };
                done += 8;
            }
        }
        let keys = words.chunks_exact(each).skip(done);
        for (hash, words) in hashes.iter_mut().skip(done).zip(keys) {
            *hash = self.hash(seed, words);
        }
    }

    #[inline(always)]
    fn matches(self, first: &Tags, second: &Tags, tag: u8) -> u32 {
        #[inline]
        #[target_feature(enable = "avx512vl,avx512bw")]
        fn matches(first: &Tags, second: &Tags, tag: u8) -> u32 {
            let both = _mm256_set_m128i(load(second), load(first));
            _mm256_cmpeq_epi8_mask(both, _mm256_set1_epi8(tag.cast_signed()))
        }
        // SAFETY: the token proves AVX-512 VL and BW.
        unsafe { matches(first, second, tag) }
    }

    #[inline(always)]
    fn oldest(self, first: &Stamps, second: &Stamps, now: u32) -> (u32, u32) {
        // SAFETY: the token proves AVX2.
        unsafe { oldest_avx2(first, second, now) }
    }
}
