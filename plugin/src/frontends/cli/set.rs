// SPDX-License-Identifier: Apache-2.0
//! `set flowmeter`.

use super::exporter;
use super::words::{Words, unexpected};
use crate::control::settings::Settings;
use crate::control::tables;
use crate::ffi::Main;

/// Reads one setting. Returns `false` if the word does not start one.
pub(super) fn read(
    settings: &mut Settings,
    word: &str,
    words: &mut Words<'_>,
) -> Result<bool, String> {
    match word {
        "active-timeout" => settings.active_timeout = words.number(word, Settings::TIMEOUTS)?,
        "idle-timeout" => settings.idle_timeout = words.number(word, Settings::TIMEOUTS)?,
        "flows-per-worker" => {
            settings.flows_per_worker = Some(words.number(word, Settings::FLOWS)?);
        }
        "observation-domain" => {
            settings.observation_domain = words.number(word, Settings::domains())?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// `set flowmeter [active-timeout <s>] [idle-timeout <s>] [flows-per-worker <n>]
/// [observation-domain <n>] [default]`, or `set flowmeter exporter …`.
pub(crate) fn set(main: Main, words: Vec<&str>) -> Result<(), String> {
    const EXPECTED: &str =
        "active-timeout, idle-timeout, flows-per-worker, observation-domain or default";
    let mut words = Words::new(words);
    match words.peek() {
        None => return Err(format!("expected {EXPECTED}, or exporter")),
        Some("exporter") => {
            words.next();
            return exporter::set(main, words);
        }
        Some(_) => {}
    }
    let mut settings = tables::settings(main)?;
    while let Some(word) = words.next() {
        if word == "default" {
            settings = Settings::DEFAULT;
        } else if !read(&mut settings, word, &mut words)? {
            return unexpected(word, EXPECTED);
        }
    }
    Ok(tables::set(main, settings)?)
}
