// SPDX-License-Identifier: Apache-2.0
//! What the processor offers beyond the language: prefetching, and tokens that prove that it has an
//! instruction set.
//!
//! It knows nothing of flows or packets. Code that uses an instruction set is beside what it works on
//! (`flow_table/group/`).
#![allow(unsafe_code)]

mod prefetch;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;

pub(crate) use self::prefetch::prefetch;
