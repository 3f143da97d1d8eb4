// SPDX-License-Identifier: Apache-2.0
//! The binary API.
//!
//! ```text
//! api.c: message → structure → hooks → request or refusal → queue
//!                                                             ↓  (another process)
//! send.c: message ← structure ← details, reply ← control/ ← serve
//! ```
//!
//! VPP handles the messages of all clients in one process. A handler that suspends would delay all
//! other clients, so handlers only queue requests, and the plugin's own processes answer them: the
//! requests of one client in order, those of several clients concurrently. A request that takes
//! longer than a second is answered as an operation in progress.

pub(crate) mod deferred;
mod details;
mod events;
mod hooks;
mod operations;
mod queue;
mod request;
mod serve;
mod wire;

use crate::control::state::Listener;

/// The callbacks that send events.
pub(crate) const LISTENER: Listener = Listener {
    on_second: events::check_evictions,
    on_reachable: events::exporter,
};
