// SPDX-License-Identifier: Apache-2.0
//! Ends all flows, and begins the accounts anew.

use super::inspection;
use super::state::{self, with_control};
use crate::export::shared::Gate;
use crate::ffi::{Main, Refusal, Why};

/// How often, and with what pauses in seconds, it is checked whether all flows have left.
const CHECKS: u32 = 1000;
const PAUSE: f64 = 0.01;
/// The same where there is no way to a collector: a neighbour may yet answer.
const CHECKS_AT_CLOSED: u32 = 100;

/// Ends all flows, and returns when their records have left.
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
            // Messages under construction leave now.
            state::shared().ask_to_send();
            let _ = main.suspend(2.0 * PAUSE);
            return Ok(());
        }
        let flows = inspection::total(&threads).live_flows;
        match state::shared().gate() {
            Gate::Closed(why) if flows > 0 && check >= CHECKS_AT_CLOSED => {
                let line = format!(
                    "{flows} flows can't be exported now ({}): see `show flowmeter exporter`",
                    why.name()
                );
                return Err(Refusal::new(Why::NotYet, line));
            }
            _ => {}
        }
        if !main.suspend(PAUSE) {
            break;
        }
    }
    let flows = inspection::accounts(main)?.live_flows;
    let line = format!("{flows} flows are still being exported, and will be");
    Err(Refusal::new(Why::NotYet, line))
}

/// Begins the accounts anew, in the statistics segment too.
pub(crate) fn clear_statistics(main: Main) -> Result<(), Refusal> {
    state::start(main)?;
    let barrier = &mut main.barrier();
    for mut worker in state::workers(barrier) {
        worker.clear_statistics();
    }
    state::publish(barrier);
    Ok(())
}
