// SPDX-License-Identifier: Apache-2.0
//! What the main thread sees of a worker that runs, without stopping it.
//!
//! The worker publishes its accounts as a [`Snapshot`], and answers requests for live flows by a
//! pair of queues. It never waits: a snapshot is read again where it was being written meanwhile,
//! and a request is taken only when it has been put whole. Only the main thread asks.

use core::slice;
use core::sync::atomic::{AtomicU64, Ordering, fence};

use bytemuck::{Pod, Zeroable};
use crossbeam_queue::ArrayQueue;

use super::live_flows::View;
use super::thread_meter::Accounts;

/// Requests that a thread may have at a time.
const REQUESTS: usize = 16;

/// How often a snapshot is read again while it is being written, which takes some 100 ns.
const READS: usize = 1000;

/// See the file.
pub(crate) struct Inspection {
    published: Published,
    /// How often a new snapshot was asked for.
    asked: AtomicU64,
    requests: ArrayQueue<Request>,
    replies: ArrayQueue<Request>,
    /// How many requests were put, taken, and how many replies were received.
    put: AtomicU64,
    taken: AtomicU64,
    received: AtomicU64,
}

/// A request for a part of a thread's live flows, which is its own reply.
pub(crate) struct Request {
    /// Whose it is.
    pub(crate) walk: u64,
    pub(crate) view: View,
}

/// A worker's accounts and state at one moment.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Snapshot {
    pub(crate) accounts: Accounts,
    pub(crate) table_octets: u64,
    /// Of the meter of recorded flows: how many there are, how many there is room for, and the octets
    /// of its table; 0 where there is no such meter.
    pub(crate) recorded_flows: u64,
    pub(crate) recorded_room: u64,
    pub(crate) recorded_octets: u64,
    /// As [`State`] has it.
    state: u64,
    /// [`Inspection::asked`] before it was taken.
    asked: u64,
}

/// What a worker still has to do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct State {
    /// There is nothing left to do without new packets.
    pub(crate) is_idle: bool,
    /// There are flows that are to be ended.
    pub(crate) is_ending: bool,
    /// Tables that were replaced still have flows.
    pub(crate) is_retiring: bool,
    /// Such tables have none any more: the main thread is to free them.
    pub(crate) has_retired: bool,
}

impl Inspection {
    pub(crate) fn new() -> Self {
        Self {
            published: Published::new(),
            asked: AtomicU64::new(0),
            requests: ArrayQueue::new(REQUESTS),
            replies: ArrayQueue::new(REQUESTS),
            put: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            received: AtomicU64::new(0),
        }
    }

    /// Main thread: asks for a new snapshot; [`Self::snapshot_since`] is given what this returns.
    pub(crate) fn ask(&self) -> u64 {
        self.asked.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Main thread: the snapshot that was published last; `None` where it is being written.
    pub(crate) fn snapshot(&self) -> Option<Snapshot> {
        self.published.read()
    }

    /// Main thread: a snapshot that was taken after [`Self::ask`].
    pub(crate) fn snapshot_since(&self, asked: u64) -> Option<Snapshot> {
        self.snapshot().filter(|snapshot| snapshot.asked >= asked)
    }

    /// Main thread: puts a request, or gives it back where there are too many.
    pub(crate) fn put(&self, request: Request) -> Result<(), Request> {
        let put = self.put.load(Ordering::Relaxed);
        // With fewer under way than there are places, no queue is ever full, so that the thread
        // never meets a place that is being emptied.
        if put - self.received.load(Ordering::Relaxed) >= REQUESTS as u64 {
            return Err(request);
        }
        self.requests.push(request)?;
        self.put.store(put + 1, Ordering::Release);
        Ok(())
    }

    /// Main thread: the next reply, whosever it is.
    pub(crate) fn reply(&self) -> Option<Request> {
        let reply = self.replies.pop()?;
        self.received.fetch_add(1, Ordering::Relaxed);
        Some(reply)
    }

    /// The thread: whether a snapshot was asked for since the last one.
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Acquire)
    }

    /// The thread: takes a request.
    pub(super) fn take(&self) -> Option<Request> {
        let taken = self.taken.load(Ordering::Relaxed);
        if self.put.load(Ordering::Acquire) == taken {
            return None;
        }
        self.taken.store(taken + 1, Ordering::Relaxed);
        self.requests.pop()
    }

    /// The thread: gives it back as the reply.
    pub(super) fn answer(&self, request: Request) {
        // There is room: see `put`.
        let _ = self.replies.push(request);
    }

    /// The thread, or the main thread while that stands still: publishes a snapshot.
    pub(crate) fn publish(&self, snapshot: &Snapshot) {
        self.published.write(snapshot);
    }
}

impl Snapshot {
    pub(super) fn new(accounts: Accounts, table_octets: u64, state: State, asked: u64) -> Self {
        let flags = [
            state.is_idle,
            state.is_ending,
            state.is_retiring,
            state.has_retired,
        ];
        let flags = flags.into_iter().enumerate();
        Self {
            accounts,
            table_octets,
            recorded_flows: 0,
            recorded_room: 0,
            recorded_octets: 0,
            state: flags.map(|(bit, flag)| u64::from(flag) << bit).sum(),
            asked,
        }
    }

    /// What the worker still has to do.
    pub(crate) fn state(&self) -> State {
        let flag = |bit: u32| self.state >> bit & 1 != 0;
        State {
            is_idle: flag(0),
            is_ending: flag(1),
            is_retiring: flag(2),
            has_retired: flag(3),
        }
    }
}

/// Words of a snapshot.
const WORDS: usize = size_of::<Snapshot>() / size_of::<u64>();

/// A snapshot that one thread writes and another reads: a sequence lock.
struct Published {
    /// Odd while it is being written.
    version: AtomicU64,
    words: [AtomicU64; WORDS],
}

impl Published {
    fn new() -> Self {
        Self {
            version: AtomicU64::new(0),
            words: [const { AtomicU64::new(0) }; WORDS],
        }
    }

    fn write(&self, snapshot: &Snapshot) {
        let words: &[u64] = bytemuck::must_cast_slice(slice::from_ref(snapshot));
        let version = self.version.load(Ordering::Relaxed);
        self.version
            .store(version.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        for (place, word) in self.words.iter().zip(words) {
            place.store(*word, Ordering::Relaxed);
        }
        self.version
            .store(version.wrapping_add(2), Ordering::Release);
    }

    /// `None` where it was being written at each of many tries.
    fn read(&self) -> Option<Snapshot> {
        let mut snapshot = Snapshot::zeroed();
        let words: &mut [u64] = bytemuck::must_cast_slice_mut(slice::from_mut(&mut snapshot));
        for _ in 0..READS {
            let before = self.version.load(Ordering::Acquire);
            if before.is_multiple_of(2) {
                for (word, place) in words.iter_mut().zip(&self.words) {
                    *word = place.load(Ordering::Relaxed);
                }
                fence(Ordering::Acquire);
                if self.version.load(Ordering::Relaxed) == before {
                    return Some(snapshot);
                }
            }
            core::hint::spin_loop();
        }
        None
    }
}
