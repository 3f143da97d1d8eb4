// SPDX-License-Identifier: Apache-2.0
//! Requests that wait for an answer, and who is being answered.
//!
//! At any time one process answers a client at most, so a client's requests keep their order.

use core::ffi::CStr;
use std::collections::{BTreeSet, VecDeque};

use super::request::{Kind, Request};
use super::wire::{self, Caller, PROCESSES, Room};
use crate::ffi::{Main, MainCell};
use crate::ffi::{Refusal, Why};

/// Requests of one client that may be queued. No client needs many: they are answered one by one.
const MOST_WAITING: usize = 256;

/// Milliseconds after which a client is answered that its operation goes on. Clients wait for a second
/// at least, and the process that tells them may have to wait for another one.
const PATIENCE: u64 = 700;

/// What a client asks for, or why that can't be asked.
pub(super) struct Job {
    /// No other's, unlike its client's, which may be another's once that has left.
    pub(super) number: u64,
    pub(super) caller: Caller,
    pub(super) request: Result<Request, Refusal>,
}

struct Queue {
    waiting: VecDeque<(Ticket, Job)>,
    serving: Vec<Ticket>,
    /// How many requests there have been.
    count: u64,
}

/// What is to be known of a request that has not ended.
struct Ticket {
    number: u64,
    caller: Caller,
    kind: Kind,
    /// When it came, in milliseconds.
    came: u64,
    /// Its number as an operation: its client has been answered that it goes on, and waits no longer.
    operation: Option<u32>,
    /// The client has left.
    has_left: bool,
}

static QUEUE: MainCell<Queue> = MainCell::new(Queue {
    waiting: VecDeque::new(),
    serving: Vec::new(),
    count: 0,
});

/// What clients have to wait for before their next request's turn comes.
#[derive(Default)]
struct Turns {
    /// Clients that wait for an answer.
    answers: BTreeSet<u32>,
    /// Clients one of whose operations goes on.
    operations: BTreeSet<u32>,
}

impl Turns {
    /// Whether it is this request's turn, whose client's earlier ones were shown before.
    fn show(&mut self, ticket: &Ticket) -> bool {
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

/// The processes, by name.
const NODES: [&CStr; PROCESSES] = [
    c"flowmeter-api-0",
    c"flowmeter-api-1",
    c"flowmeter-api-2",
    c"flowmeter-api-3",
];

/// Writes a request down. That of a client that VPP doesn't know is dropped.
pub(super) fn submit(main: Main, caller: Caller, request: Result<Request, Refusal>) {
    if wire::room(main, caller.client) == Room::Never {
        return;
    }
    let came = main.milliseconds_now();
    let taken = QUEUE.with(main, |queue| {
        let same = |(ticket, _): &&(Ticket, Job)| ticket.caller.client == caller.client;
        if queue.waiting.iter().filter(same).count() >= MOST_WAITING {
            return false;
        }
        queue.count += 1;
        let number = queue.count;
        let ticket = Ticket {
            number,
            caller,
            kind: request.as_ref().map_or(Kind::Quick, Request::kind),
            came,
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
        wire::reply(main, &caller, Why::QueueFull.code());
    }
}

/// Whether a process is the one that takes only what is quick: however many clients ask for what
/// takes long, or don't read, others get their answers.
pub(super) fn takes_quick_only(main: Main, node: u32) -> bool {
    main.node(NODES[0]) == Some(node)
}

/// The next request whose turn it is: answers keep the order of requests, and so do operations.
pub(super) fn next(main: Main, quick_only: bool) -> Option<Job> {
    let take = |queue: &mut Queue| {
        let mut turns = Turns::default();
        for ticket in &queue.serving {
            turns.show(ticket);
        }
        let place = queue.waiting.iter().position(|(ticket, _)| {
            turns.show(ticket) && (!quick_only || ticket.kind == Kind::Quick)
        })?;
        let (ticket, job) = queue.waiting.remove(place)?;
        queue.serving.push(ticket);
        Some(job)
    };
    QUEUE.with(main, take).flatten()
}

/// An operation whose client has waited long enough for an answer, and takes one now. `number`
/// gives it a number; from now on its client waits no longer.
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
            turns.show(ticket);
            let Kind::Operation(request) = ticket.kind else {
                continue;
            };
            if is_first
                && ticket.is_open()
                && now.saturating_sub(ticket.came) >= PATIENCE
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
    /// Whether it is an operation whose client waits for an answer.
    fn is_open(&self) -> bool {
        matches!(self.kind, Kind::Operation(_)) && self.operation.is_none() && !self.has_left
    }
}

/// Whether a client waits for an operation.
pub(super) fn has_open_operations(main: Main) -> bool {
    let any = QUEUE.with(main, |queue| {
        let waiting = queue.waiting.iter().map(|(ticket, _)| ticket);
        queue.serving.iter().chain(waiting).any(Ticket::is_open)
    });
    any.unwrap_or(false)
}

/// What was asked for has been done; its answer follows, or it is an operation of this number.
pub(super) fn end(main: Main, number: u64) -> Option<u32> {
    let ended = QUEUE.with(main, |queue| {
        let mut serving = queue.serving.iter_mut();
        let ticket = serving.find(|ticket| ticket.number == number)?;
        // It is answered with how it has ended, and with nothing before.
        ticket.kind = Kind::Quick;
        ticket.operation
    });
    ended.flatten()
}

/// A request was answered.
pub(super) fn done(main: Main, number: u64) {
    let more = QUEUE.with(main, |queue| {
        queue.serving.retain(|ticket| ticket.number != number);
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
        serving.any(|ticket| ticket.number == number && ticket.has_left)
    });
    left.unwrap_or(false)
}

/// A client has left, and gets no more answers. Its operations that were answered as going on do.
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
