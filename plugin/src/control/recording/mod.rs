// SPDX-License-Identifier: Apache-2.0
//! Recorded flows, in flowprobe's place: what its clients set, and on which interfaces.
//!
//! An interface is metered either so or by `flowmeter interface`, never both at a time.

mod enabling;
mod parameters;

pub(super) use enabling::on_interface_removed;
pub(crate) use enabling::{disable, enable, lacks_meters, set_parameters};
pub(crate) use parameters::{DEFAULT_TIMER, RecordingState, Refusal, Variant, are_in_order};
