// SPDX-License-Identifier: Apache-2.0
//! The queue of requests, and the requests that are being served.
//!
//! A client gets its answers in the order of its requests, because at most one of its requests is
//! being answered at a time.

use core::ffi::CStr;
use std::collections::{BTreeSet, VecDeque};

use super::request::{Kind, Request};
use super::wire::{self, Caller, PROCESSES, Room};
use crate::ffi::{Main, MainCell};
use crate::ffi::{Refusal, RefusalKind};

/// The most queued requests of one client.
const MAX_QUEUED: usize = 256;

/// Milliseconds after which a client is told that its operation is in progress. Every request is to
/// be answered within a second, and the answering process may be delayed by another client.
const DETACH_AFTER: u64 = 700;

/// A request to be served, or its refusal.
pub(super) struct Job {
    /// A unique number. A client index, in contrast, may be reused after the client has
    /// disconnected.
    pub(super) number: u64,
    pub(super) caller: Caller,
    pub(super) request: Result<Request, Refusal>,
}

struct Queue {
    waiting: VecDeque<(Ticket, Job)>,
    serving: Vec<Ticket>,
    /// The number of requests so far.
    count: u64,
}

/// The state of a request that has not ended.
struct Ticket {
    number: u64,
    caller: Caller,
    kind: Kind,
    /// When it was received, in milliseconds.
    received: u64,
    /// Its number as an operation, once its client was told that it is in progress.
    operation: Option<u32>,
    /// Whether the client has disconnected.
    has_left: bool,
}

static QUEUE: MainCell<Queue> = MainCell::new(Queue {
    waiting: VecDeque::new(),
    serving: Vec::new(),
    count: 0,
});

/// What blocks the later requests of each client.
#[derive(Default)]
struct Turns {
    /// Clients that are waiting for an answer.
    answers: BTreeSet<u32>,
    /// Clients with an operation in progress.
    operations: BTreeSet<u32>,
}

impl Turns {
    /// Adds a request, and returns whether it may be served now. Requests are added in order.
    fn add(&mut self, ticket: &Ticket) -> bool {
        if ticket.has_left {
            return true;
        }
        let client = ticket.caller.client;
        let is_operation = matches!(ticket.kind, Kind::Operation(_));
        let has_turn =
            !(self.answers.contains(&client) || is_operation && self.operations.contains(&client));
        if ticket.operation.is_none() {
            self.answers.insert(client);
        }
        if is_operation {
            self.operations.insert(client);
        }
        has_turn
    }
}

/// The names of the processes.
const NODES: [&CStr; PROCESSES] = [
    c"flowmeter-api-0",
    c"flowmeter-api-1",
    c"flowmeter-api-2",
    c"flowmeter-api-3",
];

/// Queues a request. Requests of clients that VPP does not know are dropped.
pub(super) fn submit(main: Main, caller: Caller, request: Result<Request, Refusal>) {
    if wire::room(main, caller.client) == Room::Never {
        return;
    }
    let received = main.milliseconds_now();
    let taken = QUEUE.with(main, |queue| {
        let same = |(ticket, _): &&(Ticket, Job)| ticket.caller.client == caller.client;
        if queue.waiting.iter().filter(same).count() >= MAX_QUEUED {
            return false;
        }
        queue.count += 1;
        let number = queue.count;
        let ticket = Ticket {
            number,
            caller,
            kind: request.as_ref().map_or(Kind::Quick, Request::kind),
            received,
            operation: None,
            has_left: false,
        };
        let job = Job {
            number,
            caller,
            request,
        };
        queue.waiting.push_back((ticket, job));
        true
    });
    if taken == Some(true) {
        wake(main);
    } else {
        wire::reply(main, &caller, RefusalKind::QueueFull.code());
    }
}

/// Whether a process serves only quick requests. One does, so that quick requests are answered
/// however many clients have long requests or do not read.
pub(super) fn takes_quick_only(main: Main, node: u32) -> bool {
    main.node(NODES[0]) == Some(node)
}

/// Takes the next request that may be served. Answers keep the order of requests, and so do
/// operations.
pub(super) fn next(main: Main, quick_only: bool) -> Option<Job> {
    let take = |queue: &mut Queue| {
        let mut turns = Turns::default();
        for ticket in &queue.serving {
            turns.add(ticket);
        }
        let place = queue.waiting.iter().position(|(ticket, _)| {
            turns.add(ticket) && (!quick_only || ticket.kind == Kind::Quick)
        })?;
        let (ticket, job) = queue.waiting.remove(place)?;
        queue.serving.push(ticket);
        Some(job)
    };
    QUEUE.with(main, take).flatten()
}

/// Finds an operation whose client has waited long enough for an answer and can receive one now,
/// and registers it with `number`. The client's other requests can then be served.
pub(super) fn detach_overdue(
    main: Main,
    number: impl FnOnce(&'static str) -> u32,
) -> Option<(Caller, u32)> {
    let now = main.milliseconds_now();
    let detached = QUEUE.with(main, |queue| {
        let mut turns = Turns::default();
        let waiting = queue.waiting.iter_mut().map(|(ticket, _)| ticket);
        for ticket in queue.serving.iter_mut().chain(waiting) {
            let is_first = !turns.answers.contains(&ticket.caller.client);
            turns.add(ticket);
            let Kind::Operation(request) = ticket.kind else {
                continue;
            };
            if is_first
                && ticket.is_open()
                && now.saturating_sub(ticket.received) >= DETACH_AFTER
                && wire::room(main, ticket.caller.client) == Room::Now
            {
                let number = number(request);
                ticket.operation = Some(number);
                return Some((ticket.caller, number));
            }
        }
        None
    });
    let detached = detached.flatten();
    if detached.is_some() {
        wake(main);
    }
    detached
}

impl Ticket {
    /// Whether it is an operation whose client is waiting for an answer.
    fn is_open(&self) -> bool {
        matches!(self.kind, Kind::Operation(_)) && self.operation.is_none() && !self.has_left
    }
}

/// Whether a client is waiting for an operation.
pub(super) fn has_open_operations(main: Main) -> bool {
    let any = QUEUE.with(main, |queue| {
        let waiting = queue.waiting.iter().map(|(ticket, _)| ticket);
        queue.serving.iter().chain(waiting).any(Ticket::is_open)
    });
    any.unwrap_or(false)
}

/// Marks a request as finished. Returns its number if it is an operation that was reported.
pub(super) fn end(main: Main, number: u64) -> Option<u32> {
    let ended = QUEUE.with(main, |queue| {
        let mut serving = queue.serving.iter_mut();
        let ticket = serving.find(|ticket| ticket.number == number)?;
        // It is answered with its result, and no longer reported as in progress.
        ticket.kind = Kind::Quick;
        ticket.operation
    });
    ended.flatten()
}

/// Removes a request that was answered.
pub(super) fn done(main: Main, number: u64) {
    let more = QUEUE.with(main, |queue| {
        queue.serving.retain(|ticket| ticket.number != number);
        !queue.waiting.is_empty()
    });
    if more == Some(true) {
        wake(main);
    }
}

/// Whether the client of a request has disconnected.
pub(super) fn has_left(main: Main, number: u64) -> bool {
    let left = QUEUE.with(main, |queue| {
        let mut serving = queue.serving.iter();
        serving.any(|ticket| ticket.number == number && ticket.has_left)
    });
    left.unwrap_or(false)
}

/// Handles a disconnected client: only operations that were reported as in progress continue.
pub(super) fn client_left(main: Main, client: u32) {
    let _ = QUEUE.with(main, |queue| {
        let Queue {
            waiting, serving, ..
        } = queue;
        waiting.retain(|(ticket, _)| ticket.caller.client != client || ticket.operation.is_some());
        let waiting = waiting.iter_mut().map(|(ticket, _)| ticket);
        for ticket in serving.iter_mut().chain(waiting) {
            ticket.has_left |= ticket.caller.client == client;
        }
    });
}

/// Wakes the processes.
pub(super) fn wake(main: Main) {
    for node in NODES.iter().filter_map(|name| main.node(name)) {
        main.signal(node);
    }
}
