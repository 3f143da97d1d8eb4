// SPDX-License-Identifier: Apache-2.0
//! The accounts in VPP's statistics segment, under /flowmeter/, one value for each thread.

use flowmeter::metering::{EndReason, IgnoredReason, NoRoom, Records, Tally};

use super::thread_meter::Accounts;
use crate::ffi::counters::Counter;
use crate::ffi::{Main, Thread};

/// See the file.
pub(crate) struct Counters {
    observed: Tallied,
    metered: Tallied,
    ignored: Vec<Tallied>,
    exported: Vec<Recorded>,
    lost: Vec<Recorded>,
    live: Tallied,
    live_flows: Counter,
    flows: Counter,
    messages: Counter,
    records: Counter,
}

struct Tallied {
    packets: Counter,
    octets: Counter,
}

struct Recorded {
    records: Counter,
    tally: Tallied,
}

impl Counters {
    /// Adds them all.
    pub(crate) fn new(main: Main) -> Self {
        let counter = |path: &str| Counter::new(main, &format!("/flowmeter/{path}"));
        let tallied = |path: &str| Tallied {
            packets: counter(&format!("{path}/packets")),
            octets: counter(&format!("{path}/octets")),
        };
        let recorded = |path: String| Recorded {
            records: counter(&format!("{path}/records")),
            tally: tallied(&path),
        };
        Self {
            observed: tallied("observed"),
            metered: tallied("metered"),
            ignored: IgnoredReason::ALL
                .iter()
                .map(|reason| tallied(&format!("ignored/{}", reason.name())))
                .collect(),
            exported: EndReason::ALL
                .map(|reason| recorded(format!("exported/{}", reason.name())))
                .into(),
            lost: NoRoom::ALL
                .map(|reason| recorded(format!("lost/{}", reason.name())))
                .into(),
            live: tallied("live"),
            live_flows: counter("live/flows"),
            flows: counter("flows"),
            messages: counter("messages"),
            records: counter("records"),
        }
    }

    /// Sets this thread's values.
    pub(crate) fn set(&self, thread: Thread, accounts: &Accounts) {
        let statistics = &accounts.statistics;
        self.observed.set(thread, statistics.observed);
        self.metered.set(thread, statistics.metered);
        for (counter, tally) in self.ignored.iter().zip(statistics.ignored) {
            counter.set(thread, tally);
        }
        for (counter, records) in self.exported.iter().zip(statistics.exported) {
            counter.set(thread, records);
        }
        for (counter, records) in self.lost.iter().zip(statistics.lost) {
            counter.set(thread, records);
        }
        self.live.set(thread, statistics.live());
        self.live_flows.set(thread, accounts.live_flows);
        self.flows.set(thread, statistics.flows);
        self.messages.set(thread, accounts.messages);
        self.records.set(thread, accounts.records);
    }
}

impl Tallied {
    fn set(&self, thread: Thread, tally: Tally) {
        self.packets.set(thread, tally.packets);
        self.octets.set(thread, tally.octets);
    }
}

impl Recorded {
    fn set(&self, thread: Thread, records: Records) {
        self.records.set(thread, records.records);
        self.tally.set(thread, records.tally);
    }
}
