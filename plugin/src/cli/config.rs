// SPDX-License-Identifier: Apache-2.0
//! The stanza `flowmeter { … }` of startup.conf.

use super::exporter::Reading;
use super::interface::side_if_any;
use super::set;
use super::words::{Words, unexpected};
use crate::interfaces::{Variant, Wanted};
use crate::meter;
use crate::vlib::Main;

/// Reads the stanza. Nothing runs yet: interfaces are metered when they come.
pub(crate) fn config(main: Main, words: Vec<&str>) -> Result<(), String> {
    read(main, words).map_err(|why| format!("startup.conf: flowmeter: {why}"))
}

fn read(main: Main, words: Vec<&str>) -> Result<(), String> {
    let mut words = Words::new(words);
    let mut exporter = Reading::default();
    let mut rules = Vec::new();
    let mut settings = meter::with_meter(main, |meter| Ok(meter.settings))?;
    while let Some(word) = words.next() {
        if word == "interface" {
            let name: String = words.value(word, "an interface, or a pattern such as tap*")?;
            let side = side_if_any(&mut words);
            let variant = Variant::All;
            rules.push((name, Wanted { variant, side }));
        } else if !set::read(&mut settings, word, &mut words)?
            && !exporter.read(word, &mut words)?
        {
            let expected = format!(
                "interface, active-timeout, idle-timeout, flows-per-worker, {}",
                Reading::EXPECTED
            );
            return unexpected(word, &expected);
        }
    }
    let exporter = exporter.finish()?;
    meter::with_meter(main, |meter| {
        meter.settings = settings;
        for (name, wanted) in &rules {
            meter.interfaces.add_rule(name, *wanted);
        }
        meter.exporter.set(main, exporter)
    })?;
    Ok(())
}
