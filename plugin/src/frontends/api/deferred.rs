// SPDX-License-Identifier: Apache-2.0
//! Commands that need tables while workers stand still.
//!
//! Before VPP 26.06 workers stand still for as long as a client's `cli_inband` takes, and making
//! tables takes long. Such a command is done by a process right after it, and the commands of that
//! kind that follow it meanwhile, in their order.

use std::collections::VecDeque;

use super::queue;
use crate::control::state::with_control;
use crate::ffi::{Main, MainCell, text};

/// Commands that may be queued; no client needs many.
const MOST_WAITING: usize = 256;

type Command = Box<dyn FnOnce(Main) -> Result<(), String>>;

struct Deferred {
    waiting: VecDeque<Command>,
    /// One is being done.
    is_busy: bool,
}

static DEFERRED: MainCell<Deferred> = MainCell::new(Deferred {
    waiting: VecDeque::new(),
    is_busy: false,
});

/// Does a command: now, or soon where it has to wait and its caller can't. Then an error is a line
/// in the log.
pub(crate) fn run(
    main: Main,
    needs_tables: bool,
    command: impl FnOnce(Main) -> Result<(), String> + 'static,
) -> Result<(), String> {
    if main.may_suspend() {
        return command(main);
    }
    let left = DEFERRED.with(main, |deferred| {
        if !needs_tables && deferred.waiting.is_empty() && !deferred.is_busy {
            return Ok(Some(command));
        }
        if deferred.waiting.len() >= MOST_WAITING {
            return Err("too many commands wait for tables: try again later");
        }
        deferred.waiting.push_back(Box::new(command));
        Ok(None)
    });
    match left {
        Some(Ok(Some(command))) => command(main),
        Some(Ok(None)) => {
            queue::wake(main);
            text::print(
                main,
                "tables are made first, and this is done then: see `show flowmeter`, or `show \
                 log` where it fails",
            );
            Ok(())
        }
        Some(Err(line)) => Err(line.to_owned()),
        None => Err("the flow meter is busy: try again".to_owned()),
    }
}

/// Does the commands that wait, in a process.
pub(super) fn serve(main: Main) {
    let next = |deferred: &mut Deferred| {
        if deferred.is_busy {
            return None;
        }
        let command = deferred.waiting.pop_front()?;
        deferred.is_busy = true;
        Some(command)
    };
    while let Some(command) = DEFERRED.with(main, next).flatten() {
        if let Err(line) = command(main) {
            let _ = with_control(main, |control| {
                control.log.warning(main, &line);
                Ok(())
            });
        }
        let _ = DEFERRED.with(main, |deferred| deferred.is_busy = false);
    }
}
