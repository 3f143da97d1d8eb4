// SPDX-License-Identifier: Apache-2.0
//! The process on the main thread that wakes the workers' sweeps, and sleeps where there is
//! nothing to sweep.

use super::state::{self, with_control};
use super::tables::Standing;
use super::{exporting, fullness, inspection, observing, tables};
use crate::dataplane::inspection::Snapshot;
use crate::ffi::Main;

/// Seconds from sweep to sweep: 1 M flows take 740 groups of slots each time.
const TICK: f64 = 0.01;

/// Ticks between two checks of clock, exporter and route.
const CHECK: u32 = 10;

/// Ticks between two checks of interfaces' names and of how full tables are.
const SECOND: u32 = 100;

/// Until a signal comes.
const FOR_EVER: f64 = 1e9;

/// Runs as long as VPP does.
pub(crate) fn run(main: Main) -> ! {
    let started = state::start(main).and_then(|()| observing::apply_rules(main));
    if let Err(refusal) = started {
        let why = String::from(refusal);
        let _ = with_control(main, |control| {
            control.log.warning(main, &why);
            Ok(())
        });
    }
    let mut ticks = 0u32;
    let mut sleeps = main.flow_report_sleeps();
    loop {
        if ticks.is_multiple_of(SECOND) {
            tidy(main);
        }
        if !tick(main, ticks.is_multiple_of(CHECK), &mut sleeps) {
            // Workers publish once more.
            let _ = main.suspend(TICK);
            set_gauges(main);
            main.wait(FOR_EVER);
            ticks = 0;
            continue;
        }
        set_gauges(main);
        ticks = ticks.wrapping_add(1);
        main.wait(TICK);
    }
}

/// One round; `false` where there is nothing to do until something is enabled.
fn tick(main: Main, check: bool, sleeps: &mut u32) -> bool {
    if !state::is_running() {
        return false;
    }
    if check {
        exporting::update(main);
    }
    // VPP's own reports were asked for, by the clock or by `ipfix flush`: so are ours.
    let now = main.flow_report_sleeps();
    if core::mem::replace(sleeps, now) != now {
        state::shared().ask_to_send();
    }
    let tables = tables::advance(main).unwrap_or(Standing::UnderWay);
    let metered = with_control(main, |control| {
        if control.exporter.interfaces_changed {
            exporting::update_interfaces(control, main);
        }
        main.thread().interrupt_all(control.nodes.expire);
        Ok(!control.interfaces.metered().is_empty() || control.recording.is_enabled())
    });
    metered.unwrap_or(true) || !check || tables != Standing::Settled || is_busy(main)
}

fn set_gauges(main: Main) {
    if let Some(counters) = state::counters() {
        counters.set_gauges(main);
    }
}

/// A message or a command was served. It may have changed what is enabled on interfaces, or have set
/// another exporter: its client expects records there from then on, and none anywhere else.
pub(crate) fn after_request(main: Main) {
    if !state::is_running() {
        return;
    }
    let changed = with_control(main, |control| {
        observing::on_request(control, main);
        Ok(exporting::exporter_changed(control, main))
    });
    if changed.unwrap_or(false) {
        exporting::update(main);
    }
}

/// Frees memory that workers don't need any more, sends collectors new names, and lets frontends
/// look around.
fn tidy(main: Main) {
    if any(|thread| thread.state().has_retired) {
        tables::free_retired(main);
    }
    let on_second = with_control(main, |control| {
        exporting::update_interfaces(control, main);
        fullness::report(control, main);
        Ok(control.listener.on_second)
    });
    if let Ok(on_second) = on_second {
        on_second(main);
    }
}

/// Whether a worker still has flows or an unsent message.
fn is_busy(main: Main) -> bool {
    if any(|thread| !thread.state().is_idle) {
        return true;
    }
    // They may have been given something to do since they published that: this is the last look
    // for long.
    let barrier = &mut main.barrier();
    state::publish(barrier);
    state::workers(barrier).any(|worker| !worker.is_idle())
}

/// Whether it is so for any thread, as it was published last.
fn any(is_so: impl Fn(&Snapshot) -> bool) -> bool {
    let threads = inspection::published();
    threads.is_none_or(|threads| threads.iter().any(is_so))
}
