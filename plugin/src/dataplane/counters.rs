// SPDX-License-Identifier: Apache-2.0
//! The accounts in VPP's statistics segment, under /flowmeter/: counters with one value for each
//! thread, and gauges for each thread. docs/vpp.md lists them.
//!
//! Each thread sets its own counters. It stores the values of its gauges here, and the main thread
//! copies them to the statistics segment.

use core::sync::atomic::{AtomicU64, Ordering};

use flowmeter::metering::{EndReason, ExportRefused, IgnoredReason, Records, Tally};

use super::thread_meter::Accounts;
use crate::ffi::counters::{Combined, Gauge, Simple};
use crate::ffi::{Main, Thread, thread};

/// All counters and gauges.
pub(crate) struct Counters {
    observed: Combined,
    metered: Combined,
    ignored: Vec<Combined>,
    exported: Vec<RecordCounters>,
    lost: Vec<RecordCounters>,
    live: Combined,
    created: Simple,
    messages: Simple,
    records: Simple,
    threads: Vec<ThreadGauges>,
}

/// The number of records with one reason, and their packets and octets.
struct RecordCounters {
    records: Simple,
    tally: Combined,
}

/// The values of a thread's gauges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GaugeValues {
    /// Flows in the thread's tables.
    pub(crate) live_flows: u64,
    /// Slots of the thread's tables.
    pub(crate) slots: u64,
    /// Clocks of the last call of the sweep.
    pub(crate) last_sweep_clocks: u64,
    /// Clocks of the longest call since the counters were cleared.
    pub(crate) longest_sweep_clocks: u64,
    /// Milliseconds by which the sweep was behind its schedule after the last call.
    pub(crate) expiry_lag: u64,
}

/// A thread's gauges and their values, on their own cache lines.
#[repr(align(128))]
struct ThreadGauges {
    values: [AtomicU64; GAUGES.len()],
    gauges: [Gauge; GAUGES.len()],
}

type NamedGauge = (&'static str, fn(&GaugeValues) -> u64);

/// The gauges of each thread.
const GAUGES: [NamedGauge; 5] = [
    ("live_flows", |values| values.live_flows),
    ("slots", |values| values.slots),
    ("sweep_clocks_last", |values| values.last_sweep_clocks),
    ("sweep_clocks_max", |values| values.longest_sweep_clocks),
    ("expiry_lag_milliseconds", |values| values.expiry_lag),
];

impl Counters {
    /// Adds all of them to the statistics segment.
    pub(crate) fn new(main: Main) -> Self {
        let simple = |path: &str| Simple::new(main, &format!("/flowmeter/{path}"));
        let combined = |path: &str| Combined::new(main, &format!("/flowmeter/{path}"));
        let recorded = |path: &str, reason: &str| RecordCounters {
            records: simple(&format!("records/{path}/{reason}")),
            tally: combined(&format!("{path}/{reason}")),
        };
        let gauges = |thread: usize| {
            GAUGES.map(|(name, _)| Gauge::new(main, &format!("/flowmeter/thread/{thread}/{name}")))
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
            lost: ExportRefused::ALL
                .map(|reason| recorded("lost", reason.name()))
                .into(),
            live: combined("live"),
            created: simple("flows/created"),
            messages: simple("sent/messages"),
            records: simple("sent/records"),
            threads: (0..thread::count())
                .map(|thread| ThreadGauges {
                    values: Default::default(),
                    gauges: gauges(thread),
                })
                .collect(),
        }
    }

    /// Sets the values of `thread`: the calling thread, or one that is held at the barrier.
    pub(crate) fn set(&self, thread: Thread, accounts: &Accounts, values: &GaugeValues) {
        self.set_accounts(thread, accounts);
        if let Some(own) = self.threads.get(usize::from(thread.index())) {
            own.store(values);
        }
    }

    /// Sets all gauges to the values that the threads have stored.
    pub(crate) fn set_gauges(&self, main: Main) {
        for thread in &self.threads {
            for (gauge, value) in thread.gauges.iter().zip(&thread.values) {
                gauge.set(main, value.load(Ordering::Relaxed));
            }
        }
    }

    fn set_accounts(&self, thread: Thread, accounts: &Accounts) {
        let statistics = &accounts.statistics;
        let set = |counter: &Combined, tally: Tally| {
            counter.set(thread, tally.packets, tally.octets);
        };
        let set_recorded = |counter: &RecordCounters, records: Records| {
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

impl ThreadGauges {
    fn store(&self, values: &GaugeValues) {
        for (stored, (_, value)) in self.values.iter().zip(GAUGES) {
            stored.store(value(values), Ordering::Relaxed);
        }
    }
}
