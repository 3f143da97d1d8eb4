// SPDX-License-Identifier: Apache-2.0
//! How headers are read: a header is a struct of octets, laid over the packet's own.
//!
//! Knows no protocol. A header's length is checked once, here. After that, its fields have names
//! instead of offsets, and reading one cannot fail.

use bytemuck::Pod;

/// Returns the header `H` that `octets` begin with, and what follows it; `None` if they end inside
/// it. `H` has only octets, so it needs no alignment.
#[inline(always)]
pub(super) fn split_header<H: Pod>(octets: &[u8]) -> Option<(&H, &[u8])> {
    const { assert!(align_of::<H>() == 1) };
    let (header, rest) = octets.split_at_checked(size_of::<H>())?;
    Some((bytemuck::try_from_bytes(header).ok()?, rest))
}

/// Returns the first `length` of `octets`, or all if there are fewer.
#[inline(always)]
pub(super) fn clip(octets: &[u8], length: usize) -> &[u8] {
    octets.get(..length).unwrap_or(octets)
}
