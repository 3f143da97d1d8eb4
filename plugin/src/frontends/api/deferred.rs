// SPDX-License-Identifier: Apache-2.0
//! Commands that need tables but are called under the barrier.
//!
//! Before VPP 26.06, the barrier is held while a client's `cli_inband` is served, and creating
//! tables takes long. A command that needs them is therefore run by a process right afterwards.
//! Commands that follow it in the meantime are deferred, too, so that their order is kept.

use std::collections::VecDeque;

use super::queue;
use crate::control::state::with_control;
use crate::ffi::{Main, MainCell, text};

/// The most deferred commands.
const MAX_DEFERRED: usize = 256;

type Command = Box<dyn FnOnce(Main) -> Result<(), String>>;

struct Deferred {
    commands: VecDeque<Command>,
    /// Whether a command is running.
    is_busy: bool,
}

static DEFERRED: MainCell<Deferred> = MainCell::new(Deferred {
    commands: VecDeque::new(),
    is_busy: false,
});

/// Runs a command now, or defers it if it has to wait and its caller cannot be suspended. Errors of
/// deferred commands are logged.
pub(crate) fn run(
    main: Main,
    needs_tables: bool,
    command: impl FnOnce(Main) -> Result<(), String> + 'static,
) -> Result<(), String> {
    if main.may_suspend() {
        return command(main);
    }
    let left = DEFERRED.with(main, |deferred| {
        if !needs_tables && deferred.commands.is_empty() && !deferred.is_busy {
            return Ok(Some(command));
        }
        if deferred.commands.len() >= MAX_DEFERRED {
            return Err("too many commands are waiting for tables: try again later");
        }
        deferred.commands.push_back(Box::new(command));
        Ok(None)
    });
    match left {
        Some(Ok(Some(command))) => command(main),
        Some(Ok(None)) => {
            queue::wake(main);
            text::print(
                main,
                "accepted: the command runs after its tables have been created; see \
                 `show flowmeter`, and `show logging` if it fails",
            );
            Ok(())
        }
        Some(Err(line)) => Err(line.to_owned()),
        None => Err("the flow meter is busy: try again".to_owned()),
    }
}

/// Runs the deferred commands, in a process.
pub(super) fn serve(main: Main) {
    let next = |deferred: &mut Deferred| {
        if deferred.is_busy {
            return None;
        }
        let command = deferred.commands.pop_front()?;
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
