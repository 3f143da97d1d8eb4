// SPDX-License-Identifier: Apache-2.0
//! The accounts in VPP's statistics segment, under /flowmeter/: counters with a value for each
//! thread, and gauges of each thread. docs/vpp.md lists them.
//!
//! Each thread sets its counters. What gauges say it leaves here, and the main thread sets them.

use core::sync::atomic::{AtomicU64, Ordering};

use flowmeter::metering::{EndReason, IgnoredReason, NoRoom, Records, Tally};

use super::thread_meter::Accounts;
use crate::ffi::counters::{Combined, Gauge, Simple};
use crate::ffi::{Main, Thread, thread};

/// See the file.
pub(crate) struct Counters {
    observed: Combined,
    metered: Combined,
    ignored: Vec<Combined>,
    exported: Vec<Recorded>,
    lost: Vec<Recorded>,
    live: Combined,
    created: Simple,
    messages: Simple,
    records: Simple,
    threads: Vec<OfThread>,
}

/// Records by reason, and what stood in them.
struct Recorded {
    records: Simple,
    tally: Combined,
}

/// What a thread's gauges say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Levels {
    /// Flows in its tables.
    pub(crate) live_flows: u64,
    /// Flows that its tables have slots for.
    pub(crate) slots: u64,
    /// Clocks that its last call of the sweep took.
    pub(crate) last_sweep_clocks: u64,
    /// The same of the longest since the counters were cleared.
    pub(crate) longest_sweep_clocks: u64,
    /// Milliseconds by which the sweep was behind its schedule after that call.
    pub(crate) expiry_lag: u64,
}

/// A thread's gauges, and what it left for them; on cache lines of its own.
#[repr(align(128))]
struct OfThread {
    levels: [AtomicU64; LEVELS.len()],
    gauges: [Gauge; LEVELS.len()],
}

type Level = (&'static str, fn(&Levels) -> u64);

/// The gauges of each thread.
const LEVELS: [Level; 5] = [
    ("live_flows", |levels| levels.live_flows),
    ("slots", |levels| levels.slots),
    ("sweep_clocks_last", |levels| levels.last_sweep_clocks),
    ("sweep_clocks_max", |levels| levels.longest_sweep_clocks),
    ("expiry_lag_milliseconds", |levels| levels.expiry_lag),
];

impl Counters {
    /// Adds them all.
    pub(crate) fn new(main: Main) -> Self {
        let simple = |path: &str| Simple::new(main, &format!("/flowmeter/{path}"));
        let combined = |path: &str| Combined::new(main, &format!("/flowmeter/{path}"));
        let recorded = |path: &str, reason: &str| Recorded {
            records: simple(&format!("records/{path}/{reason}")),
            tally: combined(&format!("{path}/{reason}")),
        };
        let gauges = |thread: usize| {
            LEVELS.map(|(name, _)| Gauge::new(main, &format!("/flowmeter/thread/{thread}/{name}")))
        };
        Self {
            observed: combined("observed"),
            metered: combined("metered"),
            ignored: IgnoredReason::ALL
                .iter()
                .map(|reason| combined(&format!("ignored/{}", reason.name())))
                .collect(),
            exported: EndReason::ALL
                .map(|reason| recorded("exported", reason.name()))
                .into(),
            lost: NoRoom::ALL
                .map(|reason| recorded("lost", reason.name()))
                .into(),
            live: combined("live"),
            created: simple("flows/created"),
            messages: simple("sent/messages"),
            records: simple("sent/records"),
            threads: (0..thread::count())
                .map(|thread| OfThread {
                    levels: Default::default(),
                    gauges: gauges(thread),
                })
                .collect(),
        }
    }

    /// Sets a thread's values: this one's, or another's while that stands still.
    pub(crate) fn set(&self, thread: Thread, accounts: &Accounts, levels: &Levels) {
        self.set_accounts(thread, accounts);
        if let Some(own) = self.threads.get(usize::from(thread.index())) {
            own.leave(levels);
        }
    }

    /// Sets all gauges to what the threads left for them.
    pub(crate) fn set_gauges(&self, main: Main) {
        for thread in &self.threads {
            for (gauge, level) in thread.gauges.iter().zip(&thread.levels) {
                gauge.set(main, level.load(Ordering::Relaxed));
            }
        }
    }

    fn set_accounts(&self, thread: Thread, accounts: &Accounts) {
        let statistics = &accounts.statistics;
        let set = |counter: &Combined, tally: Tally| {
            counter.set(thread, tally.packets, tally.octets);
        };
        let set_recorded = |counter: &Recorded, records: Records| {
            counter.records.set(thread, records.records);
            set(&counter.tally, records.tally);
        };
        set(&self.observed, statistics.observed);
        set(&self.metered, statistics.metered);
        for (counter, tally) in self.ignored.iter().zip(statistics.ignored) {
            set(counter, tally);
        }
        for (counter, records) in self.exported.iter().zip(statistics.exported) {
            set_recorded(counter, records);
        }
        for (counter, records) in self.lost.iter().zip(statistics.lost) {
            set_recorded(counter, records);
        }
        set(&self.live, statistics.live());
        self.created.set(thread, statistics.flows);
        self.messages.set(thread, accounts.messages);
        self.records.set(thread, accounts.records);
    }
}

impl OfThread {
    fn leave(&self, levels: &Levels) {
        for (left, (_, level)) in self.levels.iter().zip(LEVELS) {
            left.store(level(levels), Ordering::Relaxed);
        }
    }
}
