// SPDX-License-Identifier: Apache-2.0
//! The order of the octets in a capture's numbers, which is that of the machine that wrote
//! it.
//!
//! Owns the reading of integers at fixed offsets of headers whose length is in their type,
//! so that none of it can fail. Knows nothing of what the numbers mean.

/// Which octet of a number comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ByteOrder {
    /// The least significant.
    #[default]
    Little,
    /// The most significant.
    Big,
}

impl ByteOrder {
    /// The 16-bit number of `header` at the constant offset `AT`.
    #[inline(always)]
    pub(super) fn u16<const AT: usize, const N: usize>(self, header: &[u8; N]) -> u16 {
        const { assert!(AT + 2 <= N) };
        self.u16_of([header[AT], header[AT + 1]])
    }

    /// The 32-bit number of `header` at the constant offset `AT`.
    #[inline(always)]
    pub(super) fn u32<const AT: usize, const N: usize>(self, header: &[u8; N]) -> u32 {
        const { assert!(AT + 4 <= N) };
        self.u32_of([header[AT], header[AT + 1], header[AT + 2], header[AT + 3]])
    }

    /// The number that `octets` are.
    #[inline(always)]
    pub(super) fn u16_of(self, octets: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(octets),
            Self::Big => u16::from_be_bytes(octets),
        }
    }

    /// The number that `octets` are.
    #[inline(always)]
    pub(super) fn u32_of(self, octets: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(octets),
            Self::Big => u32::from_be_bytes(octets),
        }
    }

    /// The signed number that `octets` are.
    pub(super) fn i64_of(self, octets: [u8; 8]) -> i64 {
        match self {
            Self::Little => i64::from_le_bytes(octets),
            Self::Big => i64::from_be_bytes(octets),
        }
    }
}
