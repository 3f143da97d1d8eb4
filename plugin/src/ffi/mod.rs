// SPDX-License-Identifier: Apache-2.0
//! What the plugin needs of VPP, safe to call, and all of its `unsafe` beside the functions that
//! VPP calls (`hooks` and the frontends' `hooks`).
//!
//! It knows nothing of flows. [`Main`] stands for the right to do what only the main thread may,
//! [`Barrier`] for stopped workers, and [`PerThread`] for what belongs to one thread at a time.

mod barrier;
pub(crate) mod buffer;
pub(crate) mod command;
pub(crate) mod counters;
pub(crate) mod exporter;
pub(crate) mod feature;
pub(crate) mod frame;
pub(crate) mod header;
pub(crate) mod interface;
mod link_header;
mod main_cell;
mod main_thread;
pub(crate) mod placement;
pub(crate) mod refusal;
pub(crate) mod registration;
pub(crate) mod text;
pub(crate) mod thread;

pub(crate) use barrier::{Barrier, Lent, PerThread, Published};
pub(crate) use main_cell::MainCell;
pub(crate) use main_thread::Main;
pub(crate) use refusal::{Refusal, Why};
pub(crate) use thread::Thread;
