// SPDX-License-Identifier: Apache-2.0
//! What the processor is asked for that no language has a word for.
//!
//! Knows nothing of flows or packets. Code for instruction sets is beside what it works on
//! (`flow_table/group/`).
#![allow(unsafe_code)]

/// Asks the processor for the cache line at `address`, which may be any, ahead of its use.
#[inline(always)]
pub(crate) fn prefetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching reads no memory and never faults; SSE is part of x86-64.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
