// SPDX-License-Identifier: Apache-2.0
//! Ending all flows, and resetting the accounts.

use super::inspection;
use super::state::{self, with_control};
use crate::export::shared::Gate;
use crate::ffi::{Main, Refusal, RefusalKind};

/// How often, and at what interval in seconds, to check whether all flows were exported.
const CHECKS: u32 = 1000;
const PAUSE: f64 = 0.01;
/// The number of checks while no collector is reachable: a next hop may still answer.
const CHECKS_AT_CLOSED: u32 = 100;

/// Ends all flows, and returns when their records have been sent.
pub(crate) fn end_all(main: Main) -> Result<(), Refusal> {
    state::start(main)?;
    for mut worker in state::workers(&mut main.barrier()) {
        for meter in worker.meters_mut() {
            meter.end_all();
        }
    }
    with_control(main, |control| {
        main.signal(control.nodes.process);
        Ok(())
    })?;
    for check in 0..CHECKS {
        let threads = inspection::snapshots(main)?;
        if !threads.iter().any(|thread| thread.state().is_ending) {
            // Send the messages under construction now.
            state::shared().request_flush();
            let _ = main.suspend(2.0 * PAUSE);
            return Ok(());
        }
        let flows = inspection::total(&threads).live_flows;
        match state::shared().gate() {
            Gate::Closed(why) if flows > 0 && check >= CHECKS_AT_CLOSED => {
                let line = format!(
                    "{flows} flows cannot be exported now ({}): see `show flowmeter exporter`",
                    why.name()
                );
                return Err(Refusal::new(RefusalKind::NotYet, line));
            }
            _ => {}
        }
        if !main.suspend(PAUSE) {
            break;
        }
    }
    let flows = inspection::accounts(main)?.live_flows;
    let line = format!("{flows} flows are still being exported: the export continues");
    Err(Refusal::new(RefusalKind::NotYet, line))
}

/// Resets the accounts, and publishes them in the statistics segment.
pub(crate) fn clear_statistics(main: Main) -> Result<(), Refusal> {
    state::start(main)?;
    let barrier = &mut main.barrier();
    for mut worker in state::workers(barrier) {
        worker.clear_statistics();
    }
    state::publish(barrier);
    Ok(())
}
