// SPDX-License-Identifier: Apache-2.0
//! VPP's exit: all live flows are exported if the collector is reachable.
//!
//! VPP's main loop has ended, so this file also runs the nodes that send the messages.

use std::time::{Duration, Instant};

use super::exporting;
use super::state::{self, with_control};
use crate::export::budget::Progress;
use crate::ffi::{Barrier, Main, Thread, thread};

/// The most time that VPP's exit waits for the export.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The interval between two batches of messages.
const INTERVAL: Duration = Duration::from_millis(1);

/// Exports all flows, and logs how many could not be exported.
pub(crate) fn exit(main: Main) {
    if !state::is_running() {
        return;
    }
    exporting::update(main);
    let started = Instant::now();
    let mut barrier = main.barrier();
    for mut worker in state::workers(&mut barrier) {
        if let Some(recording) = worker.recording.as_deref_mut() {
            recording.announce(main.thread());
        }
        for meter in worker.meters_mut() {
            meter.end_all();
        }
    }
    for index in 0..thread::count() {
        while finish(&mut barrier, main.thread(), index) == Progress::More
            && started.elapsed() < TIME_LIMIT
        {
            // These nodes may meter the messages' interface on this thread, so nothing is borrowed.
            barrier.dispatch_pending();
            std::thread::sleep(INTERVAL);
        }
        barrier.dispatch_pending();
    }
    let left = state::accounts(&mut barrier).live_flows;
    if left > 0 {
        let line = format!("{left} flows were lost at VPP's exit: no collector was reachable");
        let _ = with_control(main, |control| {
            control.log.warning(main, &line);
            Ok(())
        });
    }
    // VPP exits with the barrier held: no worker may continue.
    core::mem::forget(barrier);
}

/// Exports flows of thread `index`, within the messages of one millisecond.
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
