// SPDX-License-Identifier: Apache-2.0
//! The Metering Process (RFC 5470 §5.1): packets in, flow records out.

mod batch;
mod deferred;
mod expiration;
mod export;
mod family;
mod phases;
mod process;
mod queue;
mod recorder;
mod shared;
mod statistics;
mod sweep;
mod tables;

pub use expiration::Timeouts;
pub use export::{Export, ExportAll, NoRoom};
pub use family::{Family, Flows, STARTER_FLOWS, Table};
pub use process::{Configuration, MeteringProcess};
pub use recorder::Recorder;
pub use statistics::{Records, Statistics};
pub use sweep::{Flush, Swept};

pub use crate::flow::{
    EndReason, FlowKey, FlowRecord, IgnoredReason, Layers, Layout, Recorded, RecordedKey,
    Recording, Tally,
};
#[cfg(not(target_family = "wasm"))]
pub use crate::flow_table::group::NoRandomness;
pub use crate::flow_table::group::{Backend, Seed};
pub use crate::flow_table::{OutOfMemory, Pages, Usage};
