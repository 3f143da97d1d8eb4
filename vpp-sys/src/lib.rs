// SPDX-License-Identifier: Apache-2.0
//! Raw bindings of VPP: types by bindgen, and the functions of `shim/`, which wrap VPP's macros,
//! inline functions and variadic functions. It has no logic and nothing safe.
//!
//! Layouts are checked twice: by constants that bindgen generates, when this crate is compiled, and
//! by `STATIC_ASSERT`s in `shim/vpp_shim.h`, when the shim is compiled.

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

/// The first part of a buffer's header, with all fields that are read. The buffer's data area
/// starts at offset [`VPP_SHIM_BUFFER_DATA`]. The shim checks both.
pub type vlib_buffer_t = vpp_shim_buffer_t;
