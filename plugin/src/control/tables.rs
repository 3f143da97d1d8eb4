// SPDX-License-Identifier: Apache-2.0
//! The flow tables of all threads: made before the first interface is metered, and replaced when
//! their size is set.
//!
//! All threads get tables, or none does. A thread of our own makes them, so that VPP goes on.

use flowmeter::metering::{Configuration, MeteringProcess};

use super::inspection;
use super::settings::Settings;
use super::state::{self, with_control};
use crate::ffi::{Main, Refusal, Why, thread};

/// How often, and with what pauses in seconds, it is checked whether something has ended: for
/// ten seconds.
const CHECKS: u32 = 1000;
const PAUSE: f64 = 0.01;

/// What is set now.
pub(crate) fn settings(main: Main) -> Result<Settings, Refusal> {
    with_control(main, |control| Ok(control.settings))
}

/// Whether there are tables, and these settings want others.
pub(crate) fn needs_tables(main: Main, settings: Settings) -> Result<bool, Refusal> {
    let before = self::settings(main)?;
    Ok(!lacks_tables(main) && settings.flows() != before.flows())
}

/// Sets it anew, at any time, under traffic.
pub(crate) fn set(main: Main, settings: Settings) -> Result<(), Refusal> {
    state::start(main)?;
    if needs_tables(main, settings)? {
        replace_tables(main, settings)?;
    }
    for (mut worker, index) in state::workers(&mut main.barrier()).zip(0..) {
        worker.set_timeouts(settings.timeouts());
        worker.set_domain(main.thread(), settings.domain(index));
    }
    with_control(main, |control| {
        control.settings = settings;
        main.signal(control.nodes.process);
        Ok(())
    })
}

/// Whether workers have no tables yet.
pub(crate) fn lacks_tables(main: Main) -> bool {
    let mut barrier = main.barrier();
    !state::is_running()
        || state::workers(&mut barrier).any(|worker| worker.flows.metering().is_none())
}

/// Gives every worker tables, where they have none yet: before the first interface is metered.
pub(crate) fn activate(main: Main) -> Result<(), Refusal> {
    state::start(main)?;
    if !lacks_tables(main) {
        return Ok(());
    }
    let settings = with_control(main, |control| Ok(control.settings))?;
    replace_tables(main, settings)
}

/// Gives every worker new tables for these settings; all get them, or none does.
pub(crate) fn replace_tables(main: Main, settings: Settings) -> Result<(), Refusal> {
    let flows = settings.flows();
    let processes = make_processes(main, settings).map_err(|error| {
        let line = format!("no memory for {flows} flows on each thread ({error}): ask for fewer");
        Refusal::new(Why::NoMemory, line)
    })?;
    wait_for_retired(main)?;
    let mut barrier = main.barrier();
    for (mut worker, process) in state::workers(&mut barrier).zip(processes) {
        worker.flows.replace(process);
    }
    Ok(())
}

/// A process for each thread, with all the memory that it will need: a worker that had to wait
/// for pages would stall, and VPP ends where one stalls for a second.
fn make_processes(main: Main, settings: Settings) -> std::io::Result<Vec<MeteringProcess>> {
    make_aside(main, move |threads| {
        (0..threads)
            .map(|_| {
                let mut process = MeteringProcess::new(&Configuration {
                    l2: true,
                    timeouts: settings.timeouts(),
                    ..Configuration::new(settings.flows() as usize)?
                })?;
                process.populate();
                Ok(process)
            })
            .collect()
    })
}

/// Makes what so many threads need, which takes some hundred milliseconds for tables of a million
/// flows: a thread of its own does it, and VPP goes on meanwhile.
///
/// # Errors
/// Where the caller is no process that may be suspended: workers would stand still meanwhile.
pub(crate) fn make_aside<T: Send + 'static>(
    main: Main,
    make: impl FnOnce(usize) -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    if !main.may_suspend() {
        return Err(std::io::Error::other("workers stand still"));
    }
    let threads = thread::count();
    let making = std::thread::Builder::new()
        .name("flowmeter".to_owned())
        .spawn(move || make(threads))?;
    while !making.is_finished() && main.suspend(PAUSE) {}
    making.join().unwrap_or_else(|_| {
        Err(std::io::Error::other(
            "the thread that makes tables panicked",
        ))
    })
}

/// Frees the memory of tables that were replaced and have no flows any more.
pub(super) fn free_retired(main: Main) {
    let retired: Vec<_> = state::workers(&mut main.barrier())
        .filter_map(|mut worker| worker.flows.take_retired())
        .collect();
    // Freed when the workers run again.
    drop(retired);
}

/// Waits until the flows of tables that were replaced before have left.
fn wait_for_retired(main: Main) -> Result<(), Refusal> {
    for _ in 0..CHECKS {
        let threads = inspection::snapshots(main)?;
        if threads.iter().any(|thread| thread.state().has_retired) {
            free_retired(main);
        }
        if !threads.iter().any(|thread| thread.state().is_retiring) {
            return Ok(());
        }
        if !main.suspend(PAUSE) {
            break;
        }
    }
    Err(Refusal::new(
        Why::Busy,
        "the flows of the tables before are still being exported: try again later, or see \
         `show flowmeter exporter`",
    ))
}
