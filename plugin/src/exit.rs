// SPDX-License-Identifier: Apache-2.0
//! VPP's end: what lives is exported, as far as there is a way to the collector.
//!
//! VPP's main loop runs no more, so nodes that our messages go through are run from here.

use std::time::{Duration, Instant};

use crate::meter;
use crate::process;
use crate::vlib::Main;

/// How long VPP's end may take for us.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the next millisecond's messages wait for.
const PACE: Duration = Duration::from_millis(1);

/// Exports all flows, and says how many could not be.
pub(crate) fn exit(main: Main) {
    if !meter::is_running() {
        return;
    }
    process::update(main);
    let started = Instant::now();
    let mut barrier = main.barrier();
    let mut left = 0;
    for worker in meter::workers(&mut barrier) {
        worker.finish(main.thread(), &mut || {
            main.dispatch_pending();
            std::thread::sleep(PACE);
            started.elapsed() < PATIENCE
        });
        left += worker.accounts().live_flows;
    }
    if left > 0 {
        let line = format!("{left} flows are lost at VPP's end: there was no way to a collector");
        let _ = meter::with_meter(main, |meter| {
            meter.log.warning(main, &line);
            Ok(())
        });
    }
    // No worker shall go on: VPP ends with the barrier held.
    core::mem::forget(barrier);
}
