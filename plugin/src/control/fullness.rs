// SPDX-License-Identifier: Apache-2.0
//! How full the tables of all threads are, and the warning about tables that are too small.
//!
//! Threads publish their usage on request, without the barrier.

use flowmeter::metering::{Family, Usage};

use super::making::Fullness;
use super::settings::flows_per_worker_for;
use super::state::{self, Control, with_control};
use crate::ffi::{Main, Refusal};

/// The least milliseconds between two warnings.
const INTERVAL: u64 = 60_000;

/// How often, and at what interval in seconds, to check whether all threads have answered.
const CHECKS: u32 = 1000;
const PAUSE: f64 = 1e-3;

/// The usage of a thread's table.
pub(crate) struct TableUsage {
    pub(crate) thread: usize,
    pub(crate) family: Family,
    pub(crate) usage: Usage,
}

/// The current usage of all threads' tables.
pub(crate) fn usages_now(main: Main) -> Result<Vec<TableUsage>, Refusal> {
    let expire = with_control(main, |control| Ok(control.nodes.expire))?;
    let deliveries = state::deliveries();
    for delivery in deliveries {
        delivery.request_usage();
    }
    for _ in 0..CHECKS {
        main.thread().interrupt_all(expire);
        if !main.suspend(PAUSE) {
            break;
        }
        if deliveries.iter().all(|delivery| delivery.is_answered()) {
            return Ok(usages());
        }
    }
    for (worker, delivery) in state::workers(&mut main.barrier()).zip(deliveries) {
        delivery.publish(&worker.flows);
    }
    Ok(usages())
}

/// The usage that all threads have published last.
fn usages() -> Vec<TableUsage> {
    let threads = state::deliveries().iter().enumerate();
    let all = threads.flat_map(|(thread, delivery)| {
        Family::ALL.map(|family| TableUsage {
            thread,
            family,
            usage: delivery.usage(family),
        })
    });
    all.filter(|table| table.usage.capacity > 0).collect()
}

/// The number of flows that were evicted early, and the `flows_per_worker` that would have been
/// enough for all; 0 if none was evicted.
pub(crate) fn evictions() -> (u64, u64) {
    let threads = state::deliveries().len();
    let usages = usages();
    let full = usages.iter().filter(|table| table.usage.evicted > 0);
    full.fold((0, 0), |(evicted, enough), table| {
        let TableUsage {
            thread,
            family,
            usage,
        } = table;
        let for_it = flows_per_worker_for(usage.enough, *family, *thread, threads);
        (evicted + usage.evicted, enough.max(for_it))
    })
}

/// Logs a warning if a table is too small, at most once a minute.
pub(super) fn report(control: &mut Control, main: Main) {
    let (evicted, enough) = evictions();
    let now = main.milliseconds_now();
    let Fullness {
        logged,
        evicted: before,
    } = &mut control.fullness;
    // The statistics may have been cleared since the last report.
    *before = evicted.min(*before);
    if evicted == *before || logged.is_some_and(|logged| now - logged < INTERVAL) {
        return;
    }
    let line = format!(
        "table full: {} flows were evicted early: flows-per-worker {enough} would have been \
         enough; see `show flowmeter memory`",
        evicted - *before
    );
    (*logged, *before) = (Some(now), evicted);
    control.log.warning(main, &line);
}
