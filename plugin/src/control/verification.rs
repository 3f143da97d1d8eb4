// SPDX-License-Identifier: Apache-2.0
//! Proving the accounts: live flows are counted one by one, in slices, each under a barrier of its
//! own, since a large table takes longer than workers may stand still.

use flowmeter::metering::{Records, Statistics, Tally};

use super::state;
use crate::dataplane::thread_meter::{Accounts, AnyMeter};
use crate::ffi::{Barrier, Main, thread};

/// What a slice may cost, in flows that are counted: some hundred microseconds. Empty groups
/// cost little, so a table with few flows is one slice however large it is.
const BUDGET: usize = 16_384;

/// Groups of slots that are counted together.
const STEP: usize = 256;

/// What as many groups cost as one flow does.
const GROUPS_AS_FLOW: usize = 16;

/// Seconds for which the workers run between two slices.
const PAUSE: f64 = 1e-4;

/// The accounts of all workers, and what stands in their live flows; `None` where that was not
/// counted at one moment: there were several slices, and the accounts moved meanwhile.
pub(crate) fn count(main: Main) -> (Accounts, Option<Tally>) {
    let mut barrier = main.barrier();
    let before = moment(&mut barrier);
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
    let at_rest = moment(&mut barrier) == before;
    (state::accounts(&mut barrier), at_rest.then_some(tally))
}

/// What changes where flows, or their places in tables, change.
fn moment(barrier: &mut Barrier) -> (Statistics, usize) {
    let groups = state::workers(barrier)
        .map(|worker| worker.meters().map(AnyMeter::groups).sum::<usize>())
        .sum();
    (state::accounts(barrier).statistics, groups)
}

/// Counts a worker's groups from `next` on, which moves behind them; tells what that cost, and what
/// stands in their flows. `None` where there are no more.
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
