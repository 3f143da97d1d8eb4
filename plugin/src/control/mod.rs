// SPDX-License-Identifier: Apache-2.0
//! What commands and messages ask for, done: all of it, or nothing and a [`Refusal`].
//!
//! It knows neither words nor messages. What takes long suspends the process that asks.
//!
//! [`Refusal`]: crate::refusal::Refusal

pub(crate) mod ending;
pub(crate) mod exporting;
pub(crate) mod flows;
pub(crate) mod slices;
pub(crate) mod tuning;
pub(crate) mod watching;
