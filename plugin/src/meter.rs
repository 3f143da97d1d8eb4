// SPDX-License-Identifier: Apache-2.0
//! The flow meter of this VPP: its settings, which are the main thread's, and its workers.
//!
//! Who may touch what: a worker's state is its thread's own, and the main thread's while it
//! holds a [`Barrier`]; observation points are written under a barrier and read by all; the rest
//! is the main thread's. Nothing here is borrowed while a process is suspended.

use core::cell::{RefCell, UnsafeCell};
use core::ffi::CStr;
use core::ops::RangeInclusive;
use std::sync::OnceLock;

use flowmeter::metering::{Configuration, MeteringProcess, Timeouts};
use flowmeter::observation::ObservationDomainId;

use crate::counters::Counters;
use crate::datagram::LookupNodes;
use crate::exporter::Exporter;
use crate::flowprobe::{self, Flowprobe};
use crate::interfaces::Interfaces;
use crate::place::Points;
use crate::refusal::{Refusal, Why};
use crate::vlib::text::Log;
use crate::vlib::{self, Barrier, Main, Thread};
use crate::worker::Worker;

/// The observation domain of the main thread; each worker's is its number more.
const FIRST_DOMAIN: u32 = 1;

/// How often, and with what pauses in seconds, it is looked whether something has come to its
/// end: for ten seconds.
const LOOKS: u32 = 1000;
const PAUSE: f64 = 0.01;

/// What a user sets of the metering processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// In seconds.
    pub(crate) active_timeout: u32,
    /// In seconds.
    pub(crate) idle_timeout: u32,
    /// `None` where nobody has said.
    pub(crate) flows_per_worker: Option<u32>,
}

impl Settings {
    /// What a user who says nothing gets.
    pub(crate) const DEFAULT: Self = Self {
        active_timeout: 60,
        idle_timeout: 15,
        flows_per_worker: None,
    };
    /// Seconds that a timeout may have.
    pub(crate) const TIMEOUTS: RangeInclusive<u32> = 1..=604_800;
    /// Flows that a table may have.
    pub(crate) const FLOWS: RangeInclusive<u32> = 1..=100_000_000;

    /// Flows that each table has room for.
    pub(crate) fn flows(&self) -> u32 {
        self.flows_per_worker.unwrap_or(1_000_000)
    }

    /// The same in flowprobe's place: as many as flowprobe's threads have.
    pub(crate) fn recorded_flows(&self) -> u32 {
        self.flows_per_worker.unwrap_or(1 << 18)
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        Timeouts::from_millis(
            self.active_timeout.saturating_mul(1000),
            self.idle_timeout.saturating_mul(1000),
        )
    }
}

/// What only the main thread knows.
pub(crate) struct Meter {
    pub(crate) settings: Settings,
    pub(crate) interfaces: Interfaces,
    pub(crate) exporter: Exporter,
    pub(crate) flowprobe: Flowprobe,
    pub(crate) nodes: Nodes,
    pub(crate) log: Log,
}

/// Nodes by number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nodes {
    pub(crate) expire: u32,
    pub(crate) process: u32,
    pub(crate) lookup: LookupNodes,
}

/// The main thread's state.
struct OfMain(RefCell<Option<Meter>>);

// SAFETY: only reached with a `Main`, of which there are none on other threads.
unsafe impl Sync for OfMain {}

static METER: OfMain = OfMain(RefCell::new(None));

/// All workers, and what they read.
struct Workers {
    workers: Box<[OfThread]>,
    points: UnsafeCell<Points>,
    counters: Counters,
}

/// One worker, on cache lines of its own.
#[repr(align(128))]
struct OfThread(UnsafeCell<Worker>);

// SAFETY: see the file: each part has one thread that may touch it, or the main thread while
// the others stand still.
unsafe impl Sync for Workers {}
// SAFETY: as above; made on the main thread and never moved after that.
unsafe impl Send for Workers {}

static WORKERS: OnceLock<Workers> = OnceLock::new();

/// Sets the meter up, when VPP starts.
pub(crate) fn init(main: Main) -> Result<(), Refusal> {
    let node = |name: &CStr| {
        main.node(name).ok_or_else(|| {
            let line = format!("VPP has no node {}", name.to_string_lossy());
            Refusal::new(Why::NotStarted, line)
        })
    };
    let meter = Meter {
        settings: Settings::DEFAULT,
        interfaces: Interfaces::default(),
        exporter: Exporter::default(),
        flowprobe: Flowprobe::default(),
        nodes: Nodes {
            expire: node(c"flowmeter-expire")?,
            process: node(c"flowmeter-process")?,
            lookup: LookupNodes {
                ip4: node(c"ip4-lookup")?,
                ip6: node(c"ip6-lookup")?,
            },
        },
        log: Log::new(main, c"flowmeter"),
    };
    *METER.0.borrow_mut() = Some(meter);
    Ok(())
}

/// Does something with the main thread's state.
///
/// # Errors
/// Where the plugin did not start.
pub(crate) fn with_meter<T>(
    _main: Main,
    act: impl FnOnce(&mut Meter) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    match METER.0.try_borrow_mut().as_deref_mut() {
        Ok(Some(meter)) => act(meter),
        Ok(None) => Err(Refusal::new(
            Why::NotStarted,
            "the flow meter did not start: see VPP's log",
        )),
        Err(_) => Err(Refusal::new(Why::Busy, "the flow meter is busy: try again")),
    }
}

/// Whether VPP's main loop runs, and the workers are there.
pub(crate) fn is_running() -> bool {
    WORKERS.get().is_some()
}

/// Makes the workers, once VPP's main loop runs and threads are there.
pub(crate) fn start(main: Main) -> Result<(), Refusal> {
    if is_running() {
        return Ok(());
    }
    with_meter(main, |meter| {
        let lookup = meter.nodes.lookup;
        WORKERS.get_or_init(|| Workers {
            workers: (0..vlib::thread::count() as u32)
                .map(|index| ObservationDomainId(FIRST_DOMAIN + index))
                .map(|domain| OfThread(UnsafeCell::new(Worker::new(domain, lookup))))
                .collect(),
            points: UnsafeCell::default(),
            counters: Counters::new(main),
        });
        Ok(())
    })
}

/// Does something with this thread's worker and the points that it reads; nothing where there
/// are no workers yet.
#[inline(always)]
pub(crate) fn with_worker(thread: Thread, act: impl FnOnce(&mut Worker, &Points)) {
    let Some(all) = WORKERS.get() else { return };
    let Some(worker) = all.workers.get(usize::from(thread.index())) else {
        return;
    };
    // SAFETY: this thread's own worker, in a hook that VPP does not enter twice at a time; the
    // main thread touches it under a barrier only, and then this thread stands still.
    let worker = unsafe { &mut *worker.0.get() };
    // SAFETY: written only while this thread stands still.
    let points = unsafe { &*all.points.get() };
    act(worker, points);
}

/// The counters of all threads.
pub(crate) fn counters() -> Option<&'static Counters> {
    WORKERS.get().map(|all| &all.counters)
}

/// All workers, while they stand still; none where they aren't there yet.
pub(crate) fn workers(_barrier: &mut Barrier) -> impl Iterator<Item = &mut Worker> {
    let workers = WORKERS.get().map_or(&[][..], |all| &all.workers);
    // SAFETY: all threads stand still, and the barrier is borrowed as long as the workers are.
    workers.iter().map(|worker| unsafe { &mut *worker.0.get() })
}

/// What meters in flowprobe's place on all threads, while they stand still; none before that was
/// asked for.
pub(crate) fn hosts(barrier: &mut Barrier) -> impl Iterator<Item = &mut flowprobe::Host> {
    workers(barrier).filter_map(|worker| worker.flowprobe.as_deref_mut())
}

/// What workers read, while they stand still.
pub(crate) fn points(_barrier: &mut Barrier) -> Option<&mut Points> {
    // SAFETY: all threads stand still, and the barrier is borrowed as long as the points are.
    WORKERS.get().map(|all| unsafe { &mut *all.points.get() })
}

/// Whether workers have no tables yet.
pub(crate) fn lacks_tables(main: Main) -> bool {
    !is_running() || workers(&mut main.barrier()).any(|worker| worker.metering().is_none())
}

/// Gives every worker tables, where they have none yet: before the first interface is metered.
pub(crate) fn activate(main: Main) -> Result<(), Refusal> {
    start(main)?;
    if !lacks_tables(main) {
        return Ok(());
    }
    let settings = with_meter(main, |meter| Ok(meter.settings))?;
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
    for (worker, process) in workers(&mut barrier).zip(processes) {
        worker.replace(process);
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
/// flows: a thread of its own does it, and VPP goes on meanwhile. The caller is a process for which
/// no workers stand still: see `api/deferred.rs`.
pub(crate) fn make_aside<T: Send + 'static>(
    main: Main,
    make: impl FnOnce(usize) -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    if !main.may_suspend() {
        return Err(std::io::Error::other("workers stand still"));
    }
    let threads = vlib::thread::count();
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

/// Waits until the flows of tables that were replaced before have left.
fn wait_for_retired(main: Main) -> Result<(), Refusal> {
    for _ in 0..LOOKS {
        let mut barrier = main.barrier();
        let retired: Vec<_> = workers(&mut barrier)
            .filter_map(|worker| worker.take_retired())
            .collect();
        let retiring = workers(&mut barrier).any(|worker| worker.is_retiring());
        drop(barrier);
        drop(retired);
        if !retiring {
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
