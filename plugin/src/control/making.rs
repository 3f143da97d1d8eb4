// SPDX-License-Identifier: Apache-2.0
//! The maker of tables, a thread of our own: it takes their memory where their thread is, and VPP goes
//! on meanwhile.
//!
//! Here is also what the main thread remembers of it: what is wanted, made and in effect.

use std::io;
use std::thread::JoinHandle;

use flowmeter::metering::{Configuration, Family, Flows, MeteringProcess, STARTER_FLOWS, Table};

use super::settings::Settings;
use crate::ffi::Main;
use crate::ffi::placement::{Placement, step_back};

/// Seconds between two looks at whether it has made what it was to make.
pub(super) const PAUSE: f64 = 0.01;

/// What is remembered of tables.
#[derive(Default)]
pub(crate) struct Tables {
    /// Whether threads are to have tables.
    pub(super) is_wanted: bool,
    /// Families that interfaces were enabled for.
    pub(super) enabled: Vec<Family>,
    /// The settings with which the tables that there are were made.
    pub(super) in_effect: Option<Settings>,
    pub(super) making: Option<Making>,
    /// Full tables for threads, which get them one by one.
    pub(super) made: Vec<(usize, Table)>,
    /// What could not be made last: its `flows_per_worker`, and why.
    pub(super) failure: Option<(u32, String)>,
    /// When tables are tried again for which there was no memory, in VPP's milliseconds.
    pub(super) retry: u64,
}

/// What is being made, for these settings.
pub(super) struct Making {
    pub(super) settings: Settings,
    pub(super) maker: JoinHandle<io::Result<Made>>,
}

pub(super) enum Made {
    /// One for each thread.
    Processes(Vec<MeteringProcess>),
    /// Some for some.
    Tables(Vec<(usize, Table)>),
}

/// When the log last said that a table is too small.
#[derive(Default)]
pub(crate) struct Fullness {
    /// VPP's milliseconds.
    pub(super) logged: Option<u64>,
    /// Flows that had had to leave by then.
    pub(super) evicted: u64,
}

/// A process for each thread, with all the memory that it will need: a worker that had to wait
/// for pages would stall, and VPP ends where one stalls for a second.
pub(super) fn processes(
    settings: Settings,
    sizes: &[Flows],
    place: impl Fn(usize),
) -> io::Result<Vec<MeteringProcess>> {
    let processes = sizes.iter().enumerate().map(|(thread, flows)| {
        place(thread);
        let mut process = MeteringProcess::new(&Configuration {
            flows: *flows,
            l2: true,
            timeouts: settings.timeouts(),
            ..Configuration::new(STARTER_FLOWS)?
        })?;
        process.populate();
        Ok(process)
    });
    processes.collect()
}

/// Has a thread of our own make something that takes long, and VPP goes on meanwhile.
pub(super) fn spawn<T: Send + 'static>(
    main: Main,
    make: impl FnOnce(&Placement) -> io::Result<T> + Send + 'static,
) -> io::Result<JoinHandle<io::Result<T>>> {
    let placement = Placement::of_threads(main);
    std::thread::Builder::new()
        .name("flowmeter-table".to_owned())
        .spawn(move || {
            step_back();
            make(&placement)
        })
}

/// The same, and waits for it.
///
/// # Errors
/// Also where the caller is no process that can be suspended: workers would stand still meanwhile.
pub(crate) fn make_aside<T: Send + 'static>(
    main: Main,
    make: impl FnOnce(&Placement) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    if !main.may_suspend() {
        return Err(io::Error::other("workers stand still"));
    }
    let making = spawn(main, make)?;
    while !making.is_finished() && main.suspend(PAUSE) {}
    making
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the thread that makes tables panicked")))
}
