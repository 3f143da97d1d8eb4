// SPDX-License-Identifier: Apache-2.0
//! Creating tables in a background thread, which allocates their memory on the NUMA node of their
//! worker while VPP runs.
//!
//! It also has the main thread's state of tables: what is wanted, created and in use.

use std::io;
use std::thread::JoinHandle;

use flowmeter::metering::{
    Configuration, Family, Flows, MeteringProcess, STARTER_FLOWS, Seed, Table,
};

use super::settings::Settings;
use crate::ffi::Main;
use crate::ffi::placement::{Placement, become_background_thread};

/// Seconds between two checks whether the tables are ready.
pub(super) const PAUSE: f64 = 0.01;

/// The main thread's state of tables.
#[derive(Default)]
pub(crate) struct Tables {
    /// Whether threads should have tables.
    pub(super) is_wanted: bool,
    /// Families that interfaces were enabled for.
    pub(super) enabled: Vec<Family>,
    /// The settings of the tables in use.
    pub(super) in_effect: Option<Settings>,
    pub(super) making: Option<Making>,
    /// Full tables for threads, by thread index. A thread gets one at a time.
    pub(super) made: Vec<(usize, Table)>,
    /// The last failure: `flows_per_worker`, and the reason.
    pub(super) failure: Option<(u32, String)>,
    /// When to try again after a failure, in milliseconds since VPP's start.
    pub(super) retry: u64,
}

/// A background thread that is creating tables for these settings.
pub(super) struct Making {
    pub(super) settings: Settings,
    pub(super) thread: JoinHandle<io::Result<Made>>,
}

/// What the background thread has created.
pub(super) enum Made {
    /// A process for each thread.
    Processes(Vec<MeteringProcess>),
    /// Single tables, by thread index.
    Tables(Vec<(usize, Table)>),
}

/// The last warning that a table is too small.
#[derive(Default)]
pub(crate) struct Fullness {
    /// Its time, in milliseconds since VPP's start.
    pub(super) logged: Option<u64>,
    /// The number of evicted flows by then.
    pub(super) evicted: u64,
}

/// Creates a process for each thread, with all of its memory: a worker that waits for page faults
/// would stall, and VPP aborts if one stalls for a second.
pub(super) fn processes(
    settings: Settings,
    sizes: &[Flows],
    place: impl Fn(usize),
) -> io::Result<Vec<MeteringProcess>> {
    let processes = sizes.iter().enumerate().map(|(thread, flows)| {
        place(thread);
        let mut configuration =
            Configuration::new(STARTER_FLOWS, Seed::random().map_err(io::Error::other)?);
        configuration.flows = *flows;
        configuration.l2 = true;
        configuration.timeouts = settings.timeouts();
        let mut process = MeteringProcess::new(&configuration).map_err(io::Error::other)?;
        process.populate();
        Ok(process)
    });
    processes.collect()
}

/// Starts a background thread.
pub(super) fn spawn<T: Send + 'static>(
    main: Main,
    make: impl FnOnce(&Placement) -> io::Result<T> + Send + 'static,
) -> io::Result<JoinHandle<io::Result<T>>> {
    let placement = Placement::of_threads(main);
    std::thread::Builder::new()
        .name("flowmeter-table".to_owned())
        .spawn(move || {
            become_background_thread();
            make(&placement)
        })
}

/// Runs `make` in a background thread, and suspends the calling process until it has finished.
///
/// # Errors
/// Fails if the caller cannot be suspended: the barrier would be held meanwhile.
pub(crate) fn run_in_background<T: Send + 'static>(
    main: Main,
    make: impl FnOnce(&Placement) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    if !main.may_suspend() {
        return Err(io::Error::other("the workers are held at the barrier"));
    }
    let making = spawn(main, make)?;
    while !making.is_finished() && main.suspend(PAUSE) {}
    making
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the thread that makes tables panicked")))
}
