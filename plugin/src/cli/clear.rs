// SPDX-License-Identifier: Apache-2.0
//! `flowmeter flush` and `clear flowmeter`.

use super::words::{Words, unexpected};
use crate::meter;
use crate::shared::{Gate, SHARED};
use crate::vlib::Main;

/// How often, and with what pauses in seconds, it is looked whether all flows have left.
const LOOKS: u32 = 1000;
const PAUSE: f64 = 0.01;
/// The same where there is no way to a collector: a neighbour may yet answer.
const LOOKS_AT_CLOSED: u32 = 100;

/// `flowmeter flush`: all flows end; returns when their records have left.
pub(crate) fn flush(main: Main, words: Vec<&str>) -> Result<(), String> {
    Words::new(words).end()?;
    end_all(main)
}

/// `clear flowmeter [statistics|flows]`: both where nothing is named.
pub(crate) fn clear(main: Main, words: Vec<&str>) -> Result<(), String> {
    let mut words = Words::new(words);
    let (flows, statistics) = match words.next() {
        None => (true, true),
        Some("flows") => (true, false),
        Some("statistics") => (false, true),
        Some(word) => return unexpected(word, "statistics or flows"),
    };
    words.end()?;
    meter::start(main)?;
    if flows {
        end_all(main)?;
    }
    if statistics {
        for worker in meter::workers(&mut main.barrier()) {
            worker.clear_statistics();
        }
    }
    Ok(())
}

fn end_all(main: Main) -> Result<(), String> {
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
                return Err(format!(
                    "{flows} flows wait to be exported ({}): see `show flowmeter exporter`",
                    why.name()
                ));
            }
            _ => {}
        }
        if !main.suspend(PAUSE) {
            break;
        }
    }
    let flows = live_flows(main);
    Err(format!(
        "{flows} flows are still being exported, and will be"
    ))
}

fn live_flows(main: Main) -> u64 {
    meter::workers(&mut main.barrier())
        .map(|worker| worker.accounts().live_flows)
        .sum()
}
