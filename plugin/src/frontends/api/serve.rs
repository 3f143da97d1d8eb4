// SPDX-License-Identifier: Apache-2.0
//! The processes that answer requests.

use super::queue::{self, Job};
use super::request::Request;
use super::wire::{self, Caller, FlowDetails, Room, Send};
use super::{deferred, details, events, operations};
use crate::control::exporter::Source;
use crate::control::flows::{self, Filter, Flow};
use crate::control::observing::{self, Which};
use crate::control::settings::Settings;
use crate::control::state;
use crate::control::{exporting, flush, tables};
use crate::ffi::Main;
use crate::ffi::{Refusal, Why};

/// Until a signal comes.
const FOR_EVER: f64 = 1e9;

/// Seconds between two looks at operations whose clients wait.
const WATCH: f64 = 0.05;

/// How often, and with what pauses in seconds, it is looked whether a client takes another
/// message: for half a minute. One that reads nothing for so long does not care.
const LOOKS: u32 = 30_000;
/// The same by the process that others rely on.
const QUICK_LOOKS: u32 = 200;
const PAUSE: f64 = 1e-3;

/// Runs as long as VPP does.
pub(super) fn run(main: Main, node: u32) -> ! {
    let quick_only = queue::takes_quick_only(main, node);
    let looks = if quick_only { QUICK_LOOKS } else { LOOKS };
    loop {
        while let Some(job) = queue::next(main, quick_only) {
            let number = job.number;
            serve(main, job, looks);
            queue::done(main, number);
            if quick_only {
                operations::detach_overdue(main);
            }
        }
        if !quick_only {
            deferred::serve(main);
        }
        // One process looks after those of all.
        let is_watching = quick_only && operations::detach_overdue(main);
        main.wait(if is_watching { WATCH } else { FOR_EVER });
    }
}

/// Who is answered.
struct Asking {
    /// The request's.
    number: u64,
    caller: Caller,
    /// How often it is looked whether it reads.
    looks: u32,
}

/// How a request ends.
enum End {
    /// With nothing to tell but that all went well.
    Done,
    /// With a reply that tells more; it was sent.
    Replied,
    /// With nothing: the client is gone, or reads nothing.
    Silent,
}

fn serve(main: Main, job: Job, looks: u32) {
    let asking = Asking {
        number: job.number,
        caller: job.caller,
        looks,
    };
    let end = job.request.and_then(|request| {
        state::start(main)?;
        answer(main, &asking, request)
    });
    let retval = match end {
        Ok(End::Done) => 0,
        Ok(End::Replied | End::Silent) => return,
        Err(refusal) => refusal.code(),
    };
    if let Some(operation) = queue::end(main, asking.number) {
        operations::end(main, operation, retval);
        return;
    }
    if has_room(main, &asking) {
        wire::reply(main, &asking.caller, retval);
    }
}

fn answer(main: Main, asking: &Asking, request: Request) -> Result<End, Refusal> {
    match request {
        Request::Interface {
            is_add,
            sw_if_index,
            selection,
        } => {
            let which = Which::Number(sw_if_index);
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
                observing::enable_like(main, &pattern, selection)?;
            } else {
                observing::disable_like(main, &pattern, selection)?;
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
        Request::Events { enable, pid } => events::want(main, asking.caller.client, pid, enable)?,
        Request::Parameters => return Ok(replied(main, asking, &details::parameters(main)?)),
        Request::Exporter => return Ok(replied(main, asking, &details::exporter(main)?)),
        Request::Interfaces(which) => {
            return list(main, asking, &details::interfaces(main, which)?);
        }
        Request::Rules => return list(main, asking, &details::rules(main)?),
        Request::Statistics(which) => {
            return list(main, asking, &details::statistics(main, which)?);
        }
        Request::Operations(which) => {
            return list(main, asking, &operations::details(main, which)?);
        }
        Request::Flows { filter, largest } => {
            return match largest {
                None => all_flows(main, asking, filter),
                Some((order, top)) => {
                    let (flows, matched) = flows::largest(main, filter, order, top)?;
                    let all_were_sent = send_flows(main, asking, &flows)?;
                    Ok(ended(main, asking, all_were_sent, matched))
                }
            };
        }
    }
    Ok(End::Done)
}

/// Waits until the client takes another message; `false` where it never will.
fn has_room(main: Main, asking: &Asking) -> bool {
    for _ in 0..asking.looks {
        if queue::has_left(main, asking.number) {
            return false;
        }
        match wire::room(main, asking.caller.client) {
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

fn replied(main: Main, asking: &Asking, reply: &impl Send) -> End {
    if !has_room(main, asking) {
        return End::Silent;
    }
    reply.send(main, &asking.caller);
    End::Replied
}

/// As [`has_room`], for what is one of many.
fn has_room_in_list(main: Main, asking: &Asking) -> Result<bool, Refusal> {
    if wire::has_memory(main, asking.caller.client) {
        return Ok(has_room(main, asking));
    }
    Err(Refusal::new(
        Why::NoMessageMemory,
        "half of VPP's memory for messages is in use",
    ))
}

fn list(main: Main, asking: &Asking, details: &[impl Send]) -> Result<End, Refusal> {
    for each in details {
        if !has_room_in_list(main, asking)? {
            return Ok(End::Silent);
        }
        each.send(main, &asking.caller);
    }
    Ok(End::Done)
}

fn send_flows(main: Main, asking: &Asking, flows: &[Flow]) -> Result<bool, Refusal> {
    for flow in flows {
        if !has_room_in_list(main, asking)? {
            return Ok(false);
        }
        FlowDetails(details::flow(flow)).send(main, &asking.caller);
    }
    Ok(true)
}

fn ended(main: Main, asking: &Asking, all_were_sent: bool, matched: u64) -> End {
    if !all_were_sent || !has_room(main, asking) {
        return End::Silent;
    }
    wire::reply_flows(main, &asking.caller, matched);
    End::Replied
}

/// Sends flows as they are found.
fn all_flows(main: Main, asking: &Asking, filter: Filter) -> Result<End, Refusal> {
    let mut goes_on = Ok(true);
    let matched = flows::each(main, filter, |flows| {
        goes_on = send_flows(main, asking, flows);
        goes_on == Ok(true)
    })?;
    Ok(ended(main, asking, goes_on?, matched))
}
