// SPDX-License-Identifier: Apache-2.0
//! The binary API: messages in, messages out.
//!
//! ```text
//! api.c: message → structure → hooks → request, or why it is none → queue
//!                                                                     ↓  (another process)
//! send.c: message ← structure ← details, reply  ←  control/  ←  serve: client by client
//! ```
//!
//! VPP handles all clients' messages in one process. What suspends would hold up everybody's, so
//! here a request is only written down there, and answered by a process of ours: the requests of
//! one client in their order, those of several at the same time. Clients don't wait long either:
//! what has not ended within a second is answered as an operation that goes on.

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

/// What clients have to learn of.
pub(crate) const LISTENER: Listener = Listener {
    on_second: events::look,
    on_reachable: events::exporter,
};
