// SPDX-License-Identifier: Apache-2.0
//! Timeouts and the size of tables.

use crate::meter::{self, Settings};
use crate::refusal::Refusal;
use crate::vlib::Main;

/// What is set now.
pub(crate) fn settings(main: Main) -> Result<Settings, Refusal> {
    meter::with_meter(main, |meter| Ok(meter.settings))
}

/// Whether there are tables, and these settings want others.
pub(crate) fn needs_tables(main: Main, settings: Settings) -> Result<bool, Refusal> {
    let before = self::settings(main)?;
    Ok(!meter::lacks_tables(main) && settings.flows() != before.flows())
}

/// Sets it anew, at any time, under traffic.
pub(crate) fn set(main: Main, settings: Settings) -> Result<(), Refusal> {
    meter::start(main)?;
    if needs_tables(main, settings)? {
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
