// SPDX-License-Identifier: Apache-2.0
//! VPP's end: live flows are exported, as far as there is a way to the collector.
//!
//! VPP's main loop has ended, so the nodes that our messages go through are run from here.

use std::time::{Duration, Instant};

use super::exporting;
use super::state::{self, with_control};
use crate::export::budget::Progress;
use crate::ffi::{Barrier, Main, Thread, thread};

/// How long VPP's end may take for us.
const PATIENCE: Duration = Duration::from_secs(10);

/// After how long the next millisecond's messages follow.
const PACE: Duration = Duration::from_millis(1);

/// Exports all flows, and logs how many could not be.
pub(crate) fn exit(main: Main) {
    if !state::is_running() {
        return;
    }
    exporting::update(main);
    let started = Instant::now();
    let mut barrier = main.barrier();
    for mut worker in state::workers(&mut barrier) {
        if let Some(meter) = worker.recording.as_deref_mut() {
            meter.announce(main.thread());
        }
        for meter in worker.meters_mut() {
            meter.end_all();
        }
    }
    for index in 0..thread::count() {
        while finish(&mut barrier, main.thread(), index) == Progress::More
            && started.elapsed() < PATIENCE
        {
            // The nodes that run now may meter these messages' interface on this thread.
            barrier.dispatch_pending();
            std::thread::sleep(PACE);
        }
        barrier.dispatch_pending();
    }
    let left = state::accounts(&mut barrier).live_flows;
    if left > 0 {
        let line = format!("{left} flows are lost at VPP's end: there was no way to a collector");
        let _ = with_control(main, |control| {
            control.log.warning(main, &line);
            Ok(())
        });
    }
    // No worker may go on: VPP ends with the barrier held.
    core::mem::forget(barrier);
}

/// Makes a millisecond's worth of records of thread `index`.
fn finish(barrier: &mut Barrier, thread: Thread, index: usize) -> Progress {
    let Some(mut worker) = state::workers(barrier).nth(index) else {
        return Progress::Done;
    };
    let mut progress = Progress::Done;
    for meter in worker.meters_mut() {
        if meter.finish(thread) == Progress::More {
            progress = Progress::More;
        }
    }
    progress
}
