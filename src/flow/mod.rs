// SPDX-License-Identifier: Apache-2.0
//! The types that all other modules share: keys, records, and why a packet has neither.
//!
//! Imports only `observation` and `time`.

mod ignored;
mod key;
mod layered_key;
mod record;
mod tally;

pub use ignored::IgnoredReason;
pub use key::{FlowKey, Ipv4Key, Ipv6Key, L2Key, Observed, Ports};
pub use layered_key::{LayerSelection, LayeredKey, Layers, Layout, LayoutKind};
pub use record::{EndReason, FlowRecord};
pub(crate) use record::{Flow, SYN};
pub use tally::Tally;

#[cfg(test)]
mod tests;
