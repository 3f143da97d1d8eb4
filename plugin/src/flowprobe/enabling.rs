// SPDX-License-Identifier: Apache-2.0
//! Interfaces on which flows are recorded: enabled and disabled whole, or not at all.

use flowmeter::metering::Layers;

use super::announce::ANNOUNCED;
use super::control::{Flowprobe, Parameters, Refusal, Variant, with};
use super::host::Host;
use crate::interfaces::Side;
use crate::meter::{self, Meter};
use crate::place::Place;
use crate::process;
use crate::vlib::interface::{Interface, set_feature};
use crate::vlib::{self, Barrier, Main};

/// Records flows on an interface from now on; all variants or none.
pub(super) fn enable(
    main: Main,
    sw_if_index: u32,
    variants: &[Variant],
    side: Side,
) -> Result<(), Refusal> {
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
        Ok(())
    })?;
    make_hosts(main)?;
    with(main, |meter| {
        let barrier = &mut main.barrier();
        meter.set_points(barrier, &interface);
        for variant in variants {
            if let Err(why) = set_features(barrier, sw_if_index, *variant, side, true) {
                for variant in variants {
                    let _ = set_features(barrier, sw_if_index, *variant, side, false);
                }
                warn(meter, main, &why);
                return Err(Refusal::Unavailable);
            }
        }
        let keys = variants
            .iter()
            .map(|variant| ((sw_if_index, *variant), side));
        meter.flowprobe.interfaces.extend(keys);
        ANNOUNCED.want(meter.flowprobe.layouts());
        main.signal(meter.nodes.process);
        Ok(())
    })?;
    // Collectors learn of it at once.
    process::update(main);
    for host in meter::hosts(&mut main.barrier()) {
        host.announce(main.thread());
    }
    Ok(())
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

    /// Ends the flows of an interface, but for those of variants that remain.
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
    Interface::all(main)
        .into_iter()
        .find(|interface| interface.sw_if_index == sw_if_index)
        .ok_or(Refusal::InvalidInterface)
}

/// Gives every thread a recorder, where they have none yet.
fn make_hosts(main: Main) -> Result<(), Refusal> {
    let started = meter::start(main);
    let mut barrier = main.barrier();
    let has_hosts = meter::workers(&mut barrier).all(|worker| worker.flowprobe.is_some());
    drop(barrier);
    with(main, |meter| {
        if let Err(why) = started {
            warn(meter, main, &String::from(why));
            return Err(Refusal::Unavailable);
        }
        if has_hosts {
            return Ok(());
        }
        // Not under the barrier: it takes a while.
        let hosts = Host::for_threads(vlib::thread::count(), meter.nodes.lookup);
        let hosts = hosts.map_err(|error| {
            warn(
                meter,
                main,
                &format!("flowprobe: no memory for flows ({error})"),
            );
            Refusal::Unavailable
        })?;
        let Parameters { layers, timers } = meter.flowprobe.parameters;
        let barrier = &mut main.barrier();
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
