// SPDX-License-Identifier: Apache-2.0
//! What runs on each of VPP's threads: the bodies of the observing nodes, and the thread's meters.
//!
//! It knows neither commands nor the names of interfaces.

pub(crate) mod counters;
pub(crate) mod delivery;
pub(crate) mod ending;
pub(crate) mod errors;
pub(crate) mod inspection;
pub(crate) mod live_flows;
pub(crate) mod node;
pub(crate) mod order;
pub(crate) mod place;
pub(crate) mod recording;
pub(crate) mod recording_node;
pub(crate) mod thread_meter;
pub(crate) mod trace;
pub(crate) mod worker;
