// SPDX-License-Identifier: Apache-2.0
//! How a metering process is set up, whatever classifies its packets.

use super::expiration::Timeouts;
use super::family::Flows;
use crate::flow_table::group::{Backend, Seed};

/// How a metering process is set up.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct Configuration {
    /// The number of flows that each family's table has room for; [`STARTER_FLOWS`] for a family
    /// that may never come, which gets a full table later ([`MeteringProcess::adopt`]).
    ///
    /// [`STARTER_FLOWS`]: super::STARTER_FLOWS
    /// [`MeteringProcess::adopt`]: super::MeteringProcess::adopt
    pub flows: Flows,
    /// Whether frames that are not IP make flows too; else they are ignored.
    pub l2: bool,
    /// When flows expire.
    pub timeouts: Timeouts,
    /// The key of the hash.
    pub seed: Seed,
    /// The instruction set.
    pub backend: Backend,
}

impl Configuration {
    /// Room for `flows` flows of each family, and defaults for the rest: no L2 flows, timeouts of
    /// 60 and 15 seconds, the best instruction set.
    pub fn new(flows: usize, seed: Seed) -> Self {
        Self {
            flows: Flows::each(flows),
            l2: false,
            timeouts: Timeouts::default(),
            seed,
            backend: Backend::detect(),
        }
    }
}
