// SPDX-License-Identifier: Apache-2.0
//! In flowprobe's place: its API, its commands and its records, where flowprobe is not loaded.
//!
//! ```text
//!  api, cli → control: params, interfaces        observe: frame → recorder → next feature
//!                 (under the barrier) →           host::expire: sweep → recorder → messages
//! ```
//!
//! An interface is metered either so or by `flowmeter interface`, never both at a time. What is
//! wrong with flowprobe itself is not kept; what its clients and collectors see is.

mod announce;
mod cli;
mod control;
mod enabling;
mod hooks;
mod host;
mod observe;

pub(crate) use control::Flowprobe;
pub(crate) use host::Host;
