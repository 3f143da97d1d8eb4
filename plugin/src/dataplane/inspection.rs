// SPDX-License-Identifier: Apache-2.0
//! How the main thread inspects a running thread without stopping it.
//!
//! The thread publishes its accounts as a [`Snapshot`], and answers requests for live flows through
//! a pair of queues. It never waits: the main thread retries a snapshot that is being written, and
//! a request is taken only after it was pushed completely. Only the main thread sends requests.

use core::slice;
use core::sync::atomic::{AtomicU64, Ordering, fence};

use bytemuck::{Pod, Zeroable};
use crossbeam_queue::ArrayQueue;

use super::live_flows::View;
use super::thread_meter::Accounts;

/// The most outstanding requests of a thread.
const REQUESTS: usize = 16;

/// Attempts to read a snapshot that is being written, which takes about 100 ns.
const READS: usize = 1000;

/// The shared state of one thread and the main thread.
pub(crate) struct Inspection {
    published: Published,
    /// How often a new snapshot was requested.
    requested: AtomicU64,
    requests: ArrayQueue<Request>,
    replies: ArrayQueue<Request>,
    /// The numbers of requests pushed and taken, and of replies received.
    put: AtomicU64,
    taken: AtomicU64,
    received: AtomicU64,
}

/// A request for a part of a thread's live flows. The filled request is also the reply.
pub(crate) struct Request {
    /// The walk that it belongs to.
    pub(crate) walk: u64,
    pub(crate) view: View,
}

/// A thread's accounts and state at one moment.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Snapshot {
    pub(crate) accounts: Accounts,
    pub(crate) table_octets: u64,
    /// The live flows, capacity and octets of the meter of recorded flows; 0 if there is none.
    pub(crate) recorded_flows: u64,
    pub(crate) recorded_room: u64,
    pub(crate) recorded_octets: u64,
    /// [`State`] as bits.
    state: u64,
    /// [`Inspection::requested`] before the snapshot was taken.
    requested: u64,
}

/// What a thread still has to do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct State {
    /// There is nothing left to do without new packets.
    pub(crate) is_idle: bool,
    /// Some flows are still to be ended.
    pub(crate) is_ending: bool,
    /// Replaced tables still have flows.
    pub(crate) is_retiring: bool,
    /// Replaced tables have no flows left: the main thread has to free them.
    pub(crate) has_retired: bool,
}

impl Inspection {
    pub(crate) fn new() -> Self {
        Self {
            published: Published::new(),
            requested: AtomicU64::new(0),
            requests: ArrayQueue::new(REQUESTS),
            replies: ArrayQueue::new(REQUESTS),
            put: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            received: AtomicU64::new(0),
        }
    }

    /// Main thread: requests a new snapshot. Returns the argument for [`Self::snapshot_since`].
    pub(crate) fn request_snapshot(&self) -> u64 {
        self.requested.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Main thread: the last published snapshot; `None` if it is being written.
    pub(crate) fn snapshot(&self) -> Option<Snapshot> {
        self.published.read()
    }

    /// Main thread: a snapshot that was taken after [`Self::request_snapshot`], if there is one.
    pub(crate) fn snapshot_since(&self, requested: u64) -> Option<Snapshot> {
        self.snapshot()
            .filter(|snapshot| snapshot.requested >= requested)
    }

    /// Main thread: pushes a request, or returns it if too many are outstanding.
    pub(crate) fn put(&self, request: Request) -> Result<(), Request> {
        let put = self.put.load(Ordering::Relaxed);
        // With fewer outstanding requests than slots, no queue is ever full, so the thread never
        // has to wait for a slot that the main thread is emptying.
        if put - self.received.load(Ordering::Relaxed) >= REQUESTS as u64 {
            return Err(request);
        }
        self.requests.push(request)?;
        self.put.store(put + 1, Ordering::Release);
        Ok(())
    }

    /// Main thread: the next reply, of any walk.
    pub(crate) fn reply(&self) -> Option<Request> {
        let reply = self.replies.pop()?;
        self.received.fetch_add(1, Ordering::Relaxed);
        Some(reply)
    }

    /// The thread: how often a new snapshot was requested.
    pub(super) fn requested(&self) -> u64 {
        self.requested.load(Ordering::Acquire)
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

    /// The thread: returns a request as its reply.
    pub(super) fn answer(&self, request: Request) {
        // There is room: see `put`.
        let _ = self.replies.push(request);
    }

    /// The thread, or the main thread under the barrier: publishes a snapshot.
    pub(crate) fn publish(&self, snapshot: &Snapshot) {
        self.published.write(snapshot);
    }
}

impl Snapshot {
    pub(super) fn new(accounts: Accounts, table_octets: u64, state: State, requested: u64) -> Self {
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
            requested,
        }
    }

    /// What the thread still has to do.
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

/// The number of words of a snapshot.
const WORDS: usize = size_of::<Snapshot>() / size_of::<u64>();

/// A snapshot under a sequence lock, with one writer and one reader.
struct Published {
    /// Odd while the snapshot is being written.
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

    /// Returns `None` if the snapshot was being written at each attempt.
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
