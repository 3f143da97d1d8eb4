// SPDX-License-Identifier: Apache-2.0
//! Safe wrappers of what the plugin uses of VPP. All `unsafe` code is here and in the functions
//! that VPP calls (`hooks` and the frontends' `hooks`).
//!
//! It knows nothing of flows. [`Main`] proves that the code runs on the main thread, [`Barrier`]
//! that the workers are stopped, and [`PerThread`] gives each value to one thread at a time.

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
pub(crate) use refusal::{Refusal, RefusalKind};
pub(crate) use thread::Thread;
