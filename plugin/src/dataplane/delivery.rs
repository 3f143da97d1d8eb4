// SPDX-License-Identifier: Apache-2.0
//! Hands full tables from the main thread to a running thread and starter tables back, and shows
//! the main thread the usage of a thread's tables.
//!
//! A table has one owner at a time. A thread takes a new table in the node of its sweep. Neither
//! thread waits for the other, and only the main thread allocates or frees memory.

use core::array;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_utils::atomic::AtomicCell;
use flowmeter::metering::{Families, Family, Pages, Table, Usage};

use super::thread_meter::ThreadMeter;
use crate::ffi::Thread;

/// A table in transit. The box is allocated and freed by the main thread, and travels both ways.
type TableBox = Option<Box<Option<Table>>>;

const _: () = assert!(AtomicCell::<TableBox>::is_lock_free());

/// The exchange of tables and usage between the main thread and one thread.
#[derive(Default)]
pub(crate) struct Delivery {
    to_thread: AtomicCell<TableBox>,
    returned: AtomicCell<TableBox>,
    /// Whether a table was sent and its box has not been returned.
    is_in_transit: AtomicBool,
    /// Whether the main thread has requested the usage.
    is_requested: AtomicBool,
    /// Whether replaced tables still have flows.
    is_retiring: AtomicBool,
    /// In the order of [`Family::ALL`].
    usages: [PublishedUsage; 3],
}

/// A family's [`Usage`] as atomic words.
#[derive(Default)]
struct PublishedUsage {
    capacity: AtomicU64,
    live: AtomicU64,
    evicted: AtomicU64,
    enough: AtomicU64,
    pages: AtomicU64,
}

impl Delivery {
    /// Main thread: sends a table, or returns it if another one is in transit.
    pub(crate) fn send(&self, table: Table) -> Option<Table> {
        if self.is_in_transit() {
            return Some(table);
        }
        self.is_in_transit.store(true, Ordering::Relaxed);
        self.to_thread.store(Some(Box::new(Some(table))));
        None
    }

    /// Main thread: frees a returned table.
    pub(crate) fn receive(&self) {
        if self.returned.take().is_some() {
            self.is_in_transit.store(false, Ordering::Relaxed);
        }
    }

    /// Main thread, under the barrier: frees a table that was sent but not taken.
    pub(crate) fn recall(&self) {
        if self.to_thread.take().is_some() {
            self.is_in_transit.store(false, Ordering::Relaxed);
        }
    }

    /// Main thread: whether a table was sent and its box has not been returned.
    pub(crate) fn is_in_transit(&self) -> bool {
        self.is_in_transit.load(Ordering::Relaxed)
    }

    /// Main thread: requests the usage.
    pub(crate) fn request_usage(&self) {
        self.is_requested.store(true, Ordering::Release);
    }

    /// Main thread: whether the request was answered.
    pub(crate) fn is_answered(&self) -> bool {
        !self.is_requested.load(Ordering::Acquire)
    }

    /// Main thread: the usage that was published last.
    pub(crate) fn usage(&self, family: Family) -> Usage {
        self.usages[family as usize].get()
    }

    /// Main thread: whether replaced tables still had flows then.
    pub(crate) fn is_retiring(&self) -> bool {
        self.is_retiring.load(Ordering::Relaxed)
    }

    /// The thread: takes a table that was sent, and publishes the usage if it was requested.
    pub(super) fn serve(&self, thread: Thread, flows: &mut ThreadMeter<Families>) {
        if let Some(mut table) = self.to_thread.take() {
            flows.adopt(thread, &mut table);
            // The cell is empty, since one table at a time is in transit.
            core::mem::forget(self.returned.swap(Some(table)));
            self.publish(flows);
        }
        if self.is_requested.swap(false, Ordering::AcqRel) {
            self.publish(flows);
        }
    }

    /// The thread, or the main thread under the barrier: publishes the usage.
    pub(crate) fn publish(&self, flows: &ThreadMeter<Families>) {
        self.is_retiring
            .store(flows.is_retiring(), Ordering::Relaxed);
        let process = flows.metering();
        let usages = Family::ALL.map(|family| process.map(|process| process.usage(family)));
        for (place, usage) in self.usages.iter().zip(usages) {
            place.set(usage.unwrap_or_default());
        }
    }
}

impl PublishedUsage {
    fn words(&self) -> [&AtomicU64; 5] {
        let Self {
            capacity,
            live,
            evicted,
            enough,
            pages,
        } = self;
        [capacity, live, evicted, enough, pages]
    }

    fn set(&self, usage: Usage) {
        let Usage {
            capacity,
            live,
            evicted,
            enough,
            pages,
        } = usage;
        let words = [
            capacity as u64,
            live as u64,
            evicted,
            enough as u64,
            pages as u64,
        ];
        for (place, word) in self.words().into_iter().zip(words) {
            place.store(word, Ordering::Relaxed);
        }
    }

    fn get(&self) -> Usage {
        let words = self.words();
        let [capacity, live, evicted, enough, pages] =
            array::from_fn(|number| words[number].load(Ordering::Relaxed));
        let all = [Pages::Small, Pages::Advised, Pages::Huge];
        Usage {
            capacity: capacity as usize,
            live: live as usize,
            evicted,
            enough: enough as usize,
            pages: all[pages as usize % all.len()],
        }
    }
}
