// SPDX-License-Identifier: Apache-2.0
//! Going through all tables while the workers go on: in slices, each under a barrier of its own.

use core::ops::Range;

use super::state;
use crate::dataplane::thread_meter::AnyMeter;
use crate::dataplane::worker::Worker;
use crate::ffi::{Barrier, Main, thread};

/// What a slice may cost, in flows that are looked at: some hundred microseconds. Empty groups
/// cost little, so a table with few flows is one slice however large it is.
const BUDGET: usize = 16_384;

/// Groups of slots that are looked at together.
const STEP: usize = 256;

/// What as many groups cost as one flow does.
const GROUPS_AS_FLOW: usize = 16;

/// Seconds for which the workers run between two slices.
pub(super) const PAUSE: f64 = 1e-4;

/// What looks at tables.
pub(crate) trait Walk {
    /// Looks at some of a worker's groups, which stands still; tells how many flows there were.
    fn look(&mut self, worker: &Worker, groups: Range<usize>) -> usize;

    /// The workers run: does with what was seen what takes longer. `false` ends the walk.
    fn pause(&mut self, main: Main) -> bool {
        let _ = main.suspend(PAUSE);
        true
    }
}

/// Shows all tables to `walk`. What `snapshot` says stands first for the moment before the
/// first slice, and then for that after the last, each without the workers moving in between.
pub(crate) fn each<S>(
    main: Main,
    walk: &mut impl Walk,
    snapshot: impl Fn(&mut Barrier) -> S,
) -> (S, S) {
    let mut barrier = main.barrier();
    let first = snapshot(&mut barrier);
    let mut left = BUDGET;
    'threads: for index in 0..thread::count() {
        let mut next = 0;
        while let Some(cost) = look(&mut barrier, index, &mut next, walk) {
            left = left.saturating_sub(cost);
            if left == 0 {
                left = BUDGET;
                drop(barrier);
                let goes_on = walk.pause(main);
                barrier = main.barrier();
                if !goes_on {
                    break 'threads;
                }
            }
        }
    }
    let last = snapshot(&mut barrier);
    (first, last)
}

/// Shows a worker's groups from `next` on to `walk`, which moves behind them; tells what that cost.
/// `None` where there are no more.
fn look(
    barrier: &mut Barrier,
    index: usize,
    next: &mut usize,
    walk: &mut impl Walk,
) -> Option<usize> {
    let worker = state::workers(barrier).nth(index)?;
    let all = worker.meters().map(AnyMeter::groups).max()?;
    let groups = *next..all.min(*next + STEP);
    if groups.is_empty() {
        return None;
    }
    *next = groups.end;
    Some(groups.len() / GROUPS_AS_FLOW + walk.look(&worker, groups))
}
