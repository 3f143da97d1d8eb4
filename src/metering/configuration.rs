// SPDX-License-Identifier: Apache-2.0
//! How a metering process is set up, whatever classifies its packets.

use std::io;

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
    /// 60 and 15 seconds, a random seed, the best instruction set.
    ///
    /// # Errors
    /// If the system has no source of randomness.
    pub fn new(flows: usize) -> io::Result<Self> {
        Ok(Self {
            flows: Flows::each(flows),
            l2: false,
            timeouts: Timeouts::default(),
            seed: Seed::random()?,
            backend: Backend::detect(),
        })
    }
}
