// SPDX-License-Identifier: Apache-2.0
//! Operations: requests that take longer than clients wait for an answer. The client gets a reply
//! that its operation is in progress; all clients with events get one when it has ended.

use std::collections::VecDeque;

use super::details::octets;
use super::wire::{self, Operation, OperationDetails};
use super::{events, queue};
use crate::ffi::{Main, MainCell, Refusal, RefusalKind};

/// The number of ended operations that are kept.
const MAX_ENDED: usize = 64;

struct Operations {
    /// Operations in progress and the last ended ones, ordered by number.
    all: VecDeque<Entry>,
    count: u32,
}

struct Entry {
    number: u32,
    request: &'static str,
    /// The result, once it has ended.
    retval: Option<i32>,
}

static OPERATIONS: MainCell<Operations> = MainCell::new(Operations {
    all: VecDeque::new(),
    count: 0,
});

/// Tells clients that have waited long enough that their operations are in progress. Returns
/// `false` if no client is waiting for an operation.
pub(super) fn detach_overdue(main: Main) -> bool {
    while let Some((caller, number)) = queue::detach_overdue(main, |request| begin(main, request)) {
        wire::reply_operation(main, &caller, RefusalKind::NotYet.code(), number);
    }
    queue::has_open_operations(main)
}

/// Registers an operation, and returns its number, which is never 0.
fn begin(main: Main, request: &'static str) -> u32 {
    let number = OPERATIONS.with(main, |operations| {
        operations.count = operations.count.checked_add(1).unwrap_or(1);
        let number = operations.count;
        operations.all.push_back(Entry {
            number,
            request,
            retval: None,
        });
        number
    });
    number.unwrap_or_default()
}

/// Records that an operation has ended, and sends an event.
pub(super) fn end(main: Main, number: u32, retval: i32) {
    let _ = OPERATIONS.with(main, |operations| {
        let all = &mut operations.all;
        if let Some(operation) = all.iter_mut().find(|one| one.number == number) {
            operation.retval = Some(retval);
        }
        let mut too_many = all.iter().filter(|one| one.retval.is_some()).count();
        too_many = too_many.saturating_sub(MAX_ENDED);
        all.retain(|one| {
            let remove = too_many > 0 && one.retval.is_some();
            too_many -= usize::from(remove);
            !remove
        });
    });
    events::operation(main, number, retval);
}

/// Lists one operation, or all.
pub(super) fn details(main: Main, which: Option<u32>) -> Result<Vec<OperationDetails>, Refusal> {
    let details = OPERATIONS.with(main, |operations| {
        let all = operations.all.iter();
        let wanted = all.filter(|one| which.is_none_or(|which| which == one.number));
        let details = wanted.map(|one| {
            OperationDetails(Operation {
                operation: one.number,
                in_progress: u8::from(one.retval.is_none()),
                retval: one.retval.unwrap_or_default(),
                request: octets(one.request),
            })
        });
        details.collect::<Vec<_>>()
    });
    let details = details.unwrap_or_default();
    match which {
        Some(number) if details.is_empty() => {
            let line = format!("no such operation: {number}");
            Err(Refusal::new(RefusalKind::NoEntry, line))
        }
        _ => Ok(details),
    }
}
