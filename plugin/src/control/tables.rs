// SPDX-License-Identifier: Apache-2.0
//! The flow tables of all threads. They are created before the first interface is metered, and
//! replaced when their size changes. A family has a small starter table until it is enabled or its
//! first packet comes; then it gets its full table.
//!
//! At most one background thread creates tables, with the latest settings. The requesting command
//! or message drives it with [`advance`], and so does the process. Tables of a new size are given
//! to all threads or to none.

use std::io;

use flowmeter::metering::{Family, Flows, MeteringProcess, STARTER_FLOWS, Table};

use super::making::{Made, Making, PAUSE, processes, spawn};
use super::memory;
use super::settings::{Settings, flows_of};
use super::state::{self, Control, with_control};
use crate::ffi::placement::Placement;
use crate::ffi::{Main, Refusal, RefusalKind, thread};

/// How often to check whether the flows of replaced tables were exported: for ten seconds.
const CHECKS: u32 = 1000;

/// Milliseconds until a table is tried again for which there was no memory.
const RETRY: u64 = 60_000;

/// The state of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TableState {
    /// All tables are as set.
    Settled,
    /// Tables are being created, or are in transit.
    InProgress,
    /// Flows of replaced tables are still to be exported.
    Retiring,
}

/// The current settings.
pub(crate) fn settings(main: Main) -> Result<Settings, Refusal> {
    with_control(main, |control| Ok(control.settings))
}

/// Changes the settings, at any time, under traffic.
pub(crate) fn set(main: Main, settings: Settings) -> Result<(), Refusal> {
    state::start(main)?;
    let before = with_control(main, |control| {
        let before = control.settings;
        if control.tables.is_wanted && settings.flows() != before.flows() {
            check(settings.flows())?;
        }
        // Now, so that another change while tables are being created starts from it.
        control.settings = settings;
        Ok(before)
    })?;
    let settled = settle(main, settings.flows());
    let in_effect = with_control(main, |control| {
        if settled.is_err() && control.settings == settings {
            control.settings = before;
        }
        main.signal(control.nodes.process);
        Ok(control.settings)
    })?;
    for (mut worker, index) in state::workers(&mut main.barrier()).zip(0..) {
        worker.set_timeouts(in_effect.timeouts());
        worker.set_domain(main.thread(), in_effect.domain(index));
    }
    settled
}

/// Before an interface is metered: gives every thread tables if it has none, and full ones for
/// these families.
pub(crate) fn activate(main: Main, families: &[Family]) -> Result<(), Refusal> {
    state::start(main)?;
    let flows = with_control(main, |control| {
        let flows = control.settings.flows();
        let tables = &mut control.tables;
        match tables.in_effect {
            // Tables that are being created were checked before.
            None if tables.making.is_some() => {}
            None => check(flows)?,
            Some(settings) => check_more(&missing(settings, families))?,
        }
        tables.is_wanted = true;
        for family in families {
            if !tables.enabled.contains(family) {
                tables.enabled.push(*family);
            }
        }
        if tables.in_effect.is_none() && !main.may_suspend() {
            // The barrier may be held for the caller: start with small tables, full ones follow.
            let starters = sizes(flows, &[]);
            let processes = processes(control.settings, &starters, |_| {});
            install(control, main, processes.map_err(no_memory(flows))?);
        }
        main.signal(control.nodes.process);
        Ok(flows)
    })?;
    settle(main, flows)
}

/// Drives [`advance`] until the tables are as set. If the caller cannot be suspended, the process
/// does it later.
fn settle(main: Main, flows: u32) -> Result<(), Refusal> {
    let mut retiring = 0;
    loop {
        let state = advance(main)?;
        let expire = with_control(main, |control| {
            let tables = &mut control.tables;
            match tables.failure.take_if(|(failed, _)| *failed == flows) {
                Some((_, line)) => Err(Refusal::new(RefusalKind::NoMemory, line)),
                None => Ok(control.nodes.expire),
            }
        })?;
        match state {
            TableState::Settled => return Ok(()),
            TableState::InProgress => {}
            TableState::Retiring if retiring < CHECKS => retiring += 1,
            TableState::Retiring => {
                return with_control(main, |control| {
                    give_up(control, flows);
                    Err(Refusal::new(
                        RefusalKind::Busy,
                        "flows of the replaced tables are still being exported: try again later, \
                         or see `show flowmeter exporter`",
                    ))
                });
            }
        }
        main.thread().interrupt_all(expire);
        if !main.suspend(PAUSE) {
            return Ok(());
        }
    }
}

/// Does what can be done now, without waiting.
pub(super) fn advance(main: Main) -> Result<TableState, Refusal> {
    with_control(main, |control| {
        let making = &mut control.tables.making;
        if let Some(made) = making.take_if(|making| making.thread.is_finished()) {
            finish(control, main, made);
        }
        deliver(control);
        for delivery in state::deliveries() {
            delivery.request_usage();
        }
        Ok(start_next(control, main))
    })
}

/// Starts to create missing tables, if no others are being created or in transit.
fn start_next(control: &mut Control, main: Main) -> TableState {
    let settings = control.settings;
    let tables = &mut control.tables;
    let deliveries = state::deliveries();
    let is_in_transit = deliveries.iter().any(|delivery| delivery.is_in_transit());
    if tables.making.is_some() || !tables.made.is_empty() || is_in_transit {
        return TableState::InProgress;
    }
    if !tables.is_wanted {
        return TableState::Settled;
    }
    let Some(in_effect) = tables
        .in_effect
        .filter(|made| made.flows() == settings.flows())
    else {
        if deliveries.iter().any(|delivery| delivery.is_retiring()) {
            return TableState::Retiring;
        }
        let sizes = sizes(settings.flows(), &tables.enabled);
        make(control, main, settings, move |placement| {
            let place = |thread| placement.move_near(thread);
            Ok(Made::Processes(processes(settings, &sizes, place)?))
        });
        return TableState::InProgress;
    };
    let missing = missing(in_effect, &tables.enabled);
    if missing.is_empty() || main.milliseconds_now() < tables.retry {
        return TableState::Settled;
    }
    if let Err(refusal) = check_more(&missing) {
        tables.retry = main.milliseconds_now() + RETRY;
        control.log.warning(main, &String::from(refusal));
        return TableState::Settled;
    }
    make(control, main, in_effect, move |placement| {
        let tables = missing.into_iter().map(|(thread, family, flows)| {
            placement.move_near(thread);
            let mut table = Table::new(family, flows).map_err(io::Error::other)?;
            table.populate();
            Ok((thread, table))
        });
        Ok(Made::Tables(tables.collect::<io::Result<_>>()?))
    });
    TableState::InProgress
}

/// Starts a background thread that creates tables.
fn make(
    control: &mut Control,
    main: Main,
    settings: Settings,
    make: impl FnOnce(&Placement) -> io::Result<Made> + Send + 'static,
) {
    control.tables.failure = None;
    match spawn(main, make) {
        Ok(thread) => control.tables.making = Some(Making { settings, thread }),
        Err(error) => fail(control, main, settings, error),
    }
}

/// Takes over the created tables, unless the settings have changed meanwhile.
fn finish(control: &mut Control, main: Main, making: Making) {
    let Making { settings, thread } = making;
    let made = thread
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the thread that makes tables panicked")));
    let is_current = control.settings.flows() == settings.flows();
    let in_effect = control.tables.in_effect;
    match made {
        Ok(Made::Processes(processes)) if is_current => install(control, main, processes),
        Ok(Made::Tables(made)) if in_effect == Some(settings) => control.tables.made = made,
        Ok(_) => {}
        Err(error) => fail(control, main, settings, error),
    }
}

/// Handles a failed allocation of tables, in spite of the check before.
fn fail(control: &mut Control, main: Main, settings: Settings, error: io::Error) {
    let flows = settings.flows();
    let line = String::from(no_memory(flows)(error));
    control.log.warning(main, &line);
    control.tables.failure = Some((flows, line));
    control.tables.retry = main.milliseconds_now() + RETRY;
    give_up(control, flows);
}

fn no_memory(flows: u32) -> impl Fn(io::Error) -> Refusal {
    move |error| {
        let line = format!("flows-per-worker {flows}: out of memory ({error}): set fewer");
        Refusal::new(RefusalKind::NoMemory, line)
    }
}

/// Restores the settings of the tables in use.
fn give_up(control: &mut Control, flows: u32) {
    match control.tables.in_effect {
        None => control.tables.is_wanted = false,
        Some(before) if control.settings.flows() == flows => {
            control.settings.flows_per_worker = before.flows_per_worker;
        }
        Some(_) => {}
    }
}

/// Gives every thread its new process; the flows of the previous ones are ended.
fn install(control: &mut Control, main: Main, processes: Vec<MeteringProcess>) {
    let timeouts = control.settings.timeouts();
    let mut barrier = main.barrier();
    // Processes of an earlier resize.
    let retired: Vec<_> = state::workers(&mut barrier)
        .filter_map(|mut worker| worker.flows.take_retired())
        .collect();
    let workers = state::workers(&mut barrier).zip(state::deliveries());
    for ((mut worker, delivery), process) in workers.zip(processes) {
        delivery.recall();
        worker.flows.replace(process);
        worker.set_timeouts(timeouts);
        delivery.publish(&worker.flows);
    }
    drop(barrier);
    // Freed after the barrier, while the workers run.
    drop(retired);
    control.tables.made.clear();
    control.tables.in_effect = Some(control.settings);
}

/// Sends full tables to their threads, and frees returned ones.
fn deliver(control: &mut Control) {
    let deliveries = state::deliveries();
    for delivery in deliveries {
        delivery.receive();
    }
    let made = core::mem::take(&mut control.tables.made);
    for (thread, table) in made {
        let refused = deliveries[thread].send(table);
        control
            .tables
            .made
            .extend(refused.map(|table| (thread, table)));
    }
}

/// Frees replaced tables that have no flows left.
pub(super) fn free_retired(main: Main) {
    let retired: Vec<_> = state::workers(&mut main.barrier())
        .filter_map(|mut worker| worker.flows.take_retired())
        .collect();
    // Freed after the barrier, while the workers run.
    drop(retired);
}

/// The sizes of each thread's tables: full tables for families that are enabled or that the thread
/// has seen, starter tables for the others.
fn sizes(flows: u32, enabled: &[Family]) -> Vec<Flows> {
    let threads = state::deliveries().iter().enumerate();
    let threads = threads.map(|(thread, delivery)| {
        let full = flows_of(flows, thread, thread::count());
        let size = |family| {
            let usage = delivery.usage(family);
            let is_needed =
                enabled.contains(&family) || usage.live > 0 || usage.capacity > STARTER_FLOWS;
            let size = full.of(family);
            if is_needed {
                size
            } else {
                size.min(STARTER_FLOWS)
            }
        };
        Flows {
            ipv4: size(Family::Ipv4),
            ipv6: size(Family::Ipv6),
            l2: size(Family::L2),
        }
    });
    threads.collect()
}

/// The full tables that threads lack for families that are enabled or that they have seen.
fn missing(settings: Settings, enabled: &[Family]) -> Vec<(usize, Family, usize)> {
    let mut missing = Vec::new();
    for (thread, delivery) in state::deliveries().iter().enumerate() {
        let full = flows_of(settings.flows(), thread, thread::count());
        for family in Family::ALL {
            let usage = delivery.usage(family);
            let is_needed = usage.live > 0 || enabled.contains(&family);
            let is_starter = (1..=STARTER_FLOWS).contains(&usage.capacity);
            if is_needed && is_starter && usage.capacity < full.of(family) {
                missing.push((thread, family, full.of(family)));
            }
        }
    }
    missing
}

/// The octets of the full tables of all threads.
fn octets(flows: u32) -> u64 {
    let threads = 0..thread::count();
    let flows = threads.map(|thread| flows_of(flows, thread, thread::count()));
    let octets =
        flows.flat_map(|flows| Family::ALL.map(|family| family.octets_for(flows.of(family))));
    octets.map(|octets| octets as u64).sum()
}

/// Checks that there is memory for all full tables of this size, including those not needed yet.
fn check(flows: u32) -> Result<(), Refusal> {
    let (needed, free) = (octets(flows), memory::free());
    if needed <= free {
        return Ok(());
    }
    // Binary search for the largest size that fits: `fits` does, and `too_many` does not.
    let (mut fits, mut too_many) = (0, flows);
    while too_many - fits > 1 {
        let middle = fits + (too_many - fits) / 2;
        if octets(middle) <= free {
            fits = middle;
        } else {
            too_many = middle;
        }
    }
    let mut unit = 1;
    while fits / unit >= 100 {
        unit *= 10;
    }
    let line = format!(
        "flows-per-worker {flows}: needs {}, but only {} is free: at most {} fit",
        memory::Size(needed),
        memory::Size(free),
        fits - fits % unit
    );
    Err(Refusal::new(RefusalKind::NoMemory, line))
}

/// Checks that there is memory for these tables.
fn check_more(missing: &[(usize, Family, usize)]) -> Result<(), Refusal> {
    let octets = missing
        .iter()
        .map(|(_, family, flows)| family.octets_for(*flows) as u64);
    let (needed, free) = (octets.sum(), memory::free());
    if needed <= free {
        return Ok(());
    }
    let mut families: Vec<_> = missing.iter().map(|(_, family, _)| family.name()).collect();
    families.dedup();
    let line = format!(
        "tables for {} flows: need {}, but only {} is free: set flows-per-worker to fewer",
        families.join(" and "),
        memory::Size(needed),
        memory::Size(free),
    );
    Err(Refusal::new(RefusalKind::NoMemory, line))
}

/// Checks that there is memory for `flows` recorded flows on each thread.
pub(crate) fn check_recorded(flows: usize) -> Result<(), Refusal> {
    // Their slots are as large as those of IPv6 flows.
    let octets = Family::Ipv6.octets_for(flows) * thread::count();
    let (needed, free) = (octets as u64, memory::free());
    if needed <= free {
        return Ok(());
    }
    let line = format!(
        "{flows} flows on each thread need {}, but only {} is free",
        memory::Size(needed),
        memory::Size(free),
    );
    Err(Refusal::new(RefusalKind::NoMemory, line))
}
