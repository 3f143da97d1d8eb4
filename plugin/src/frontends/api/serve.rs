// SPDX-License-Identifier: Apache-2.0
//! The processes that answer requests.

use super::queue::{self, Job};
use super::request::Request;
use super::wire::{self, Caller, FlowDetails, Room, Send};
use super::{deferred, details, events, operations};
use crate::control::exporter::Source;
use crate::control::flows::{self, Filter, Flow};
use crate::control::observing::{self, InterfaceRef};
use crate::control::settings::Settings;
use crate::control::state;
use crate::control::{exporting, flush, tables};
use crate::ffi::Main;
use crate::ffi::{Refusal, RefusalKind};

/// Seconds to wait if only a signal should end the wait.
const FOREVER: f64 = 1e9;

/// Seconds between two checks of operations whose clients are waiting.
const WATCH: f64 = 0.05;

/// How often, and at what interval in seconds, to check whether a client can receive another
/// message: for half a minute. A client that reads nothing for that long gets no answer.
const CHECKS: u32 = 30_000;
/// The number of checks in the process for quick requests.
const QUICK_CHECKS: u32 = 200;
const PAUSE: f64 = 1e-3;

/// Runs until VPP exits.
pub(super) fn run(main: Main, node: u32) -> ! {
    let quick_only = queue::takes_quick_only(main, node);
    let checks = if quick_only { QUICK_CHECKS } else { CHECKS };
    loop {
        while let Some(job) = queue::next(main, quick_only) {
            let number = job.number;
            serve(main, job, checks);
            queue::done(main, number);
            if quick_only {
                operations::detach_overdue(main);
            }
        }
        if !quick_only {
            deferred::serve(main);
        }
        // The process for quick requests reports the operations of all processes.
        let is_watching = quick_only && operations::detach_overdue(main);
        main.wait(if is_watching { WATCH } else { FOREVER });
    }
}

/// The client of a request.
struct Recipient {
    /// The request's number.
    number: u64,
    caller: Caller,
    /// How often to check whether the client can receive a message.
    checks: u32,
}

/// How a request ends.
enum End {
    /// Successfully; the reply has only a retval.
    Done,
    /// Successfully; the reply was already sent.
    Replied,
    /// Without a reply: the client has disconnected, or does not read.
    Silent,
}

fn serve(main: Main, job: Job, checks: u32) {
    let recipient = Recipient {
        number: job.number,
        caller: job.caller,
        checks,
    };
    let end = job.request.and_then(|request| {
        state::start(main)?;
        answer(main, &recipient, request)
    });
    let retval = match end {
        Ok(End::Done) => 0,
        Ok(End::Replied | End::Silent) => return,
        Err(refusal) => refusal.code(),
    };
    if let Some(operation) = queue::end(main, recipient.number) {
        operations::end(main, operation, retval);
        return;
    }
    if has_room(main, &recipient) {
        wire::reply(main, &recipient.caller, retval);
    }
}

fn answer(main: Main, recipient: &Recipient, request: Request) -> Result<End, Refusal> {
    match request {
        Request::Interface {
            is_add,
            sw_if_index,
            selection,
        } => {
            let which = InterfaceRef::Number(sw_if_index);
            if is_add {
                observing::enable(main, &which, selection)?;
            } else {
                observing::disable(main, &which, selection)?;
            }
        }
        Request::Rule {
            is_add,
            pattern,
            selection,
        } => {
            if is_add {
                observing::enable_matching(main, &pattern, selection)?;
            } else {
                observing::disable_matching(main, &pattern, selection)?;
            }
        }
        Request::SetParameters {
            active_timeout,
            idle_timeout,
            flows_per_worker,
            observation_domain,
        } => {
            let mut settings = tables::settings(main)?;
            let default = Settings::DEFAULT;
            active_timeout.apply(&mut settings.active_timeout, default.active_timeout);
            idle_timeout.apply(&mut settings.idle_timeout, default.idle_timeout);
            flows_per_worker.apply(&mut settings.flows_per_worker, default.flows_per_worker);
            let domain = &mut settings.observation_domain;
            observation_domain.apply(domain, default.observation_domain);
            tables::set(main, settings)?;
        }
        Request::SetExporter(mut setting, interface) => {
            if let (Some(setting), Some(number)) = (&mut setting, interface) {
                let interface = observing::find(main, number)?;
                setting.source = Source::Interface(interface.name(main));
            }
            exporting::set(main, setting)?;
        }
        Request::Flush => flush::end_all(main)?,
        Request::ClearStatistics => flush::clear_statistics(main)?,
        Request::Events { enable, pid } => {
            events::want(main, recipient.caller.client, pid, enable)?
        }
        Request::Parameters => return Ok(replied(main, recipient, &details::parameters(main)?)),
        Request::Exporter => return Ok(replied(main, recipient, &details::exporter(main)?)),
        Request::Interfaces(which) => {
            return list(main, recipient, &details::interfaces(main, which)?);
        }
        Request::Rules => return list(main, recipient, &details::rules(main)?),
        Request::Statistics(which) => {
            return list(main, recipient, &details::statistics(main, which)?);
        }
        Request::Operations(which) => {
            return list(main, recipient, &operations::details(main, which)?);
        }
        Request::Flows { filter, largest } => {
            return match largest {
                None => all_flows(main, recipient, filter),
                Some((order, top)) => {
                    let (flows, matched) = flows::largest(main, filter, order, top)?;
                    let all_were_sent = send_flows(main, recipient, &flows)?;
                    Ok(ended(main, recipient, all_were_sent, matched))
                }
            };
        }
    }
    Ok(End::Done)
}

/// Waits until the client can receive a message. Returns `false` if it never can.
fn has_room(main: Main, recipient: &Recipient) -> bool {
    for _ in 0..recipient.checks {
        if queue::has_left(main, recipient.number) {
            return false;
        }
        match wire::room(main, recipient.caller.client) {
            Room::Now => return true,
            Room::Never => return false,
            Room::Later => {}
        }
        if !main.suspend(PAUSE) {
            return false;
        }
    }
    false
}

fn replied(main: Main, recipient: &Recipient, reply: &impl Send) -> End {
    if !has_room(main, recipient) {
        return End::Silent;
    }
    reply.send(main, &recipient.caller);
    End::Replied
}

/// As [`has_room`], for a message of a list.
fn has_room_in_list(main: Main, recipient: &Recipient) -> Result<bool, Refusal> {
    if wire::has_memory(main, recipient.caller.client) {
        return Ok(has_room(main, recipient));
    }
    Err(Refusal::new(
        RefusalKind::NoMessageMemory,
        "half of VPP's memory for messages is in use",
    ))
}

fn list(main: Main, recipient: &Recipient, details: &[impl Send]) -> Result<End, Refusal> {
    for each in details {
        if !has_room_in_list(main, recipient)? {
            return Ok(End::Silent);
        }
        each.send(main, &recipient.caller);
    }
    Ok(End::Done)
}

fn send_flows(main: Main, recipient: &Recipient, flows: &[Flow]) -> Result<bool, Refusal> {
    for flow in flows {
        if !has_room_in_list(main, recipient)? {
            return Ok(false);
        }
        FlowDetails(details::flow(flow)).send(main, &recipient.caller);
    }
    Ok(true)
}

fn ended(main: Main, recipient: &Recipient, all_were_sent: bool, matched: u64) -> End {
    if !all_were_sent || !has_room(main, recipient) {
        return End::Silent;
    }
    wire::reply_flows(main, &recipient.caller, matched);
    End::Replied
}

/// Sends flows as they are found.
fn all_flows(main: Main, recipient: &Recipient, filter: Filter) -> Result<End, Refusal> {
    let mut all_were_sent = Ok(true);
    let matched = flows::each(main, filter, |flows| {
        all_were_sent = send_flows(main, recipient, flows);
        all_were_sent == Ok(true)
    })?;
    Ok(ended(main, recipient, all_were_sent?, matched))
}
