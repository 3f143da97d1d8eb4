// SPDX-License-Identifier: Apache-2.0
//! The Metering Process (RFC 5470 §5.1): packets in, flow records out.

mod expiration;
mod export;
mod family;
pub mod flow_key;
mod flow_record;
pub(crate) mod flow_table;
mod frame;
pub(crate) mod ignored;
mod lane;
mod plain;
mod process;
mod queue;
mod recorded_key;
mod recorder;
mod statistics;
mod sweep;
mod waiting;

pub use expiration::Timeouts;
pub use export::{Export, ExportAll, NoRoom};
pub use family::{Family, Flows, Pages, STARTER_FLOWS, Table, Usage};
pub use flow_key::FlowKey;
pub use flow_record::{EndReason, FlowRecord};
pub use flow_table::group::{Backend, Seed};
pub use ignored::IgnoredReason;
pub use process::{Configuration, MeteringProcess};
pub use recorded_key::{Layers, Layout, Recorded, RecordedKey, Recording};
pub use recorder::Recorder;
pub use statistics::{Records, Statistics, Tally};
pub use sweep::{Flush, Swept};
