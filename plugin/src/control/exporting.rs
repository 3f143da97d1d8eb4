// SPDX-License-Identifier: Apache-2.0
//! The exporter in use: changing it, checking whether the collector is reachable, and announcing
//! interfaces.

use flowmeter::exporting::Interface as ExportedInterface;
use flowmeter::metering::ExportRefused;

use super::exporter::{InEffect, Setting};
use super::resolve_backoff::ResolveBackoff;
use super::state::{self, Control, with_control};
use crate::export::shared::Gate;
use crate::ffi::exporter::Route;
use crate::ffi::interface::Interface;
use crate::ffi::{Barrier, Main, Refusal};

/// Sets the exporter; `None` selects VPP's exporter.
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

/// Updates the wall-clock offset, the exporter and the reachability of the collector.
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

/// Whether the exporter has changed since the workers last got one.
pub(super) fn exporter_changed(control: &mut Control, main: Main) -> bool {
    control.exporter.current(main) != control.exporter.in_effect
}

/// Gives the current exporter to all workers again, for meters that were added.
pub(super) fn renew_sessions(control: &mut Control, barrier: &mut Barrier) {
    let in_effect = control.exporter.in_effect;
    set_sessions(control, barrier, in_effect);
}

/// Gives a changed exporter to the workers, and checks whether the collector is reachable.
fn update_exporter(control: &mut Control, main: Main) {
    let current = control.exporter.current(main);
    if current != control.exporter.in_effect {
        control.exporter.backoff = ResolveBackoff::default();
        // Messages under construction go to the previous collector.
        set_sessions(control, &mut main.barrier(), current);
    }
    let gate = match &control.exporter.in_effect {
        None => Gate::Closed(ExportRefused::NoCollector),
        Some(InEffect { session, .. }) => {
            let now = main.milliseconds_now();
            let backoff = &mut control.exporter.backoff;
            let ask = backoff.is_due(now);
            let route = Route::to(main, session.fib_index, session.collector, ask);
            let missing = match route {
                Route::Unresolved(adjacency) => Some(adjacency),
                Route::None | Route::Resolved => None,
            };
            backoff.record(missing, now, ask);
            match route {
                Route::Resolved => Gate::Open,
                Route::None | Route::Unresolved(_) => {
                    Gate::Closed(ExportRefused::CollectorUnreachable)
                }
            }
        }
    };
    let shared = state::shared();
    let opens = shared.gate() != gate && gate == Gate::Open;
    shared.set_gate(gate);
    if opens && control.recording.is_enabled() {
        state::each_recording(&mut main.barrier(), |recording| {
            recording.catch_up(main.thread())
        });
        main.thread().interrupt(control.nodes.expire);
    }
    log_reachability(control, main, gate);
}

fn set_sessions(control: &mut Control, barrier: &mut Barrier, current: Option<InEffect>) {
    let shared = state::shared();
    // The gate stays closed until `update_exporter` has found a route to the new collector.
    shared.set_gate(Gate::Closed(ExportRefused::NoCollector));
    let thread = barrier.main().thread();
    let session = current.map(|in_effect| in_effect.session);
    let announce = current.map_or(0, |in_effect| in_effect.template_interval());
    // All layered processes share one sequence, so all have to send before it is reset.
    state::each_recording(barrier, |recording| recording.send(thread));
    for mut worker in state::workers(barrier) {
        for meter in worker.meters_mut() {
            meter.set_session(thread, session, announce.saturating_mul(1000));
        }
    }
    shared.announcements.reset();
    control.exporter.in_effect = current;
    control.exporter.logged = None;
}

/// Logs a change of reachability, and reports it to the listener.
fn log_reachability(control: &mut Control, main: Main, gate: Gate) {
    if control.exporter.logged == Some(gate) {
        return;
    }
    // The first lookup only starts to resolve the next hop, so it is too early to warn.
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

/// Schedules the announcement of changed interfaces for the next run of the process, because the
/// caller may hold the barrier.
pub(super) fn interfaces_changed(control: &mut Control, main: Main) {
    control.exporter.interfaces_changed = true;
    main.signal(control.nodes.process);
}

/// Has the workers announce changed names and descriptions of interfaces. The barrier is held only
/// while each worker gets two pointers, however many interfaces there are.
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
