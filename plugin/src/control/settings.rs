// SPDX-License-Identifier: Apache-2.0
//! What a user sets of the metering processes: timeouts, the size of tables, observation domains.

use core::ops::RangeInclusive;

use flowmeter::metering::{Family, Flows, Timeouts};
use flowmeter::observation::ObservationDomainId;

use crate::ffi::thread;

/// What a user sets of the metering processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// In seconds.
    pub(crate) active_timeout: u32,
    /// In seconds.
    pub(crate) idle_timeout: u32,
    /// `None` where it was not set.
    pub(crate) flows_per_worker: Option<u32>,
    /// The first thread's; each other one has its number more.
    pub(crate) observation_domain: u32,
}

impl Settings {
    /// Unless set otherwise.
    pub(crate) const DEFAULT: Self = Self {
        active_timeout: 60,
        idle_timeout: 15,
        flows_per_worker: None,
        observation_domain: 1,
    };
    /// Seconds that a timeout may have.
    pub(crate) const TIMEOUTS: RangeInclusive<u32> = 1..=604_800;
    /// Flows that a table may have.
    pub(crate) const FLOWS: RangeInclusive<u32> = 1..=100_000_000;

    /// Domains that the first thread may have: the last thread's is one, too, and less than 2³² − 1,
    /// which stands for the default in messages. 0 means no domain in particular (RFC 7011 §3.1).
    pub(crate) fn domains() -> RangeInclusive<u32> {
        1..=u32::MAX - thread::count() as u32
    }

    /// The domain of a thread, by its index.
    pub(crate) fn domain(&self, thread: u32) -> ObservationDomainId {
        ObservationDomainId(self.observation_domain.saturating_add(thread))
    }

    /// IPv4 flows that a worker has room for.
    pub(crate) fn flows(&self) -> u32 {
        self.flows_per_worker.unwrap_or(1 << 17)
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

/// What part of `flows-per-worker` a family has room for.
const fn part_of(family: Family) -> u32 {
    match family {
        Family::Ipv4 => 1,
        Family::Ipv6 => 2,
        Family::L2 => 8,
    }
}

/// The same of a thread: where there are workers, the main thread meters only what VPP sends itself
/// and what interfaces without a worker receive.
const fn part_of_thread(thread: usize, threads: usize) -> u32 {
    if thread == 0 && threads > 1 { 16 } else { 1 }
}

/// Flows that a thread has room for, with `flows_per_worker`.
pub(crate) fn flows_of(flows_per_worker: u32, thread: usize, threads: usize) -> Flows {
    let part = part_of_thread(thread, threads);
    let of = |family| flows_per_worker.div_ceil(part * part_of(family)) as usize;
    Flows {
        ipv4: of(Family::Ipv4),
        ipv6: of(Family::Ipv6),
        l2: of(Family::L2),
    }
}

/// The `flows_per_worker` with which a thread has room for so many flows of a family.
pub(crate) fn flows_per_worker_for(
    flows: usize,
    family: Family,
    thread: usize,
    threads: usize,
) -> u64 {
    flows as u64 * u64::from(part_of(family) * part_of_thread(thread, threads))
}
