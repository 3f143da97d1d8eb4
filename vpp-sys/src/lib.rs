// SPDX-License-Identifier: Apache-2.0
//! VPP as it is: types by bindgen, and the functions of `shim/`, which stand for VPP's macros,
//! inline functions and functions of variable arguments. No logic and nothing safe.
//!
//! Layouts are asserted twice: by the constants that bindgen generates, when this crate is
//! compiled, and by `STATIC_ASSERT`s in `shim/vpp_shim.h`, when the shim is.

#![allow(
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    rustdoc::all,
    unnecessary_transmutes
)]

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));

/// A buffer's beginning, where all that is read of it stands; its data begin
/// [`VPP_SHIM_BUFFER_DATA`] octets on. The shim asserts both.
pub type vlib_buffer_t = vpp_shim_buffer_t;
