// SPDX-License-Identifier: Apache-2.0
//! The plugin's state: the main thread's part, each thread's worker, and what all threads share.
//!
//! A worker is used by its own thread, or by the main thread while it holds a [`Barrier`].
//! Observation points are written under the barrier and read by all threads. Everything else
//! belongs to the main thread. A process must not be suspended while it borrows any of it.

use core::ffi::CStr;
use std::sync::{Arc, OnceLock};

use flowmeter::observation::VrfIds;

use super::exporter::Exporter;
use super::interfaces::Interfaces;
use super::making::{Fullness, Tables};
use super::recording::RecordingState;
use super::settings::Settings;
use super::walks::Walks;
use crate::dataplane::counters::Counters;
use crate::dataplane::delivery::Delivery;
use crate::dataplane::inspection::{Inspection, Snapshot};
use crate::dataplane::place::{Point, Points};
use crate::dataplane::recording::Recording;
use crate::dataplane::thread_meter::Accounts;
use crate::dataplane::worker::Worker;
use crate::export::datagram::{LookupNodes, Session};
use crate::export::shared::Shared;
use crate::ffi::interface::Interface;
use crate::ffi::text::Log;
use crate::ffi::{
    Barrier, Lent, Main, MainCell, PerThread, Published, Refusal, RefusalKind, Thread, thread,
};

/// The state of the plugin.
struct State {
    control: MainCell<Option<Control>>,
    threads: OnceLock<Threads>,
    shared: Shared,
}

static STATE: State = State {
    control: MainCell::new(None),
    threads: OnceLock::new(),
    shared: Shared::new(),
};

/// The main thread's part.
pub(crate) struct Control {
    pub(crate) settings: Settings,
    pub(crate) tables: Tables,
    pub(crate) fullness: Fullness,
    pub(crate) interfaces: Interfaces,
    pub(crate) exporter: Exporter,
    pub(crate) recording: RecordingState,
    pub(crate) walks: Walks,
    pub(crate) nodes: Nodes,
    pub(crate) log: Log,
    pub(crate) listener: Listener,
}

/// Callbacks to the frontends.
#[derive(Clone, Copy)]
pub(crate) struct Listener {
    /// Called every second while something is metered.
    pub(crate) on_second: fn(Main),
    /// Called when a collector has become reachable or unreachable.
    pub(crate) on_reachable: fn(Main, &Session, bool),
}

/// Indices of nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nodes {
    pub(crate) expire: u32,
    pub(crate) process: u32,
    pub(crate) lookup: LookupNodes,
}

/// The part of all threads, created once VPP's threads exist.
struct Threads {
    workers: PerThread<Worker>,
    /// The exchange of snapshots and lists with each thread.
    inspections: Box<[Inspection]>,
    /// The exchange of tables with each thread.
    deliveries: Box<[Arc<Delivery>]>,
    points: Published<Points>,
    counters: Counters,
}

/// Creates the main thread's part, when VPP starts.
pub(crate) fn init(main: Main, listener: Listener) -> Result<(), Refusal> {
    let node = |name: &CStr| {
        main.node(name).ok_or_else(|| {
            let line = format!("VPP has no node {}", name.to_string_lossy());
            Refusal::new(RefusalKind::NotStarted, line)
        })
    };
    let control = Control {
        settings: Settings::DEFAULT,
        tables: Tables::default(),
        fullness: Fullness::default(),
        interfaces: Interfaces::default(),
        exporter: Exporter::default(),
        recording: RecordingState::default(),
        walks: Walks::default(),
        nodes: Nodes {
            expire: node(c"flowmeter-expire")?,
            process: node(c"flowmeter-process")?,
            lookup: LookupNodes {
                ip4: node(c"ip4-lookup")?,
                ip6: node(c"ip6-lookup")?,
            },
        },
        log: Log::new(main, c"flowmeter"),
        listener,
    };
    STATE.control.with(main, |state| *state = Some(control));
    Ok(())
}

/// Calls `act` with the main thread's part.
///
/// # Errors
/// Fails if the plugin did not start, or if the part is already borrowed.
pub(crate) fn with_control<T>(
    main: Main,
    act: impl FnOnce(&mut Control) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let done = STATE.control.with(main, |control| {
        let control = control.as_mut().ok_or_else(|| {
            let line = "the flow meter did not start: see VPP's log";
            Refusal::new(RefusalKind::NotStarted, line)
        })?;
        act(control)
    });
    let busy = || Refusal::new(RefusalKind::Busy, "the flow meter is busy: try again");
    done.ok_or_else(busy).flatten()
}

/// Whether VPP's main loop runs and the workers have been created.
pub(crate) fn is_running() -> bool {
    STATE.threads.get().is_some()
}

/// Creates the workers, once VPP's main loop runs and its threads exist.
pub(crate) fn start(main: Main) -> Result<(), Refusal> {
    if is_running() {
        return Ok(());
    }
    let (lookup, settings) =
        with_control(main, |control| Ok((control.nodes.lookup, control.settings)))?;
    STATE.threads.get_or_init(|| {
        let deliveries: Box<[Arc<Delivery>]> =
            (0..thread::count()).map(|_| Arc::default()).collect();
        Threads {
            workers: PerThread::new(|thread| {
                let delivery = Arc::clone(&deliveries[thread as usize]);
                Worker::new(&STATE.shared, settings.domain(thread), lookup, delivery)
            }),
            deliveries,
            inspections: (0..thread::count()).map(|_| Inspection::new()).collect(),
            points: Published::default(),
            counters: Counters::new(main),
        }
    });
    let barrier = &mut main.barrier();
    for interface in Interface::all(main) {
        set_point(barrier, &interface);
    }
    Ok(())
}

/// Calls `act` with this thread's worker and the observation points, if the workers have been
/// created.
#[inline(always)]
pub(crate) fn with_worker(thread: Thread, act: impl FnOnce(&mut Worker, &Points)) {
    let Some(threads) = STATE.threads.get() else {
        return;
    };
    if let Some(mut worker) = threads.workers.own(thread) {
        threads
            .points
            .read(thread, |points| act(&mut worker, points));
    }
}

/// Runs one call of the node of a thread's sweep.
pub(crate) fn sweep(thread: Thread, node: u32) {
    let Some(threads) = STATE.threads.get() else {
        return;
    };
    let inspection = threads.inspections.get(usize::from(thread.index()));
    let worker = threads.workers.own(thread);
    if let (Some(mut worker), Some(inspection)) = (worker, inspection) {
        worker.sweep(thread, node, inspection);
        if worker.publish_is_due(inspection) {
            threads.publish(thread, &worker, inspection);
        }
    }
}

/// Publishes the accounts of all workers.
pub(crate) fn publish(barrier: &mut Barrier) {
    let Some(threads) = STATE.threads.get() else {
        return;
    };
    for (index, inspection) in threads.inspections.iter().enumerate() {
        let thread = barrier.thread(index);
        if let Some(worker) = threads.workers.all(barrier).nth(index) {
            threads.publish(thread, &worker, inspection);
        }
    }
}

impl Threads {
    /// Publishes a worker's accounts in the statistics segment, and its snapshot.
    fn publish(&self, thread: Thread, worker: &Worker, inspection: &Inspection) {
        let snapshot = worker.snapshot();
        let Snapshot { accounts, .. } = &snapshot;
        self.counters
            .set(thread, accounts, &worker.gauge_values(accounts));
        inspection.publish(&snapshot);
    }
}

/// The export state that all threads share.
pub(crate) fn shared() -> &'static Shared {
    &STATE.shared
}

/// The exchange of tables with each thread; empty before the workers are created.
pub(crate) fn deliveries() -> &'static [Arc<Delivery>] {
    STATE
        .threads
        .get()
        .map_or(&[], |threads| &threads.deliveries)
}

/// The counters of all threads.
pub(crate) fn counters() -> Option<&'static Counters> {
    STATE.threads.get().map(|threads| &threads.counters)
}

/// The exchange of snapshots and lists with each thread; empty before the workers are created.
pub(crate) fn inspections() -> &'static [Inspection] {
    STATE
        .threads
        .get()
        .map_or(&[], |threads| &threads.inspections)
}

/// All workers; none before they are created.
pub(crate) fn workers(barrier: &mut Barrier) -> impl Iterator<Item = Lent<'_, Worker>> {
    let workers = STATE.threads.get();
    let workers = workers.map(|threads| threads.workers.all(barrier));
    workers.into_iter().flatten()
}

/// Calls `act` with each thread's meter of recorded flows.
pub(crate) fn each_recording(barrier: &mut Barrier, mut act: impl FnMut(&mut Recording)) {
    for mut worker in workers(barrier) {
        if let Some(recording) = worker.recording.as_deref_mut() {
            act(recording);
        }
    }
}

/// Whether threads have meters of recorded flows.
pub(crate) fn has_recordings(barrier: &mut Barrier) -> bool {
    workers(barrier).any(|worker| worker.recording.is_some())
}

/// Publishes the observation point of an interface.
pub(super) fn set_point(barrier: &mut Barrier, interface: &Interface) {
    let main = barrier.main();
    let point = Point {
        tables: VrfIds {
            ipv4: interface.table(main, false),
            ipv6: interface.table(main, true),
        },
        bond_sw_if_index: interface.bond_sw_if_index,
        vlan: interface.vlan,
    };
    if let Some(threads) = STATE.threads.get() {
        let points = threads.points.write(barrier);
        points.set(interface.sw_if_index, point);
    }
}

/// Publishes the FIB table of an interface's packets of one IP version.
pub(super) fn set_table(barrier: &mut Barrier, sw_if_index: u32, is_ip6: bool, table_id: u32) {
    if let Some(threads) = STATE.threads.get() {
        let points = threads.points.write(barrier);
        let mut point = points.of(sw_if_index);
        if is_ip6 {
            point.tables.ipv6 = table_id;
        } else {
            point.tables.ipv4 = table_id;
        }
        points.set(sw_if_index, point);
    }
}

/// The sum of all workers' accounts.
pub(crate) fn accounts(barrier: &mut Barrier) -> Accounts {
    let mut total = Accounts::default();
    for worker in workers(barrier) {
        total += worker.accounts();
    }
    total
}
