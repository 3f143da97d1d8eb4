// SPDX-License-Identifier: Apache-2.0
//! The state of the plugin and all changes of it, on the main thread. A change is made completely,
//! or refused with a [`Refusal`](crate::ffi::Refusal).
//!
//! It knows neither commands nor messages. An operation that takes long suspends the calling
//! process.

pub(crate) mod exit;
pub(crate) mod exporter;
pub(crate) mod exporting;
pub(crate) mod flows;
pub(crate) mod flush;
pub(crate) mod fullness;
pub(crate) mod inspection;
pub(crate) mod interface_events;
pub(crate) mod interfaces;
pub(crate) mod making;
pub(crate) mod memory;
pub(crate) mod observing;
pub(crate) mod process;
pub(crate) mod recording;
mod resolve_backoff;
pub(crate) mod settings;
pub(crate) mod state;
pub(crate) mod tables;
pub(crate) mod verification;
mod walks;
