// SPDX-License-Identifier: Apache-2.0
//! The settings of the metering processes: timeouts, size of the tables, observation domains.

use core::ops::RangeInclusive;

use flowmeter::metering::{Family, Flows, MAX_FLOWS, Timeouts};
use flowmeter::observation::ObservationDomainId;

use crate::ffi::thread;

/// The settings of the metering processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// In seconds.
    pub(crate) active_timeout: u32,
    /// In seconds.
    pub(crate) idle_timeout: u32,
    /// `None` if it was not set.
    pub(crate) flows_per_worker: Option<u32>,
    /// The main thread's domain. A worker's domain is this plus its thread index.
    pub(crate) observation_domain: u32,
}

impl Settings {
    /// The defaults.
    pub(crate) const DEFAULT: Self = Self {
        active_timeout: 60,
        idle_timeout: 15,
        flows_per_worker: None,
        observation_domain: 1,
    };
    /// The range of timeouts, in seconds.
    pub(crate) const TIMEOUTS: RangeInclusive<u32> = 1..=Timeouts::MAX_MILLIS / 1000;
    /// The range of `flows_per_worker`.
    pub(crate) const FLOWS: RangeInclusive<u32> = 1..=MAX_FLOWS as u32;

    /// The range of the main thread's domain. It leaves room for the workers' domains below 2³² −
    /// 1, which means the default in API messages. 0 means no specific domain (RFC 7011 §3.1).
    pub(crate) fn domains() -> RangeInclusive<u32> {
        1..=u32::MAX - thread::count() as u32
    }

    /// The domain of the thread with this index.
    pub(crate) fn domain(&self, thread: u32) -> ObservationDomainId {
        ObservationDomainId(self.observation_domain.saturating_add(thread))
    }

    /// A worker's capacity, in IPv4 flows.
    pub(crate) fn flows(&self) -> u32 {
        self.flows_per_worker.unwrap_or(1 << 17)
    }

    /// A thread's capacity in recorded flows. The default is flowprobe's.
    pub(crate) fn recorded_flows(&self) -> u32 {
        self.flows_per_worker.unwrap_or(1 << 18)
    }

    /// The engine's timeouts. Commands and API messages refuse what is not in [`Self::TIMEOUTS`].
    pub(crate) fn timeouts(&self) -> Timeouts {
        Timeouts::from_millis(
            self.active_timeout.saturating_mul(1000),
            self.idle_timeout.saturating_mul(1000),
        )
        .unwrap_or_default()
    }
}

/// The capacity of a family is `flows-per-worker` divided by this.
const fn part_of(family: Family) -> u32 {
    match family {
        Family::Ipv4 => 1,
        Family::Ipv6 => 2,
        Family::L2 => 8,
    }
}

/// The capacity of a thread is that of a worker divided by this. If there are workers, the main
/// thread meters only packets that VPP generates and packets of interfaces without a worker.
const fn part_of_thread(thread: usize, threads: usize) -> u32 {
    if thread == 0 && threads > 1 { 16 } else { 1 }
}

/// The capacities of a thread's tables for this `flows_per_worker`.
pub(crate) fn flows_of(flows_per_worker: u32, thread: usize, threads: usize) -> Flows {
    let part = part_of_thread(thread, threads);
    let of = |family| flows_per_worker.div_ceil(part * part_of(family)) as usize;
    Flows {
        ipv4: of(Family::Ipv4),
        ipv6: of(Family::Ipv6),
        l2: of(Family::L2),
    }
}

/// The `flows_per_worker` that gives a thread room for `flows` flows of a family.
pub(crate) fn flows_per_worker_for(
    flows: usize,
    family: Family,
    thread: usize,
    threads: usize,
) -> u64 {
    flows as u64 * u64::from(part_of(family) * part_of_thread(thread, threads))
}
