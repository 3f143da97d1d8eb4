// SPDX-License-Identifier: Apache-2.0
//! The stanza `flowmeter { … }` of startup.conf.

use super::exporter::Reading;
use super::interface::side_if_any;
use super::set;
use super::words::{Words, unexpected};
use crate::control::interfaces::{Selection, Variant};
use crate::control::state::with_control;
use crate::ffi::Main;

/// Reads the stanza. Its rules apply when VPP's main loop starts, and to interfaces that are added
/// later.
pub(crate) fn config(main: Main, words: Vec<&str>) -> Result<(), String> {
    read(main, words).map_err(|why| format!("startup.conf: flowmeter: {why}"))
}

fn read(main: Main, words: Vec<&str>) -> Result<(), String> {
    let mut words = Words::new(words);
    let mut exporter = Reading::default();
    let mut rules = Vec::new();
    let mut settings = with_control(main, |control| Ok(control.settings))?;
    while let Some(word) = words.next() {
        if word == "interface" {
            let name: String = words.value(word, "an interface, or a pattern such as tap*")?;
            let side = side_if_any(&mut words);
            let variant = Variant::All;
            rules.push((name, Selection { variant, side }));
        } else if !set::read(&mut settings, word, &mut words)?
            && !exporter.read(word, &mut words)?
        {
            let expected = format!(
                "interface, active-timeout, idle-timeout, flows-per-worker, observation-domain, {}",
                Reading::EXPECTED
            );
            return unexpected(word, &expected);
        }
    }
    let exporter = exporter.finish()?;
    with_control(main, |control| {
        control.settings = settings;
        for (name, selection) in &rules {
            control.interfaces.add_rule(name, *selection);
        }
        control.exporter.set(main, exporter, false)
    })?;
    Ok(())
}
