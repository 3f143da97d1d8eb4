// SPDX-License-Identifier: Apache-2.0
//! The process node that wakes the workers' sweeps, and sleeps while there is nothing to sweep.

use super::state::{self, with_control};
use super::tables::TableState;
use super::{exporting, fullness, inspection, observing, tables};
use crate::dataplane::inspection::Snapshot;
use crate::ffi::Main;

/// Seconds between two sweeps. With 1 M flows, each one visits 740 groups of slots.
const TICK: f64 = 0.01;

/// Ticks between two checks of clock, exporter and route.
const CHECK: u32 = 10;

/// Ticks between two checks of the names of interfaces and of full tables.
const SECOND: u32 = 100;

/// Seconds to wait if only a signal should end the wait.
const FOREVER: f64 = 1e9;

/// Runs until VPP exits.
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
            every_second(main);
        }
        if !tick(main, ticks.is_multiple_of(CHECK), &mut sleeps) {
            // Let the workers publish once more.
            let _ = main.suspend(TICK);
            set_gauges(main);
            main.wait(FOREVER);
            ticks = 0;
            continue;
        }
        set_gauges(main);
        ticks = ticks.wrapping_add(1);
        main.wait(TICK);
    }
}

/// One tick. Returns `false` if there is nothing to do until something is enabled.
fn tick(main: Main, check: bool, sleeps: &mut u32) -> bool {
    if !state::is_running() {
        return false;
    }
    if check {
        exporting::update(main);
    }
    // VPP's process has run, by its timer or for `ipfix flush`: send our messages, too.
    let now = main.flow_report_sleeps();
    if core::mem::replace(sleeps, now) != now {
        state::shared().request_flush();
    }
    let tables = tables::advance(main).unwrap_or(TableState::InProgress);
    let metered = with_control(main, |control| {
        if control.exporter.interfaces_changed {
            exporting::update_interfaces(control, main);
        }
        main.thread().interrupt_all(control.nodes.expire);
        Ok(!control.interfaces.metered().is_empty() || control.recording.is_enabled())
    });
    metered.unwrap_or(true) || !check || tables != TableState::Settled || is_busy(main)
}

fn set_gauges(main: Main) {
    if let Some(counters) = state::counters() {
        counters.set_gauges(main);
    }
}

/// Called after each API message and command, which may have changed features of interfaces or the
/// exporter. The client of a changed exporter expects that all later records go there.
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

/// Frees unused tables, announces changed interfaces, and calls the listener.
fn every_second(main: Main) {
    if any_thread(|thread| thread.state().has_retired) {
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
    if any_thread(|thread| !thread.state().is_idle) {
        return true;
    }
    // The snapshots may be out of date, and this is the last check before a long sleep: check the
    // workers under the barrier.
    let barrier = &mut main.barrier();
    state::publish(barrier);
    state::workers(barrier).any(|worker| !worker.is_idle())
}

/// Whether `predicate` is true for any thread's last snapshot.
fn any_thread(predicate: impl Fn(&Snapshot) -> bool) -> bool {
    let threads = inspection::published();
    threads.is_none_or(|threads| threads.iter().any(predicate))
}
