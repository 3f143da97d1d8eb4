// SPDX-License-Identifier: Apache-2.0
//! The process on the main thread that wakes the workers' sweeps, and sleeps where there is
//! nothing to sweep.

use crate::api::events;
use crate::interfaces;
use crate::meter;
use crate::shared::SHARED;
use crate::sweeping::Progress;
use crate::vlib::{Main, Thread};

/// Seconds from sweep to sweep: 1 M flows take 740 groups of slots each time.
const TICK: f64 = 0.01;

/// Ticks from one look at clock, exporter and route to the next.
const LOOK: u32 = 10;

/// Ticks from one look at what interfaces are called, and how full tables are, to the next.
const NAMES: u32 = 100;

/// Longer than anybody waits: until somebody signals.
const FOR_EVER: f64 = 1e9;

/// Runs as long as VPP does.
pub(crate) fn run(main: Main) -> ! {
    let started = meter::start(main).and_then(|()| interfaces::apply_rules(main));
    if let Err(refusal) = started {
        let why = String::from(refusal);
        let _ = meter::with_meter(main, |meter| {
            meter.log.warning(main, &why);
            Ok(())
        });
    }
    let mut ticks = 0u32;
    let mut sleeps = main.flow_report_sleeps();
    loop {
        if ticks.is_multiple_of(NAMES) {
            tidy(main);
            events::look(main);
        }
        if !tick(main, ticks.is_multiple_of(LOOK), &mut sleeps) {
            main.wait(FOR_EVER);
            ticks = 0;
            continue;
        }
        ticks = ticks.wrapping_add(1);
        main.wait(TICK);
    }
}

/// One round; `false` where there is nothing to do until something is enabled.
fn tick(main: Main, look: bool, sleeps: &mut u32) -> bool {
    if !meter::is_running() {
        return false;
    }
    if look {
        update(main);
    }
    // VPP's own reports were asked for, by the clock or by `ipfix flush`: so are ours.
    let now = main.flow_report_sleeps();
    if core::mem::replace(sleeps, now) != now {
        SHARED.ask_to_send();
    }
    let metered = meter::with_meter(main, |meter| {
        main.thread().interrupt_all(meter.nodes.expire);
        Ok(!meter.interfaces.metered().is_empty() || meter.flowprobe.is_enabled())
    });
    metered.unwrap_or(true) || !look || is_busy(main)
}

/// Looks at the clock, the exporter, and the way to it.
pub(crate) fn update(main: Main) {
    let wall = main
        .unix_milliseconds()
        .wrapping_sub(main.milliseconds_now());
    SHARED.set_wall(wall);
    let _ = meter::with_meter(main, |meter| {
        meter.update_exporter(main);
        Ok(())
    });
}

/// A message or a command was served. It may have set another exporter: whoever does so expects
/// records there from then on, and none anywhere else.
pub(crate) fn after_request(main: Main) {
    if !meter::is_running() {
        return;
    }
    let is_news = meter::with_meter(main, |meter| Ok(meter.exporter_is_news(main)));
    if is_news.unwrap_or(false) {
        update(main);
    }
}

/// Gives memory back that workers don't need any more, and tells collectors of new names.
fn tidy(main: Main) {
    let retired: Vec<_> = meter::workers(&mut main.barrier())
        .filter_map(|worker| worker.take_retired())
        .collect();
    // Not while the workers wait.
    drop(retired);
    let _ = meter::with_meter(main, |meter| {
        meter.name_interfaces(main);
        Ok(())
    });
}

/// Whether a worker still has flows or an unsent message.
fn is_busy(main: Main) -> bool {
    meter::workers(&mut main.barrier()).any(|worker| !worker.is_idle())
}

/// The node that a worker's sweep runs in.
pub(crate) fn expire(thread: Thread, node: u32) {
    meter::with_worker(thread, |worker, _| {
        let host = worker.flowprobe.as_mut();
        let host = host.map(|host| host.expire(thread, node));
        if worker.expire(thread) == Progress::More || host == Some(Progress::More) {
            thread.interrupt(node);
        }
        if worker.publish_is_due()
            && let Some(counters) = meter::counters()
        {
            counters.set(thread, &worker.accounts());
        }
    });
}
