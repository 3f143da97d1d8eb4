// SPDX-License-Identifier: Apache-2.0
//! What became of the flow records for one target: offered = sent + lost (by reason), when all is
//! over. Workers and the target's thread count together.

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The accounts of one target.
pub(super) struct Accounts {
    name: String,
    loss_is_known: bool,
    offered: AtomicU64,
    is_connected: AtomicBool,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    sent: u64,
    lost: BTreeMap<&'static str, Loss>,
    connections: u64,
    /// Why it is not connected, or was not.
    trouble: Option<Trouble>,
}

/// The name of a reason, and what the system said.
pub(super) type Trouble = (&'static str, String);

/// Records that were lost for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    /// How many.
    pub(crate) records: u64,
    /// What the system said first.
    pub(crate) error: String,
}

/// What became of all flow records for one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// The target, as the command line names it.
    pub(crate) name: String,
    /// Flow records that were sent: that the system took for sending.
    pub(crate) sent: u64,
    /// Flow records that are known to be lost, by the reason's name.
    pub(crate) lost: BTreeMap<&'static str, Loss>,
    /// Whether that is all of them. Datagrams may be lost on their way without a word.
    pub(crate) loss_is_known: bool,
    /// How often it was connected, or opened.
    pub(crate) connections: u64,
}

impl Report {
    /// All flow records that are known to be lost.
    pub(crate) fn all_lost(&self) -> u64 {
        self.lost.values().map(|loss| loss.records).sum()
    }
}

impl Accounts {
    pub(super) fn new(name: String, loss_is_known: bool) -> Self {
        Self {
            name,
            loss_is_known,
            offered: AtomicU64::new(0),
            is_connected: AtomicBool::new(false),
            counts: Mutex::default(),
        }
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        // Nobody panics while holding it, and counts are whole at any time.
        self.counts
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn offer(&self, records: u64) {
        self.offered.fetch_add(records, Ordering::Relaxed);
    }

    pub(super) fn send(&self, records: u64) {
        self.counts().sent += records;
    }

    pub(super) fn lose(&self, reason: &'static str, error: &str, records: u64) {
        if records > 0 {
            self.counts().lose(reason, error, records);
        }
    }

    /// Counts as lost what was counted as sent.
    pub(super) fn lose_sent(&self, (reason, error): &Trouble, records: u64) {
        if records > 0 {
            let mut counts = self.counts();
            counts.sent -= records;
            counts.lose(reason, error, records);
        }
    }

    pub(super) fn connect(&self) {
        self.is_connected.store(true, Ordering::Relaxed);
        self.counts().connections += 1;
    }

    pub(super) fn disconnect(&self, trouble: Trouble) {
        self.is_connected.store(false, Ordering::Relaxed);
        self.counts().trouble = Some(trouble);
    }

    pub(super) fn is_connected(&self) -> bool {
        self.is_connected.load(Ordering::Relaxed)
    }

    /// Why it is not connected.
    pub(super) fn trouble(&self) -> Trouble {
        let trouble = self.counts().trouble.clone();
        trouble.unwrap_or_else(|| ("collector_unreachable", "no answer".to_owned()))
    }

    /// What became of all records. Those of which nothing is known by now are lost.
    pub(super) fn report(&self) -> Report {
        let offered = self.offered.load(Ordering::Relaxed);
        let mut counts = self.counts();
        let lost: u64 = counts.lost.values().map(|loss| loss.records).sum();
        let rest = offered.saturating_sub(counts.sent + lost);
        let trouble = counts.trouble.clone();
        let never_there = counts.connections == 0 && trouble.is_some();
        if rest > 0 || never_there {
            let (reason, error) =
                trouble.unwrap_or_else(|| ("time_limit", "took too long".to_owned()));
            counts.lose(reason, &error, rest);
        }
        Report {
            name: self.name.clone(),
            sent: counts.sent,
            lost: counts.lost.clone(),
            loss_is_known: self.loss_is_known,
            connections: counts.connections,
        }
    }
}

impl Counts {
    fn lose(&mut self, reason: &'static str, error: &str, records: u64) {
        let loss = self.lost.entry(reason).or_insert_with(|| Loss {
            records: 0,
            error: error.to_owned(),
        });
        loss.records += records;
    }
}

/// The reason under which losses by this error of a collector are counted, and what it says.
pub(super) fn collector_trouble(error: &io::Error) -> Trouble {
    let reason = match error.raw_os_error() {
        Some(libc::ENOBUFS) => "no_buffer",
        Some(libc::EMSGSIZE) => "message_too_long",
        _ => "collector_unreachable",
    };
    (reason, describe(error))
}

/// The same of a file.
pub(super) fn file_trouble(error: &io::Error) -> Trouble {
    let reason = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "disk_full",
        io::ErrorKind::BrokenPipe => "broken_pipe",
        _ => "output_failed",
    };
    (reason, describe(error))
}

/// What the system said, without the number that only programmers know.
fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_owned()
}
