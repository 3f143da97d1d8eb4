// SPDX-License-Identifier: Apache-2.0
//! Events, for clients that have subscribed to them.

use flowmeter::metering::EndReason;

use super::details::address;
use super::wire::{self, TableFull};
use crate::control::{fullness, inspection};
use crate::export::datagram::Session;
use crate::ffi::{Main, MainCell};
use crate::ffi::{Refusal, RefusalKind};

/// The least milliseconds between two checks of evictions.
const INTERVAL: u64 = 1000;

struct Events {
    /// The subscribed clients: index and pid.
    clients: Vec<(u32, u32)>,
    /// The time and result of the last check, while there are clients.
    seen: Option<(u64, TableFull)>,
}

static EVENTS: MainCell<Events> = MainCell::new(Events {
    clients: Vec::new(),
    seen: None,
});

/// Subscribes or unsubscribes a client.
pub(super) fn want(main: Main, client: u32, pid: u32, enable: bool) -> Result<(), Refusal> {
    let now = evictions().map(|now| (main.milliseconds_now(), now));
    let was = EVENTS.with(main, |events| {
        let before = events.clients.len();
        events.clients.retain(|(known, _)| *known != client);
        let was = events.clients.len() != before;
        if enable {
            events.clients.push((client, pid));
            events.seen = events.seen.take().or(now);
        }
        was
    });
    if !enable && was != Some(true) {
        let line = "this client has not subscribed to events";
        return Err(Refusal::new(RefusalKind::NoRegistration, line));
    }
    Ok(())
}

/// Removes a client that has disconnected.
pub(super) fn client_left(main: Main, client: u32) {
    let _ = EVENTS.with(main, |events| {
        events.clients.retain(|(known, _)| *known != client);
    });
}

/// Checks whether flows were evicted, and sends an event if so.
pub(super) fn check_evictions(main: Main) {
    let time = main.milliseconds_now();
    let is_due = EVENTS.with(main, |events| {
        if events.clients.is_empty() {
            events.seen = None;
        }
        let seen = events.seen.as_ref();
        let is_old = seen.is_none_or(|(last, _)| time.saturating_sub(*last) >= INTERVAL);
        is_old && !events.clients.is_empty()
    });
    if is_due != Some(true) {
        return;
    }
    let Some(now) = evictions() else { return };
    let _ = EVENTS.with(main, |events| {
        let Some((_, before)) = events.seen.replace((time, now)) else {
            return;
        };
        // The statistics may have been cleared since the last check.
        let event = TableFull {
            exported: now.exported.saturating_sub(before.exported),
            lost: now.lost.saturating_sub(before.lost),
            live_flows: now.live_flows,
            enough: now.enough,
        };
        if event.exported == 0 && event.lost == 0 {
            return;
        }
        for (client, pid) in &events.clients {
            wire::table_full(main, *client, *pid, &event);
        }
    });
}

/// Sends an event when the collector has become reachable or unreachable.
pub(super) fn exporter(main: Main, session: &Session, reachable: bool) {
    let collector = address(session.collector);
    let _ = EVENTS.with(main, |events| {
        for (client, pid) in &events.clients {
            wire::exporter(main, *client, *pid, reachable, collector, session.port);
        }
    });
}

/// Sends an event when an operation has ended that was reported as in progress.
pub(super) fn operation(main: Main, operation: u32, retval: i32) {
    let _ = EVENTS.with(main, |events| {
        for (client, pid) in &events.clients {
            wire::operation_end(main, *client, *pid, operation, retval);
        }
    });
}

/// The flows evicted so far, and the number of live flows.
fn evictions() -> Option<TableFull> {
    let accounts = inspection::total(&inspection::published()?);
    let exported = EndReason::ALL.iter().zip(&accounts.statistics.exported);
    let evicted = exported
        .filter(|(reason, _)| **reason == EndReason::LackOfResources)
        .map(|(_, records)| records.records);
    Some(TableFull {
        exported: evicted.sum(),
        lost: accounts.statistics.lost().records,
        live_flows: accounts.live_flows,
        enough: fullness::evictions().1,
    })
}
