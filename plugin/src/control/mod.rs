// SPDX-License-Identifier: Apache-2.0
//! What the main thread does: the state of the plugin, and every change of it. A change is made
//! whole, or refused with a [`Refusal`](crate::ffi::Refusal).
//!
//! It knows neither words nor messages. What takes long suspends the process that asks for it.

mod asking;
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
pub(crate) mod settings;
pub(crate) mod state;
pub(crate) mod tables;
pub(crate) mod verification;
mod walks;
