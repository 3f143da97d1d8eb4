// SPDX-License-Identifier: Apache-2.0
//! What a user sets of the metering processes: timeouts and the size of tables.

use core::ops::RangeInclusive;

use flowmeter::metering::Timeouts;

/// What a user sets of the metering processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// In seconds.
    pub(crate) active_timeout: u32,
    /// In seconds.
    pub(crate) idle_timeout: u32,
    /// `None` where it was not set.
    pub(crate) flows_per_worker: Option<u32>,
}

impl Settings {
    /// Unless set otherwise.
    pub(crate) const DEFAULT: Self = Self {
        active_timeout: 60,
        idle_timeout: 15,
        flows_per_worker: None,
    };
    /// Seconds that a timeout may have.
    pub(crate) const TIMEOUTS: RangeInclusive<u32> = 1..=604_800;
    /// Flows that a table may have.
    pub(crate) const FLOWS: RangeInclusive<u32> = 1..=100_000_000;

    /// Flows that each table has room for.
    pub(crate) fn flows(&self) -> u32 {
        self.flows_per_worker.unwrap_or(1_000_000)
    }

    /// The same in flowprobe's place: as many as flowprobe's threads have.
    pub(crate) fn recorded_flows(&self) -> u32 {
        self.flows_per_worker.unwrap_or(1 << 18)
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        Timeouts::from_millis(
            self.active_timeout.saturating_mul(1000),
            self.idle_timeout.saturating_mul(1000),
        )
    }
}
