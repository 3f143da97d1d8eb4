// SPDX-License-Identifier: Apache-2.0
//! Timeouts and the size of tables.

use crate::meter::{self, Settings};
use crate::refusal::Refusal;
use crate::vlib::Main;

/// What is set now.
pub(crate) fn settings(main: Main) -> Result<Settings, Refusal> {
    meter::with_meter(main, |meter| Ok(meter.settings))
}

/// Sets it anew, at any time, under traffic.
pub(crate) fn set(main: Main, settings: Settings) -> Result<(), Refusal> {
    meter::start(main)?;
    let before = self::settings(main)?;
    let has_tables = meter::workers(&mut main.barrier()).any(|worker| worker.metering().is_some());
    if has_tables && settings.flows() != before.flows() {
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
