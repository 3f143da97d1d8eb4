// SPDX-License-Identifier: Apache-2.0
//! Recorded flows, which replace flowprobe's: the parameters and interfaces that its clients set.
//!
//! Either flowprobe's clients or `flowmeter interface` meter interfaces, never both at a time.

mod enabling;
mod parameters;

pub(super) use enabling::on_interface_removed;
pub(crate) use enabling::{disable, enable, lacks_meters, set_parameters};
pub(crate) use parameters::{DEFAULT_TIMER, RecordingState, Refusal, Variant, timers_are_valid};
