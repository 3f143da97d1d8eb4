// SPDX-License-Identifier: Apache-2.0
//! Full tables on their way from the main thread to another, which runs, and starter tables on their
//! way back; and what the main thread sees of the tables that a thread has.
//!
//! A table is in one place at a time, and a thread takes it in the node of its sweep. No thread waits
//! for the other, and none but the main thread allocates or frees.

use core::array;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_utils::atomic::AtomicCell;
use flowmeter::metering::{Family, MeteringProcess, Pages, Table, Usage};

use super::thread_meter::ThreadMeter;
use crate::ffi::Thread;

/// A table on its way, in a place of the main thread's that goes both ways.
type Parcel = Option<Box<Option<Table>>>;

const _: () = assert!(AtomicCell::<Parcel>::is_lock_free());

/// See the file.
#[derive(Default)]
pub(crate) struct Delivery {
    to_thread: AtomicCell<Parcel>,
    back: AtomicCell<Parcel>,
    /// Whether one was sent that has not come back.
    is_under_way: AtomicBool,
    /// Whether the main thread wants to see what there is.
    is_asked: AtomicBool,
    /// Whether tables that were replaced still have flows.
    is_retiring: AtomicBool,
    /// As [`Family::ALL`] has them.
    usages: [PublishedUsage; 3],
}

/// What a family's table holds, word by word.
#[derive(Default)]
struct PublishedUsage {
    capacity: AtomicU64,
    live: AtomicU64,
    evicted: AtomicU64,
    enough: AtomicU64,
    pages: AtomicU64,
}

impl Delivery {
    /// Main thread: sends a table, where none is under way.
    pub(crate) fn send(&self, table: Table) {
        self.is_under_way.store(true, Ordering::Relaxed);
        self.to_thread.store(Some(Box::new(Some(table))));
    }

    /// Main thread: frees what has come back.
    pub(crate) fn receive(&self) {
        if self.back.take().is_some() {
            self.is_under_way.store(false, Ordering::Relaxed);
        }
    }

    /// Main thread, while the other one stands still: a table that was sent, and not taken.
    pub(crate) fn recall(&self) {
        if self.to_thread.take().is_some() {
            self.is_under_way.store(false, Ordering::Relaxed);
        }
    }

    /// Main thread: whether a table was sent that has not come back.
    pub(crate) fn is_under_way(&self) -> bool {
        self.is_under_way.load(Ordering::Relaxed)
    }

    /// Main thread: asks to see what there is.
    pub(crate) fn ask(&self) {
        self.is_asked.store(true, Ordering::Release);
    }

    /// Main thread: whether that was answered.
    pub(crate) fn is_answered(&self) -> bool {
        !self.is_asked.load(Ordering::Acquire)
    }

    /// Main thread: what the thread had when it was last asked.
    pub(crate) fn usage(&self, family: Family) -> Usage {
        self.usages[family as usize].get()
    }

    /// Main thread: whether tables that were replaced still had flows then.
    pub(crate) fn is_retiring(&self) -> bool {
        self.is_retiring.load(Ordering::Relaxed)
    }

    /// The thread: takes a table that has come, and shows what there is.
    pub(super) fn serve(&self, thread: Thread, flows: &mut ThreadMeter<MeteringProcess>) {
        if let Some(mut parcel) = self.to_thread.take() {
            flows.adopt(thread, &mut parcel);
            // Nothing is there: the main thread sends one at a time.
            core::mem::forget(self.back.swap(Some(parcel)));
            self.publish(flows);
        }
        if self.is_asked.swap(false, Ordering::AcqRel) {
            self.publish(flows);
        }
    }

    /// The thread, or the main thread while that stands still: shows what there is.
    pub(crate) fn publish(&self, flows: &ThreadMeter<MeteringProcess>) {
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
