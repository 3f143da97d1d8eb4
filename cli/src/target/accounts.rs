// SPDX-License-Identifier: Apache-2.0
//! The accounts of flow records for one target: at the end, offered = sent + lost (by reason). Workers
//! and the target's thread update them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::text::system_error;

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
    /// Why it was last not connected.
    trouble: Option<Trouble>,
}

/// The name of a reason, and the system's message.
pub(super) type Trouble = (&'static str, String);

/// Records that were lost for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    /// Their number.
    pub(crate) records: u64,
    /// The system's first message.
    pub(crate) error: String,
}

/// The final accounts of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// The target, as the command line names it.
    pub(crate) name: String,
    /// Flow records that were sent: the system has accepted them.
    pub(crate) sent: u64,
    /// Flow records that are known to be lost, by the reason's name.
    pub(crate) lost: BTreeMap<&'static str, Loss>,
    /// Whether these are all. The loss of a datagram may go unnoticed.
    pub(crate) loss_is_known: bool,
    /// The number of times it was connected or opened.
    pub(crate) connections: u64,
}

impl Report {
    /// Returns the number of flow records that are known to be lost.
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
        // No code panics while holding the lock, and the counts are consistent at any time.
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

    /// Moves records from sent to lost.
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

    /// Returns why it is not connected.
    pub(super) fn trouble(&self) -> Trouble {
        let trouble = self.counts().trouble.clone();
        trouble.unwrap_or_else(|| ("collector_unreachable", "no answer".to_owned()))
    }

    /// Returns the final accounts. Records that are neither sent nor lost yet count as lost.
    pub(super) fn report(&self) -> Report {
        let offered = self.offered.load(Ordering::Relaxed);
        let mut counts = self.counts();
        let lost: u64 = counts.lost.values().map(|loss| loss.records).sum();
        let rest = offered.saturating_sub(counts.sent + lost);
        let trouble = counts.trouble.clone();
        let was_never_connected = counts.connections == 0 && trouble.is_some();
        if rest > 0 || was_never_connected {
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

/// Returns the reason of losses by this error of a collector, and its message.
pub(super) fn collector_trouble(error: &io::Error) -> Trouble {
    let reason = match error.raw_os_error() {
        Some(libc::ENOBUFS) => "no_buffer",
        Some(libc::EMSGSIZE) => "message_too_long",
        _ => "collector_unreachable",
    };
    (reason, system_error(error))
}

/// Returns the reason of losses by this error of a file, and its message.
pub(super) fn file_trouble(error: &io::Error) -> Trouble {
    let reason = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "disk_full",
        io::ErrorKind::BrokenPipe => "broken_pipe",
        _ => "output_failed",
    };
    (reason, system_error(error))
}
