// SPDX-License-Identifier: Apache-2.0
//! The byte order of a capture, which is that of the machine that wrote it.
//!
//! Owns the decoding of integers at constant offsets in headers of constant length, which cannot
//! fail. Knows nothing of what the numbers mean.

/// A byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ByteOrder {
    /// The least significant octet comes first.
    #[default]
    Little,
    /// The most significant octet comes first.
    Big,
}

impl ByteOrder {
    /// Returns the 16-bit number of `header` at the constant offset `AT`.
    #[inline(always)]
    pub(super) fn u16<const AT: usize, const N: usize>(self, header: &[u8; N]) -> u16 {
        const { assert!(AT + 2 <= N) };
        self.u16_of([header[AT], header[AT + 1]])
    }

    /// Returns the 32-bit number of `header` at the constant offset `AT`.
    #[inline(always)]
    pub(super) fn u32<const AT: usize, const N: usize>(self, header: &[u8; N]) -> u32 {
        const { assert!(AT + 4 <= N) };
        self.u32_of([header[AT], header[AT + 1], header[AT + 2], header[AT + 3]])
    }

    /// Decodes a number.
    #[inline(always)]
    pub(super) fn u16_of(self, octets: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(octets),
            Self::Big => u16::from_be_bytes(octets),
        }
    }

    /// Decodes a number.
    #[inline(always)]
    pub(super) fn u32_of(self, octets: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(octets),
            Self::Big => u32::from_be_bytes(octets),
        }
    }

    /// Decodes a signed number.
    pub(super) fn i64_of(self, octets: [u8; 8]) -> i64 {
        match self {
            Self::Little => i64::from_le_bytes(octets),
            Self::Big => i64::from_be_bytes(octets),
        }
    }
}
