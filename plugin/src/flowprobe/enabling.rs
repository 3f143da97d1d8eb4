// SPDX-License-Identifier: Apache-2.0
//! Interfaces on which flows are recorded: enabled and disabled whole, or not at all.

use flowmeter::metering::Layers;

use super::announce::ANNOUNCED;
use super::control::{Flowprobe, Parameters, Refusal, Variant, with};
use super::host::Host;
use crate::control::watching;
use crate::interfaces::Side;
use crate::meter::{self, Meter};
use crate::place::Place;
use crate::process;
use crate::vlib::interface::{Interface, set_feature};
use crate::vlib::{Barrier, Main};

/// How often, and with what pauses in seconds, it is looked whether templates have left: that
/// takes two rounds of VPP's main loop.
const LOOKS: u32 = 100;
const PAUSE: f64 = 1e-4;

/// Records flows on an interface from now on; all variants or none.
pub(super) fn enable(
    main: Main,
    sw_if_index: u32,
    variants: &[Variant],
    side: Side,
) -> Result<(), Refusal> {
    check(main, sw_if_index, variants)?;
    make_hosts(main)?;
    announce(main, variants)?;
    // Once more: something may have changed meanwhile.
    let enabled = check(main, sw_if_index, variants)
        .and_then(|interface| with(main, |meter| set(meter, main, &interface, variants, side)));
    with(main, |meter| {
        if enabled.is_err() {
            ANNOUNCED.keep(meter.flowprobe.layouts());
        }
        main.signal(meter.nodes.process);
        Ok(())
    })?;
    enabled
}

/// Tells collectors of the layouts first, and gives that the time to leave: no record is taken
/// before, so packets that come sooner would wait.
fn announce(main: Main, variants: &[Variant]) -> Result<(), Refusal> {
    process::update(main);
    let expire = with(main, |meter| {
        let layouts = variants.iter();
        let layouts = layouts.flat_map(|variant| meter.flowprobe.layouts_of(*variant));
        ANNOUNCED.want(layouts);
        Ok(meter.nodes.expire)
    })?;
    for host in meter::hosts(&mut main.barrier()) {
        host.announce(main.thread());
    }
    for _ in 0..LOOKS {
        if ANNOUNCED.have_left() {
            break;
        }
        main.thread().interrupt(expire);
        if !main.suspend(PAUSE) {
            break;
        }
    }
    Ok(())
}

/// All variants, or none.
fn set(
    meter: &mut Meter,
    main: Main,
    interface: &Interface,
    variants: &[Variant],
    side: Side,
) -> Result<(), Refusal> {
    let sw_if_index = interface.sw_if_index;
    let barrier = &mut main.barrier();
    meter.set_points(barrier, interface);
    for variant in variants {
        if let Err(why) = set_features(barrier, sw_if_index, *variant, side, true) {
            for variant in variants {
                let _ = set_features(barrier, sw_if_index, *variant, side, false);
            }
            warn(meter, main, &why);
            return Err(Refusal::Unavailable);
        }
    }
    let keys = variants.iter();
    let keys = keys.map(|variant| ((sw_if_index, *variant), side));
    meter.flowprobe.interfaces.extend(keys);
    Ok(())
}

/// The interface, where these variants can be enabled on it.
fn check(main: Main, sw_if_index: u32, variants: &[Variant]) -> Result<Interface, Refusal> {
    let interface = find(main, sw_if_index)?;
    with(main, |meter| {
        let flowprobe = &meter.flowprobe;
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
        if !meter.interfaces.metered().is_empty() || !meter.interfaces.rules().is_empty() {
            warn(
                meter,
                main,
                "flowprobe: `flowmeter interface` meters already",
            );
            return Err(Refusal::Unavailable);
        }
        Ok(interface)
    })
}

/// Records flows no longer; those that live are exported, at once where there is a way.
pub(super) fn disable(main: Main, sw_if_index: u32, variants: &[Variant]) -> Result<(), Refusal> {
    find(main, sw_if_index)?;
    with(main, |meter| {
        let interfaces = &meter.flowprobe.interfaces;
        if variants
            .iter()
            .any(|variant| !interfaces.contains_key(&(sw_if_index, *variant)))
        {
            return Err(Refusal::NotEnabled);
        }
        let barrier = &mut main.barrier();
        for variant in variants {
            let Some(side) = meter.flowprobe.interfaces.remove(&(sw_if_index, *variant)) else {
                continue;
            };
            if let Err(why) = set_features(barrier, sw_if_index, *variant, side, false) {
                warn(meter, main, &why);
            }
        }
        meter.flowprobe.end(barrier, sw_if_index);
        Ok(())
    })
}

impl Flowprobe {
    /// An interface is gone, and VPP has taken its features away: its flows end.
    pub(crate) fn interface_went(&mut self, barrier: &mut Barrier, sw_if_index: u32) {
        let before = self.interfaces.len();
        self.interfaces
            .retain(|(index, _), _| *index != sw_if_index);
        if self.interfaces.len() != before {
            self.end(barrier, sw_if_index);
        }
    }

    /// Ends the flows of an interface. Those of variants that remain begin anew.
    fn end(&self, barrier: &mut Barrier, sw_if_index: u32) {
        let thread = barrier.main().thread();
        for host in meter::hosts(barrier) {
            host.end_interface(sw_if_index);
            host.end_now(thread);
        }
        ANNOUNCED.keep(self.layouts());
        for host in meter::hosts(barrier) {
            host.announce_again();
        }
    }
}

/// The interface of this number.
fn find(main: Main, sw_if_index: u32) -> Result<Interface, Refusal> {
    watching::find(main, sw_if_index).map_err(|_| Refusal::InvalidInterface)
}

/// Whether threads have no hosts yet.
pub(super) fn lacks_hosts(main: Main) -> bool {
    meter::hosts(&mut main.barrier()).next().is_none()
}

/// Gives every thread a host, where they have none yet.
fn make_hosts(main: Main) -> Result<(), Refusal> {
    let complain = |why: &str| {
        let _ = with(main, |meter| {
            warn(meter, main, why);
            Ok(())
        });
        Refusal::Unavailable
    };
    meter::start(main).map_err(|why| complain(&String::from(why)))?;
    if !lacks_hosts(main) {
        return Ok(());
    }
    let flows = with(main, |meter| Ok(meter.settings.recorded_flows()))? as usize;
    let recorders = meter::make_aside(main, move |threads| Host::recorders(threads, flows))
        .map_err(|error| complain(&format!("flowprobe: no memory for flows ({error})")))?;
    // Somebody else may have asked for the same meanwhile.
    if !lacks_hosts(main) {
        return Ok(());
    }
    with(main, |meter| {
        let Parameters { layers, timers } = meter.flowprobe.parameters;
        let barrier = &mut main.barrier();
        let hosts = Host::for_threads(recorders, flows, meter.nodes.lookup);
        for (worker, mut host) in meter::workers(barrier).zip(hosts) {
            host.set(layers, timers);
            worker.flowprobe = Some(Box::new(host));
        }
        meter.renew_sessions(barrier);
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
    let places = Place::ALL.into_iter().filter(|place| {
        let is_variant = match variant {
            Variant::Ip4 => place.variant() == "ip4",
            Variant::Ip6 => place.variant() == "ip6",
            Variant::L2 => place.is_l2(),
        };
        is_variant && side.has(place.direction())
    });
    for place in places {
        for arc in place.arcs() {
            set_feature(barrier, arc, place.recording_node(), sw_if_index, enable)?;
        }
    }
    Ok(())
}

fn warn(meter: &Meter, main: Main, line: &str) {
    meter.log.warning(main, line);
}
