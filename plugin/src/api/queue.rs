// SPDX-License-Identifier: Apache-2.0
//! Requests that wait for an answer, and who is being answered.
//!
//! At any time one process answers a client at most, so a client's requests keep their order.

use core::ffi::CStr;
use std::collections::{BTreeSet, VecDeque};

use super::request::Request;
use super::wire::{self, Caller, PROCESSES, Room};
use crate::refusal::{Refusal, Why};
use crate::vlib::{Main, MainCell};

/// Requests of one client that may wait. Nobody needs many: they are answered one by one.
const MOST_WAITING: usize = 256;

/// What a client asks for, or why that can't be asked.
pub(super) struct Job {
    /// No other's, unlike its client's, which may be another's once that has left.
    pub(super) number: u64,
    pub(super) caller: Caller,
    pub(super) request: Result<Request, Refusal>,
}

impl Job {
    /// Whether it never takes long, if its client reads.
    pub(super) fn is_quick(&self) -> bool {
        self.request.as_ref().map_or(true, Request::is_quick)
    }
}

struct Queue {
    waiting: VecDeque<Job>,
    serving: Vec<Serving>,
    /// How many requests there have been.
    count: u64,
}

/// A request that is being answered.
struct Serving {
    number: u64,
    client: u32,
    /// The client has left.
    has_left: bool,
}

static QUEUE: MainCell<Queue> = MainCell::new(Queue {
    waiting: VecDeque::new(),
    serving: Vec::new(),
    count: 0,
});

/// The processes, by name.
const NODES: [&CStr; PROCESSES] = [
    c"flowmeter-api-0",
    c"flowmeter-api-1",
    c"flowmeter-api-2",
    c"flowmeter-api-3",
];

/// Writes a request down. That of a client that VPP doesn't know is nobody's.
pub(super) fn submit(main: Main, caller: Caller, request: Result<Request, Refusal>) {
    if wire::room(main, caller.client) == Room::Never {
        return;
    }
    let taken = QUEUE.with(main, |queue| {
        let same = |job: &&Job| job.caller.client == caller.client;
        if queue.waiting.iter().filter(same).count() >= MOST_WAITING {
            return false;
        }
        queue.count += 1;
        queue.waiting.push_back(Job {
            number: queue.count,
            caller,
            request,
        });
        true
    });
    if taken == Some(true) {
        wake(main);
    } else {
        wire::reply(main, &caller, Why::QueueFull.code());
    }
}

/// Whether a process is the one that takes only what is quick: however many clients ask for what
/// takes long, or don't read, others get their answers.
pub(super) fn takes_quick_only(main: Main, node: u32) -> bool {
    main.node(NODES[0]) == Some(node)
}

/// The next request of a client that nobody answers now.
pub(super) fn next(main: Main, quick_only: bool) -> Option<Job> {
    let take = |queue: &mut Queue| {
        let is_served = |client| {
            queue
                .serving
                .iter()
                .any(|s| s.client == client && !s.has_left)
        };
        // Of each client only the first: its requests keep their order.
        let mut seen = BTreeSet::new();
        let place = queue.waiting.iter().position(|job| {
            let is_first = seen.insert(job.caller.client);
            is_first && !is_served(job.caller.client) && (!quick_only || job.is_quick())
        })?;
        let job = queue.waiting.remove(place)?;
        queue.serving.push(Serving {
            number: job.number,
            client: job.caller.client,
            has_left: false,
        });
        Some(job)
    };
    QUEUE.with(main, take).flatten()
}

/// A request was answered.
pub(super) fn done(main: Main, number: u64) {
    let more = QUEUE.with(main, |queue| {
        queue.serving.retain(|serving| serving.number != number);
        !queue.waiting.is_empty()
    });
    if more == Some(true) {
        wake(main);
    }
}

/// Whether who asked has left while it was being answered.
pub(super) fn has_left(main: Main, number: u64) -> bool {
    let left = QUEUE.with(main, |queue| {
        let mut serving = queue.serving.iter();
        serving.any(|serving| serving.number == number && serving.has_left)
    });
    left.unwrap_or(false)
}

/// A client has left: nobody waits for its answers any more.
pub(super) fn client_left(main: Main, client: u32) {
    let _ = QUEUE.with(main, |queue| {
        queue.waiting.retain(|job| job.caller.client != client);
        for serving in &mut queue.serving {
            serving.has_left |= serving.client == client;
        }
    });
}

/// Wakes the processes.
pub(super) fn wake(main: Main) {
    for node in NODES.iter().filter_map(|name| main.node(name)) {
        main.signal(node);
    }
}
