// SPDX-License-Identifier: Apache-2.0
//! Ends flows, and accounts.

use crate::meter;
use crate::refusal::{Refusal, Why};
use crate::shared::{Gate, SHARED};
use crate::vlib::Main;

/// How often, and with what pauses in seconds, it is looked whether all flows have left.
const LOOKS: u32 = 1000;
const PAUSE: f64 = 0.01;
/// The same where there is no way to a collector: a neighbour may yet answer.
const LOOKS_AT_CLOSED: u32 = 100;

/// Ends all flows, and returns when their records have left.
pub(crate) fn end_all(main: Main) -> Result<(), Refusal> {
    meter::start(main)?;
    for worker in meter::workers(&mut main.barrier()) {
        worker.end_all();
    }
    meter::with_meter(main, |meter| {
        main.signal(meter.nodes.process);
        Ok(())
    })?;
    for look in 0..LOOKS {
        if !meter::workers(&mut main.barrier()).any(|worker| worker.is_ending()) {
            // What stands in messages now shall not wait for more.
            SHARED.ask_to_send();
            let _ = main.suspend(2.0 * PAUSE);
            return Ok(());
        }
        let flows = live_flows(main);
        match SHARED.gate() {
            Gate::Closed(why) if flows > 0 && look >= LOOKS_AT_CLOSED => {
                let line = format!(
                    "{flows} flows wait to be exported ({}): see `show flowmeter exporter`",
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
    let flows = live_flows(main);
    let line = format!("{flows} flows are still being exported, and will be");
    Err(Refusal::new(Why::NotYet, line))
}

/// Begins the accounts anew.
pub(crate) fn clear_statistics(main: Main) -> Result<(), Refusal> {
    meter::start(main)?;
    for worker in meter::workers(&mut main.barrier()) {
        worker.clear_statistics();
    }
    Ok(())
}

fn live_flows(main: Main) -> u64 {
    meter::workers(&mut main.barrier())
        .map(|worker| worker.accounts().live_flows)
        .sum()
}
