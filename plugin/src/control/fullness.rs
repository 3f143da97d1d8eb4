// SPDX-License-Identifier: Apache-2.0
//! How full the tables of all threads are, and what is said where one is too small.
//!
//! Threads show it when they are asked, and none stands still for that.

use flowmeter::metering::{Family, Usage};

use super::making::Fullness;
use super::settings::flows_per_worker_for;
use super::state::{self, Control, with_control};
use crate::ffi::{Main, Refusal};

/// Milliseconds between two lines of the log.
const INTERVAL: u64 = 60_000;

/// How often, and with what pauses in seconds, it is checked whether all threads have answered.
const CHECKS: u32 = 1000;
const PAUSE: f64 = 1e-3;

/// A table of a thread.
pub(crate) struct TableUsage {
    pub(crate) thread: usize,
    pub(crate) family: Family,
    pub(crate) usage: Usage,
}

/// The tables of all threads, as they are now.
pub(crate) fn usages_now(main: Main) -> Result<Vec<TableUsage>, Refusal> {
    let expire = with_control(main, |control| Ok(control.nodes.expire))?;
    let deliveries = state::deliveries();
    for delivery in deliveries {
        delivery.ask();
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

/// The same as they were a moment ago, while something is metered.
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

/// Flows that had to leave for lack of room, and the `flows_per_worker` that would have been enough
/// for all; 0 where there is.
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

/// Says in the log where a table is too small, once a minute at most.
pub(super) fn report(control: &mut Control, main: Main) {
    let (evicted, enough) = evictions();
    let now = main.milliseconds_now();
    let Fullness {
        logged,
        evicted: before,
    } = &mut control.fullness;
    // Statistics may have been cleared meanwhile.
    *before = evicted.min(*before);
    if evicted == *before || logged.is_some_and(|logged| now - logged < INTERVAL) {
        return;
    }
    let line = format!(
        "table full: {} flows had to leave for others before their time: flows-per-worker \
         {enough} would have been enough; see `show flowmeter memory`",
        evicted - *before
    );
    (*logged, *before) = (Some(now), evicted);
    control.log.warning(main, &line);
}
