// SPDX-License-Identifier: Apache-2.0
//! The way to the collector: setting it, checking whether it is reachable, and what collectors
//! learn of interfaces.

use flowmeter::exporting::Interface as ExportedInterface;
use flowmeter::metering::NoRoom;

use super::asking::Asking;
use super::exporter::{InEffect, Setting};
use super::state::{self, Control, with_control};
use crate::export::shared::Gate;
use crate::ffi::exporter::Route;
use crate::ffi::interface::Interface;
use crate::ffi::{Barrier, Main, Refusal};

/// Sets where records go; `None` leaves it to VPP's own exporter.
pub(crate) fn set(main: Main, setting: Option<Setting>) -> Result<(), Refusal> {
    state::start(main)?;
    with_control(main, |control| {
        control.exporter.set(main, setting, true)?;
        main.signal(control.nodes.process);
        Ok(())
    })?;
    update(main);
    Ok(())
}

/// Brings the wall clock, the exporter and its reachability up to date.
pub(crate) fn update(main: Main) {
    let wall = main
        .unix_milliseconds()
        .wrapping_sub(main.milliseconds_now());
    state::shared().set_wall(wall);
    let _ = with_control(main, |control| {
        update_exporter(control, main);
        Ok(())
    });
}

/// Whether another exporter is set than the workers use.
pub(super) fn exporter_changed(control: &mut Control, main: Main) -> bool {
    control.exporter.current(main) != control.exporter.in_effect
}

/// Gives workers that were added since the exporter that is in effect.
pub(super) fn renew_sessions(control: &mut Control, barrier: &mut Barrier) {
    let in_effect = control.exporter.in_effect;
    set_sessions(control, barrier, in_effect);
}

/// Has the workers use what is set now, and checks whether there is a way to it.
fn update_exporter(control: &mut Control, main: Main) {
    let current = control.exporter.current(main);
    if current != control.exporter.in_effect {
        control.exporter.asking = Asking::default();
        // What is under construction goes to the collector that it was made for.
        set_sessions(control, &mut main.barrier(), current);
    }
    let gate = match &control.exporter.in_effect {
        None => Gate::Closed(NoRoom::NoCollector),
        Some(InEffect { session, .. }) => {
            let now = main.milliseconds_now();
            let asking = &mut control.exporter.asking;
            let ask = asking.is_due(now);
            let route = Route::to(main, session.fib_index, session.collector, ask);
            let missing = match route {
                Route::Unresolved(adjacency) => Some(adjacency),
                Route::None | Route::Resolved => None,
            };
            asking.found(missing, now, ask);
            match route {
                Route::Resolved => Gate::Open,
                Route::None | Route::Unresolved(_) => Gate::Closed(NoRoom::CollectorUnreachable),
            }
        }
    };
    let shared = state::shared();
    let opens = shared.gate() != gate && gate == Gate::Open;
    shared.set_gate(gate);
    if opens && control.recording.is_enabled() {
        state::each_recording(&mut main.barrier(), |meter| meter.catch_up(main.thread()));
        main.thread().interrupt(control.nodes.expire);
    }
    log_reachability(control, main, gate);
}

fn set_sessions(control: &mut Control, barrier: &mut Barrier, current: Option<InEffect>) {
    let shared = state::shared();
    // No record leaves before `update_exporter` has found a way to the new collector.
    shared.set_gate(Gate::Closed(NoRoom::NoCollector));
    let thread = barrier.main().thread();
    let session = current.map(|in_effect| in_effect.session);
    let announce = current.map_or(0, |in_effect| in_effect.template_interval());
    // All recorders count in one sequence, so all send before it begins anew.
    state::each_recording(barrier, |meter| meter.send(thread));
    for mut worker in state::workers(barrier) {
        for meter in worker.meters_mut() {
            meter.set_session(thread, session, announce.saturating_mul(1000));
        }
    }
    shared.announcements.reset();
    control.exporter.in_effect = current;
    control.exporter.logged = None;
}

/// One line in the log, and an event, whenever it changes.
fn log_reachability(control: &mut Control, main: Main, gate: Gate) {
    if control.exporter.logged == Some(gate) {
        return;
    }
    // The first look only begins to resolve the address: not yet a reason to warn.
    let first = control.exporter.logged.is_none();
    let on_reachable = control.listener.on_reachable;
    match (&control.exporter.in_effect, gate) {
        (Some(collector), Gate::Open) => {
            let line = format!("collector {collector} is reachable");
            control.log.notice(main, &line);
            on_reachable(main, collector.session(), true);
        }
        (Some(collector), Gate::Closed(_)) if !first => {
            let line = format!(
                "collector {collector} is unreachable: no route, or the next hop does not answer"
            );
            control.log.warning(main, &line);
            on_reachable(main, collector.session(), false);
        }
        _ => {}
    }
    control.exporter.logged = Some(gate);
}

/// Has the interfaces' names and descriptions sent to collectors, when the process runs next: not
/// now, where a barrier may be held.
pub(super) fn interfaces_changed(control: &mut Control, main: Main) {
    control.exporter.interfaces_changed = true;
    main.signal(control.nodes.process);
}

/// Sends collectors what has changed of the interfaces' names and descriptions. Workers stand still
/// for as long as it takes to hand each of them two pointers, however many interfaces there are.
pub(super) fn update_interfaces(control: &mut Control, main: Main) {
    control.exporter.interfaces_changed = false;
    if control.interfaces.metered().is_empty() {
        return;
    }
    let interfaces = Interface::all(main)
        .iter()
        .map(|interface| {
            let name = interface.name(main);
            let tag = interface.tag(main);
            ExportedInterface {
                number: interface.sw_if_index,
                description: if tag.is_empty() { name.clone() } else { tag },
                name,
            }
        })
        .collect();
    let Some(interfaces) = control.exporter.interfaces.update(interfaces) else {
        return;
    };
    for mut worker in state::workers(&mut main.barrier()) {
        worker.set_interfaces(&interfaces);
    }
    control.exporter.interfaces = interfaces;
}
