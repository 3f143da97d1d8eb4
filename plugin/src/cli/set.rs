// SPDX-License-Identifier: Apache-2.0
//! `set flowmeter`.

use super::exporter;
use super::words::{Words, unexpected};
use crate::meter::{self, Settings};
use crate::vlib::Main;

/// Seconds that a timeout may have.
const TIMEOUT: core::ops::RangeInclusive<u32> = 1..=604_800;
/// Flows that a table may have.
const FLOWS: core::ops::RangeInclusive<u32> = 1..=100_000_000;

/// Reads one setting; `false` where the word is none.
pub(super) fn read(
    settings: &mut Settings,
    word: &str,
    words: &mut Words<'_>,
) -> Result<bool, String> {
    match word {
        "active-timeout" => settings.active_timeout = words.number(word, TIMEOUT)?,
        "idle-timeout" => settings.idle_timeout = words.number(word, TIMEOUT)?,
        "flows-per-worker" => settings.flows_per_worker = words.number(word, FLOWS)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// `set flowmeter [active-timeout <s>] [idle-timeout <s>] [flows-per-worker <n>] [default]`,
/// or `set flowmeter exporter …`.
pub(crate) fn set(main: Main, words: Vec<&str>) -> Result<(), String> {
    const EXPECTED: &str = "active-timeout, idle-timeout, flows-per-worker or default";
    let mut words = Words::new(words);
    match words.peek() {
        None => return Err(format!("expected {EXPECTED}, or exporter")),
        Some("exporter") => {
            words.next();
            return exporter::set(main, words);
        }
        Some(_) => {}
    }
    let mut settings = meter::with_meter(main, |meter| Ok(meter.settings))?;
    while let Some(word) = words.next() {
        if word == "default" {
            settings = Settings::DEFAULT;
        } else if !read(&mut settings, word, &mut words)? {
            return unexpected(word, EXPECTED);
        }
    }
    meter::start(main)?;
    let before = meter::with_meter(main, |meter| Ok(meter.settings))?;
    let has_tables = meter::workers(&mut main.barrier()).any(|worker| worker.metering().is_some());
    if has_tables && settings.flows_per_worker != before.flows_per_worker {
        meter::replace_tables(main, settings)?;
    }
    for worker in meter::workers(&mut main.barrier()) {
        worker.set_timeouts(settings.timeouts());
    }
    meter::with_meter(main, |meter| {
        meter.settings = settings;
        main.signal(meter.nodes.process);
        Ok(())
    })
}
