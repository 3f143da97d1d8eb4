// SPDX-License-Identifier: Apache-2.0
//! Verifies the accounts by counting live flows one by one. Each slice is counted under its own
//! barrier, because a large table takes longer than the workers may be stopped.

use flowmeter::metering::{Records, Statistics, Tally};

use super::state;
use crate::dataplane::thread_meter::{Accounts, AnyMeter};
use crate::ffi::{Barrier, Main, thread};

/// The budget of a slice, in counted flows: a few hundred microseconds. Empty groups cost little,
/// so a table with few flows is one slice, however large it is.
const BUDGET: usize = 16_384;

/// Groups of slots that are counted together.
const STEP: usize = 256;

/// The number of groups that cost as much as one flow.
const GROUPS_AS_FLOW: usize = 16;

/// Seconds for which the workers run between two slices.
const PAUSE: f64 = 1e-4;

/// Returns the accounts of all workers, and the packets and octets counted in their live flows. The
/// count is `None` if it is not consistent: there were several slices, and packets came in between.
pub(crate) fn count(main: Main) -> (Accounts, Option<Tally>) {
    let mut barrier = main.barrier();
    let before = fingerprint(&mut barrier);
    let mut tally = Tally::default();
    let mut left = BUDGET;
    for index in 0..thread::count() {
        let mut next = 0;
        while let Some((cost, counted)) = count_some(&mut barrier, index, &mut next) {
            tally += counted;
            left = left.saturating_sub(cost);
            if left == 0 {
                left = BUDGET;
                drop(barrier);
                let _ = main.suspend(PAUSE);
                barrier = main.barrier();
            }
        }
    }
    let at_rest = fingerprint(&mut barrier) == before;
    (state::accounts(&mut barrier), at_rest.then_some(tally))
}

/// A value that changes whenever flows, or their slots in tables, change.
fn fingerprint(barrier: &mut Barrier) -> (Statistics, usize) {
    let groups = state::workers(barrier)
        .map(|worker| worker.meters().map(AnyMeter::groups).sum::<usize>())
        .sum();
    (state::accounts(barrier).statistics, groups)
}

/// Counts a worker's next groups, and advances `next`. Returns the cost, and the packets and octets
/// of the flows; `None` if there are no more groups.
fn count_some(barrier: &mut Barrier, index: usize, next: &mut usize) -> Option<(usize, Tally)> {
    let worker = state::workers(barrier).nth(index)?;
    let all = worker.meters().map(AnyMeter::groups).max()?;
    let groups = *next..all.min(*next + STEP);
    if groups.is_empty() {
        return None;
    }
    *next = groups.end;
    let counted = worker.meters().map(|meter| meter.count(groups.clone()));
    let counted: Records = counted.sum();
    let cost = groups.len() / GROUPS_AS_FLOW + counted.records as usize;
    Some((cost, counted.tally))
}
