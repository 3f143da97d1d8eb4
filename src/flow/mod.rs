// SPDX-License-Identifier: Apache-2.0
//! The nouns that everything else uses: keys, records, and why a packet has neither.
//!
//! Knows no packets, tables or timeouts, and imports nothing but where and when packets are
//! observed.

mod ignored;
mod key;
mod record;
mod recorded_key;
mod tally;

pub use ignored::IgnoredReason;
pub use key::{FlowKey, Ipv4Key, Ipv6Key, L2Key, Observed, Ports};
pub use record::{EndReason, FlowRecord};
pub(crate) use record::{Flow, SYN};
pub use recorded_key::{Layers, Layout, Recorded, RecordedKey, Recording};
pub use tally::Tally;
