// SPDX-License-Identifier: Apache-2.0
//! Reads the accounts and live flows of running workers: they publish their accounts on request,
//! and list flows within their own time budget.
//!
//! The barrier is used only if the caller cannot be suspended: if it holds the barrier already or
//! is not a process.

use super::state::{self, with_control};
use crate::dataplane::inspection::{Request, Snapshot};
use crate::dataplane::live_flows::View;
use crate::dataplane::thread_meter::Accounts;
use crate::export::budget::Deadline;
use crate::ffi::{Barrier, Main, Refusal, RefusalKind};

/// Seconds between two checks for snapshots, and for parts of lists.
const SNAPSHOT_PAUSE: f64 = 1e-4;
const PART_PAUSE: f64 = 1e-3;

/// Seconds after which a request to a thread that has not answered fails.
const TIMEOUT: f64 = 5.0;

/// Snapshots of all threads, in thread order, all taken after this call.
pub(crate) fn snapshots(main: Main) -> Result<Vec<Snapshot>, Refusal> {
    if !main.may_suspend() {
        return Ok(snapshots_under_barrier(&mut main.barrier()));
    }
    let expire = with_control(main, |control| Ok(control.nodes.expire))?;
    let inspections = state::inspections();
    let requests: Vec<_> = inspections
        .iter()
        .map(|inspection| inspection.request_snapshot())
        .collect();
    let mut waited = 0.0;
    loop {
        let answers = inspections.iter().zip(&requests);
        let answers: Vec<_> = answers
            .map(|(inspection, request)| inspection.snapshot_since(*request))
            .collect();
        let Some(missing) = answers.iter().position(Option::is_none) else {
            return Ok(answers.into_iter().flatten().collect());
        };
        if waited > TIMEOUT {
            return Err(no_answer(missing));
        }
        waited += SNAPSHOT_PAUSE;
        let unanswered = answers.iter().enumerate();
        for (index, _) in unanswered.filter(|(_, answer)| answer.is_none()) {
            main.interrupt(index, expire);
        }
        let _ = main.suspend(SNAPSHOT_PAUSE);
    }
}

/// The snapshots that all threads published last, at most 10 ms old while something is metered.
/// `None` if one cannot be read now.
pub(crate) fn published() -> Option<Vec<Snapshot>> {
    let inspections = state::inspections().iter();
    inspections
        .map(|inspection| inspection.snapshot())
        .collect()
}

/// The sum of all threads' accounts.
pub(crate) fn accounts(main: Main) -> Result<Accounts, Refusal> {
    Ok(total(&snapshots(main)?))
}

/// The sum of the accounts in these snapshots.
pub(crate) fn total(snapshots: &[Snapshot]) -> Accounts {
    let mut total = Accounts::default();
    for snapshot in snapshots {
        total += snapshot.accounts;
    }
    total
}

/// Walks the live flows of all threads: calls `make` for a view of each thread's tables, and `take`
/// with each filled part. `take` may suspend the process and change the query for the next part; it
/// returns `false` to end the walk.
pub(crate) fn walk(
    main: Main,
    make: impl FnMut() -> View,
    take: &mut impl FnMut(&mut View) -> bool,
) -> Result<(), Refusal> {
    if !main.may_suspend() {
        walk_under_barrier(&mut main.barrier(), make, take);
        return Ok(());
    }
    let walk = with_control(main, |control| Ok(control.walks.begin()))?;
    let outcome = walk_running(main, walk, make, take);
    with_control(main, |control| {
        control.walks.end(walk);
        Ok(())
    })?;
    outcome
}

/// The state of one thread in a walk.
struct ThreadWalk {
    /// The next request.
    next: Option<View>,
    is_done: bool,
    /// Seconds since its last answer.
    waited: f64,
}

fn walk_running(
    main: Main,
    walk: u64,
    mut make: impl FnMut() -> View,
    take: &mut impl FnMut(&mut View) -> bool,
) -> Result<(), Refusal> {
    let expire = with_control(main, |control| Ok(control.nodes.expire))?;
    let inspections = state::inspections();
    let mut threads: Vec<_> = inspections
        .iter()
        .map(|_| ThreadWalk {
            next: Some(make()),
            is_done: false,
            waited: 0.0,
        })
        .collect();
    while threads.iter().any(|thread| !thread.is_done) {
        for (index, thread) in threads.iter_mut().enumerate() {
            if let Some(view) = thread.next.take() {
                let put = inspections[index].put(Request { walk, view });
                thread.next = put.err().map(|request| request.view);
            }
            if !thread.is_done {
                main.interrupt(index, expire);
            }
        }
        let _ = main.suspend(PART_PAUSE);
        for (index, thread) in threads.iter_mut().enumerate() {
            if thread.is_done {
                continue;
            }
            let inspection = &inspections[index];
            let reply = with_control(main, |control| {
                Ok(control.walks.reply(index, inspection, walk))
            })?;
            let Some(mut view) = reply else {
                thread.waited += PART_PAUSE;
                if thread.waited > TIMEOUT {
                    return Err(no_answer(index));
                }
                continue;
            };
            thread.waited = 0.0;
            thread.is_done = view.is_last();
            if !take(&mut view) {
                return Ok(());
            }
            if !thread.is_done {
                view.start_next();
                thread.next = Some(view);
            }
        }
    }
    Ok(())
}

fn no_answer(index: usize) -> Refusal {
    let line = format!("thread {index} has not answered for {TIMEOUT} seconds: try again later");
    Refusal::new(RefusalKind::Busy, line)
}

fn snapshots_under_barrier(barrier: &mut Barrier) -> Vec<Snapshot> {
    let workers = state::workers(barrier);
    workers.map(|worker| worker.snapshot()).collect()
}

fn walk_under_barrier(
    barrier: &mut Barrier,
    mut make: impl FnMut() -> View,
    take: &mut impl FnMut(&mut View) -> bool,
) {
    let deadline = Deadline::none(barrier.main().thread());
    for worker in state::workers(barrier) {
        let mut view = make();
        while !view.is_last() {
            view.start_next();
            worker.show(&mut view, deadline);
            if !take(&mut view) {
                return;
            }
        }
    }
}
