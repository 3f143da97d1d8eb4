// SPDX-License-Identifier: Apache-2.0
//! Operations: requests that were not done as soon as their clients want an answer. Each client is
//! told that its operation goes on, and all that ask for events, how it has ended.

use std::collections::VecDeque;

use super::details::octets;
use super::wire::{self, Operation, OperationDetails};
use super::{events, queue};
use crate::ffi::{Main, MainCell, Refusal, Why};

/// How many that have ended are remembered.
const REMEMBERED: usize = 64;

struct Operations {
    /// Those that go on, and the last that ended, by number.
    all: VecDeque<OneOf>,
    count: u32,
}

struct OneOf {
    number: u32,
    request: &'static str,
    /// How it has ended.
    retval: Option<i32>,
}

static OPERATIONS: MainCell<Operations> = MainCell::new(Operations {
    all: VecDeque::new(),
    count: 0,
});

/// Tells clients that have waited long enough that their operations go on; `false` where none
/// waits.
pub(super) fn detach_overdue(main: Main) -> bool {
    while let Some((caller, number)) = queue::detach_overdue(main, |request| begin(main, request)) {
        wire::reply_operation(main, &caller, Why::NotYet.code(), number);
    }
    queue::has_open_operations(main)
}

/// Numbers an operation. No number is 0.
fn begin(main: Main, request: &'static str) -> u32 {
    let number = OPERATIONS.with(main, |operations| {
        operations.count = operations.count.checked_add(1).unwrap_or(1);
        let number = operations.count;
        operations.all.push_back(OneOf {
            number,
            request,
            retval: None,
        });
        number
    });
    number.unwrap_or_default()
}

/// An operation has ended.
pub(super) fn end(main: Main, number: u32, retval: i32) {
    let _ = OPERATIONS.with(main, |operations| {
        let all = &mut operations.all;
        if let Some(operation) = all.iter_mut().find(|one| one.number == number) {
            operation.retval = Some(retval);
        }
        let mut too_many = all.iter().filter(|one| one.retval.is_some()).count();
        too_many = too_many.saturating_sub(REMEMBERED);
        all.retain(|one| {
            let forget = too_many > 0 && one.retval.is_some();
            too_many -= usize::from(forget);
            !forget
        });
    });
    events::operation(main, number, retval);
}

/// One operation, or all.
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
            let line = format!("there is no operation {number} any more");
            Err(Refusal::new(Why::NoEntry, line))
        }
        _ => Ok(details),
    }
}
