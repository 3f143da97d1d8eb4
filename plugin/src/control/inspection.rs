// SPDX-License-Identifier: Apache-2.0
//! Looking at what the workers have, while they go on: they publish their accounts, and show their
//! flows in parts of their own budget.
//!
//! Only a caller that can't be suspended, since it holds the barrier already or is no process, has
//! the workers stand still for it.

use super::state::{self, with_control};
use crate::dataplane::inspection::{Request, Snapshot};
use crate::dataplane::live_flows::View;
use crate::dataplane::thread_meter::Accounts;
use crate::export::budget::Deadline;
use crate::ffi::{Barrier, Main, Refusal, Why};

/// Seconds between two checks for snapshots, and for parts of flows.
const SNAPSHOT_PAUSE: f64 = 1e-4;
const PART_PAUSE: f64 = 1e-3;

/// Seconds after which a thread that has not answered is taken not to.
const PATIENCE: f64 = 5.0;

/// What all threads have now, in their order: taken after this was called.
pub(crate) fn snapshots(main: Main) -> Result<Vec<Snapshot>, Refusal> {
    if !main.may_suspend() {
        return Ok(snapshots_at(&mut main.barrier()));
    }
    let expire = with_control(main, |control| Ok(control.nodes.expire))?;
    let inspections = state::inspections();
    let asked: Vec<_> = inspections
        .iter()
        .map(|inspection| inspection.ask())
        .collect();
    let mut waited = 0.0;
    loop {
        let answers = inspections.iter().zip(&asked);
        let answers: Vec<_> = answers
            .map(|(inspection, asked)| inspection.snapshot_since(*asked))
            .collect();
        let Some(missing) = answers.iter().position(Option::is_none) else {
            return Ok(answers.into_iter().flatten().collect());
        };
        if waited > PATIENCE {
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

/// What all threads published last, within 10 ms while something is metered; `None` where that
/// can't be read now.
pub(crate) fn published() -> Option<Vec<Snapshot>> {
    let inspections = state::inspections().iter();
    inspections
        .map(|inspection| inspection.snapshot())
        .collect()
}

/// The accounts of all threads together.
pub(crate) fn accounts(main: Main) -> Result<Accounts, Refusal> {
    Ok(total(&snapshots(main)?))
}

/// The sum of several threads' accounts.
pub(crate) fn total(snapshots: &[Snapshot]) -> Accounts {
    let mut total = Accounts::default();
    for snapshot in snapshots {
        total += snapshot.accounts;
    }
    total
}

/// Shows the live flows of all threads to `take`, part by part: each thread's from what `make`
/// makes. `take` may suspend the process, and change what is asked for next; `false` ends the walk.
pub(crate) fn walk(
    main: Main,
    make: impl FnMut() -> View,
    take: &mut impl FnMut(&mut View) -> bool,
) -> Result<(), Refusal> {
    if !main.may_suspend() {
        walk_at(&mut main.barrier(), make, take);
        return Ok(());
    }
    let walk = with_control(main, |control| Ok(control.walks.begin()))?;
    let outcome = walk_on(main, walk, make, take);
    with_control(main, |control| {
        control.walks.end(walk);
        Ok(())
    })?;
    outcome
}

/// A thread in a walk.
struct Asked {
    /// What it is to be asked for next.
    next: Option<View>,
    is_done: bool,
    /// Seconds for which it has not answered.
    waited: f64,
}

fn walk_on(
    main: Main,
    walk: u64,
    mut make: impl FnMut() -> View,
    take: &mut impl FnMut(&mut View) -> bool,
) -> Result<(), Refusal> {
    let expire = with_control(main, |control| Ok(control.nodes.expire))?;
    let inspections = state::inspections();
    let mut threads: Vec<_> = inspections
        .iter()
        .map(|_| Asked {
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
                if thread.waited > PATIENCE {
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
                view.go_on();
                thread.next = Some(view);
            }
        }
    }
    Ok(())
}

fn no_answer(index: usize) -> Refusal {
    let line = format!("thread {index} has not answered for {PATIENCE} seconds: try again later");
    Refusal::new(Why::Busy, line)
}

fn snapshots_at(barrier: &mut Barrier) -> Vec<Snapshot> {
    let workers = state::workers(barrier);
    workers.map(|worker| worker.snapshot()).collect()
}

fn walk_at(
    barrier: &mut Barrier,
    mut make: impl FnMut() -> View,
    take: &mut impl FnMut(&mut View) -> bool,
) {
    let deadline = Deadline::none(barrier.main().thread());
    for worker in state::workers(barrier) {
        let mut view = make();
        while !view.is_last() {
            view.go_on();
            worker.show(&mut view, deadline);
            if !take(&mut view) {
                return;
            }
        }
    }
}
