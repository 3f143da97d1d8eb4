// SPDX-License-Identifier: Apache-2.0
//! bindgen's output for include/flowmeter.h and the API's C: types, constants and functions.
#![allow(
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    dead_code,
    unreachable_pub,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    rustdoc::all,
    unnecessary_transmutes,
    reason = "generated"
)]

use vpp_sys::{vlib_frame_t, vlib_main_t, vlib_node_runtime_t};

include!(concat!(env!("OUT_DIR"), "/api.rs"));
