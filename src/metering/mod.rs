// SPDX-License-Identifier: Apache-2.0
//! The Metering Process (RFC 5470 §5.1): packets in, flow records out.

mod classifier;
mod configuration;
mod deferred;
mod expiration;
mod export;
mod families;
mod family;
mod layered;
mod metered_table;
mod phases;
mod process;
mod queue;
mod replacement;
mod shared;
mod statistics;
mod sweep;

pub use classifier::{Classifier, ExportTo};
pub use configuration::Configuration;
pub use expiration::Timeouts;
pub use export::{Export, ExportAll, ExportRefused};
pub use families::Families;
pub use family::{Family, Flows, STARTER_FLOWS, Table};
pub use layered::Layered;
pub use process::MeteringProcess;
pub use statistics::{Records, Statistics};
pub use sweep::{Flush, Swept};

pub use crate::flow::{
    EndReason, FlowKey, FlowRecord, IgnoredReason, LayerSelection, LayeredKey, Layers, Layout,
    LayoutKind, Tally,
};
#[cfg(not(target_family = "wasm"))]
pub use crate::flow_table::group::NoRandomness;
pub use crate::flow_table::group::{Backend, Seed};
pub use crate::flow_table::{MAX_FLOWS, OutOfMemory, Pages, TableError, Usage};

#[cfg(test)]
mod tests;
