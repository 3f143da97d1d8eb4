// SPDX-License-Identifier: Apache-2.0
//! Enables and disables recording on interfaces: all requested variants, or none.

use flowmeter::metering::Layers;

use super::parameters::{Parameters, RecordingState, Refusal, Variant};
use crate::control::interfaces::Side;
use crate::control::state::{self, Control, with_control};
use crate::control::{exporting, making, observing, tables};
use crate::dataplane::place::{Layer, Place};
use crate::dataplane::recording::Recording;
use crate::ffi::interface::{Interface, set_feature};
use crate::ffi::{Barrier, Main};

/// How often, and at what interval in seconds, to check whether templates have been sent, which
/// takes two iterations of VPP's main loop.
const CHECKS: u32 = 100;
const PAUSE: f64 = 1e-4;

/// Starts recording flows on an interface, for all variants or none.
pub(crate) fn enable(
    main: Main,
    sw_if_index: u32,
    variants: &[Variant],
    side: Side,
) -> Result<(), Refusal> {
    check(main, sw_if_index, variants)?;
    make_meters(main)?;
    announce(main, variants)?;
    // Check again: the state may have changed while the tables were created.
    let enabled = check(main, sw_if_index, variants).and_then(|interface| {
        with(main, |control| {
            set(control, main, &interface, variants, side)
        })
    });
    with(main, |control| {
        if enabled.is_err() {
            state::shared()
                .announcements
                .retain(control.recording.layouts());
        }
        main.signal(control.nodes.process);
        Ok(())
    })?;
    enabled
}

/// Requests the templates and waits until they have been sent, because no record may be sent before
/// its template.
fn announce(main: Main, variants: &[Variant]) -> Result<(), Refusal> {
    exporting::update(main);
    let expire = with(main, |control| {
        let layouts = variants.iter();
        let layouts = layouts.flat_map(|variant| control.recording.layouts_of(*variant));
        state::shared().announcements.want(layouts);
        Ok(control.nodes.expire)
    })?;
    state::each_recording(&mut main.barrier(), |recording| {
        recording.announce(main.thread())
    });
    for _ in 0..CHECKS {
        if state::shared().announcements.all_were_sent() {
            break;
        }
        main.thread().interrupt(expire);
        if !main.suspend(PAUSE) {
            break;
        }
    }
    Ok(())
}

/// Enables the features of all variants, or none.
fn set(
    control: &mut Control,
    main: Main,
    interface: &Interface,
    variants: &[Variant],
    side: Side,
) -> Result<(), Refusal> {
    let sw_if_index = interface.sw_if_index;
    let barrier = &mut main.barrier();
    for variant in variants {
        if let Err(why) = set_features(barrier, sw_if_index, *variant, side, true) {
            for variant in variants {
                let _ = set_features(barrier, sw_if_index, *variant, side, false);
            }
            warn(control, main, &why);
            return Err(Refusal::Unavailable);
        }
    }
    let keys = variants.iter();
    let keys = keys.map(|variant| ((sw_if_index, *variant), side));
    control.recording.interfaces.extend(keys);
    Ok(())
}

/// Looks the interface up, and checks that these variants can be enabled on it.
fn check(main: Main, sw_if_index: u32, variants: &[Variant]) -> Result<Interface, Refusal> {
    let interface = find(main, sw_if_index)?;
    with(main, |control| {
        let flowprobe = &control.recording;
        if flowprobe.parameters.layers == Layers::default() {
            return Err(Refusal::NothingToRecord);
        }
        let enabled = |variant| flowprobe.interfaces.contains_key(&(sw_if_index, variant));
        if variants.iter().any(|variant| enabled(*variant)) {
            return Err(Refusal::Enabled);
        }
        let frames = variants.contains(&Variant::L2);
        let routed = variants.iter().any(|variant| *variant != Variant::L2);
        let others = enabled(Variant::Ip4) || enabled(Variant::Ip6);
        if frames && (routed || others) || enabled(Variant::L2) {
            return Err(Refusal::EnabledOtherwise);
        }
        if frames && !(interface.is_hardware && interface.is_ethernet) {
            return Err(Refusal::InvalidInterface);
        }
        if !control.interfaces.metered().is_empty() || !control.interfaces.rules().is_empty() {
            warn(
                control,
                main,
                "flowprobe: interfaces are metered by `flowmeter interface`: disable them first",
            );
            return Err(Refusal::Unavailable);
        }
        Ok(interface)
    })
}

/// Stops recording flows. Live flows are exported, at once if the collector is reachable.
pub(crate) fn disable(main: Main, sw_if_index: u32, variants: &[Variant]) -> Result<(), Refusal> {
    find(main, sw_if_index)?;
    with(main, |control| {
        let interfaces = &control.recording.interfaces;
        if variants
            .iter()
            .any(|variant| !interfaces.contains_key(&(sw_if_index, *variant)))
        {
            return Err(Refusal::NotEnabled);
        }
        let barrier = &mut main.barrier();
        for variant in variants {
            let Some(side) = control
                .recording
                .interfaces
                .remove(&(sw_if_index, *variant))
            else {
                continue;
            };
            if let Err(why) = set_features(barrier, sw_if_index, *variant, side, false) {
                warn(control, main, &why);
            }
        }
        end(&control.recording, barrier, sw_if_index);
        Ok(())
    })
}

/// Ends the flows of an interface that was removed. VPP has disabled its features.
pub(in crate::control) fn on_interface_removed(
    recording: &mut RecordingState,
    barrier: &mut Barrier,
    sw_if_index: u32,
) {
    let before = recording.interfaces.len();
    recording
        .interfaces
        .retain(|(index, _), _| *index != sw_if_index);
    if recording.interfaces.len() != before {
        end(recording, barrier, sw_if_index);
    }
}

/// Ends all flows of an interface, including those of variants that stay enabled.
fn end(recording: &RecordingState, barrier: &mut Barrier, sw_if_index: u32) {
    let thread = barrier.main().thread();
    state::each_recording(barrier, |recording| {
        recording.end_both(sw_if_index);
        recording.end_now(thread);
    });
    state::shared().announcements.retain(recording.layouts());
    state::each_recording(barrier, Recording::update_repeated_templates);
}

/// Looks an interface up by its index.
fn find(main: Main, sw_if_index: u32) -> Result<Interface, Refusal> {
    observing::find(main, sw_if_index).map_err(|_| Refusal::InvalidInterface)
}

/// Whether threads have no meters of recorded flows yet.
pub(crate) fn lacks_meters(main: Main) -> bool {
    !state::has_recordings(&mut main.barrier())
}

/// Gives every thread a meter of recorded flows, if they have none yet.
fn make_meters(main: Main) -> Result<(), Refusal> {
    let unavailable = |why: &str| {
        let _ = with(main, |control| {
            warn(control, main, why);
            Ok(())
        });
        Refusal::Unavailable
    };
    state::start(main).map_err(|why| unavailable(&String::from(why)))?;
    if !lacks_meters(main) {
        return Ok(());
    }
    let flows = with(main, |control| Ok(control.settings.recorded_flows()))? as usize;
    tables::check_recorded(flows)
        .map_err(|why| unavailable(&format!("flowprobe: {}", String::from(why))))?;
    let processes = making::run_in_background(main, move |placement| {
        let place = |thread| placement.move_near(thread);
        Recording::processes(placement.threads(), flows, place)
    })
    .map_err(|error| unavailable(&format!("flowprobe: out of memory for flows ({error})")))?;
    // Another client may have requested the same meanwhile.
    if !lacks_meters(main) {
        return Ok(());
    }
    with(main, |control| {
        let Parameters { layers, timers } = control.recording.parameters;
        let barrier = &mut main.barrier();
        let lookup = control.nodes.lookup;
        let meters = Recording::for_threads(processes, flows, state::shared(), lookup);
        for (mut worker, mut recording) in state::workers(barrier).zip(meters) {
            recording.set(layers, timers.timeouts());
            worker.recording = Some(Box::new(recording));
        }
        exporting::renew_sessions(control, barrier);
        Ok(())
    })
}

fn set_features(
    barrier: &Barrier,
    sw_if_index: u32,
    variant: Variant,
    side: Side,
    enable: bool,
) -> Result<(), String> {
    let layer = match variant {
        Variant::Ip4 => Layer::Ip4,
        Variant::Ip6 => Layer::Ip6,
        Variant::L2 => Layer::L2,
    };
    let places = Place::ALL
        .iter()
        .filter(|place| place.layer() == layer && side.has(place.direction()));
    for place in places {
        let Some(node) = place.recording_node() else {
            continue;
        };
        for arc in place.arcs() {
            set_feature(barrier, arc.name, node, sw_if_index, enable)?;
        }
    }
    Ok(())
}

/// Sets the layers to record, and the timers.
pub(crate) fn set_parameters(
    main: Main,
    layers: Layers,
    active: u32,
    passive: u32,
) -> Result<(), Refusal> {
    let parameters = Parameters::new(layers, active, passive);
    with(main, |control| {
        if control.recording.is_enabled() {
            return Err(Refusal::InUse);
        }
        control.recording.parameters = parameters;
        let Parameters { layers, timers } = parameters;
        state::each_recording(&mut main.barrier(), |recording| {
            recording.set(layers, timers.timeouts());
        });
        Ok(())
    })
}

/// As [`with_control`], with this module's errors.
fn with<T>(main: Main, act: impl FnOnce(&mut Control) -> Result<T, Refusal>) -> Result<T, Refusal> {
    with_control(main, |control| Ok(act(control))).unwrap_or(Err(Refusal::Unavailable))
}

fn warn(control: &Control, main: Main, line: &str) {
    control.log.warning(main, line);
}
