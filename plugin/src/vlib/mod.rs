// SPDX-License-Identifier: Apache-2.0
//! What the plugin needs of VPP, safe to call: the only place that calls `vpp-sys`, beside the
//! hooks that VPP calls us by.
//!
//! It knows nothing of flows. [`Main`] stands for the right to do what only the main thread
//! may, [`Barrier`] for the workers standing still meanwhile.

pub(crate) mod barrier;
pub(crate) mod buffer;
pub(crate) mod counters;
pub(crate) mod exporter;
pub(crate) mod frame;
pub(crate) mod interface;
mod link_header;
pub(crate) mod main_cell;
pub(crate) mod main_thread;
pub(crate) mod text;
pub(crate) mod thread;

pub(crate) use barrier::Barrier;
pub(crate) use main_cell::MainCell;
pub(crate) use main_thread::Main;
pub(crate) use thread::Thread;
