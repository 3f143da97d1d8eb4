// SPDX-License-Identifier: Apache-2.0
//! flowprobe's commands. Their output and most errors are those of flowprobe, for scripts.

use core::fmt::Write;
use core::net::{Ipv4Addr, Ipv6Addr};

use flowmeter::metering::{LayeredKey, Layers};
use flowmeter::observation::Direction;

use crate::control::interfaces::Side;
use crate::control::observing::InterfaceRef;
use crate::control::recording::{self, DEFAULT_TIMER, Refusal, Variant};
use crate::control::state::with_control;
use crate::control::{flows, inspection};
use crate::dataplane::recording::Recording;
use crate::ffi::interface::name;
use crate::ffi::{Main, text};
use crate::frontends::api::deferred;
use crate::frontends::cli::words::{Words, unexpected};

/// `flowprobe params record [l2] [l3] [l4] [active <timer>] [passive <timer>]`.
pub(super) fn params(main: Main, words: Vec<&str>) -> Result<(), String> {
    let mut words = Words::new(words);
    let mut bits = 0;
    let mut timers = [DEFAULT_TIMER; 2];
    while let Some(word) = words.next() {
        match word {
            "record" => {}
            "l2" => bits |= Layers::L2.bits(),
            "l3" => bits |= Layers::L3.bits(),
            "l4" => bits |= Layers::L4.bits(),
            "active" => timers[0] = words.number(word, 0..=DEFAULT_TIMER)?,
            "passive" => timers[1] = words.number(word, 0..=DEFAULT_TIMER)?,
            _ => return unexpected(word, "record, l2, l3, l4, active or passive"),
        }
    }
    let [active, passive] = timers;
    if !recording::timers_are_valid(active, passive) {
        return Err("Passive timer has to be greater than active one...".to_owned());
    }
    recording::set_parameters(main, Layers::from_bits(bits), active, passive).map_err(explain)
}

/// `flowprobe feature add-del <interface> [ip4|ip6|l2] [rx|tx|both] [disable]`.
pub(super) fn feature(main: Main, words: Vec<&str>) -> Result<(), String> {
    let mut interface = None;
    let (mut variant, mut side, mut disable) = (Variant::Ip4, Side::Tx, false);
    for word in words {
        match word {
            "ip4" => variant = Variant::Ip4,
            "ip6" => variant = Variant::Ip6,
            "l2" => variant = Variant::L2,
            "rx" => side = Side::Rx,
            "tx" => side = Side::Tx,
            "both" => side = Side::Both,
            "disable" => disable = true,
            name => match InterfaceRef::Name(name.to_owned()).find(main) {
                Ok(found) => interface = Some(found.sw_if_index),
                Err(_) => {
                    return unexpected(name, "an interface, ip4, ip6, l2, rx, tx, both, disable");
                }
            },
        }
    }
    let Some(sw_if_index) = interface else {
        return Err("Please specify an interface...".to_owned());
    };
    let needs_tables = !disable && recording::lacks_meters(main);
    deferred::run(main, needs_tables, move |main| {
        let done = if disable {
            recording::disable(main, sw_if_index, &[variant])
        } else {
            recording::enable(main, sw_if_index, &[variant], side)
        };
        done.map_err(explain)
    })
}

fn explain(refusal: Refusal) -> String {
    match refusal {
        Refusal::InvalidValue => "invalid value",
        Refusal::InvalidInterface => "Invalid interface, only works on physical ports",
        Refusal::NothingToRecord => "Please specify flowprobe params record first...",
        Refusal::Enabled => "Datapath is already enabled for given interface...",
        Refusal::EnabledOtherwise => "Interface has enable different datapath ...",
        Refusal::NotEnabled => "Interface has no datapath enabled",
        Refusal::InUse => {
            "Couldn't change flowperpacket params when feature is enabled on some interface ..."
        }
        Refusal::Unavailable => "flows cannot be recorded now: see `show logging`",
    }
    .to_owned()
}

/// `show flowprobe params`.
pub(super) fn show_params(main: Main, _words: Vec<&str>) -> Result<(), String> {
    let parameters = with_control(main, |control| Ok(control.recording.parameters))?;
    let mut out = String::new();
    for (layer, name) in [(Layers::L2, "l2"), (Layers::L3, "l3"), (Layers::L4, "l4")] {
        if parameters.layers.has(layer) {
            let _ = write!(out, " {name}");
        }
    }
    let timers = parameters.timers;
    let _ = write!(
        out,
        " active: {} passive: {}",
        timers.active, timers.passive
    );
    text::print(main, &out);
    Ok(())
}

/// `show flowprobe feature`.
pub(super) fn show_feature(main: Main, _words: Vec<&str>) -> Result<(), String> {
    let enabled = with_control(main, |control| Ok(control.recording.interfaces.clone()))?;
    for ((sw_if_index, variant), side) in enabled {
        let variant = match variant {
            Variant::Ip4 => "ip4",
            Variant::Ip6 => "ip6",
            Variant::L2 => "l2",
        };
        let side = match side {
            Side::Rx => "rx",
            Side::Tx => "tx",
            Side::Both => "rx tx",
        };
        text::print(
            main,
            &format!(" {} {variant} {side}", name(main, sw_if_index)),
        );
    }
    Ok(())
}

/// `show flowprobe statistics`.
pub(super) fn show_statistics(main: Main, _words: Vec<&str>) -> Result<(), String> {
    text::print(main, "IPFIX table statistics");
    text::print(
        main,
        &format!("Flow entry size: {}", Recording::FLOW_OCTETS),
    );
    let settings = with_control(main, |control| Ok(control.settings))?;
    let threads = inspection::snapshots(main)?;
    let room = threads.first().map_or(0, |thread| thread.recorded_room);
    let flows = match room {
        0 => settings.recorded_flows().into(),
        room => room,
    };
    text::print(main, &format!("Flow pool size per thread: {flows}"));
    for (index, thread) in threads.iter().enumerate() {
        let percent = 100 * thread.recorded_flows / flows;
        let line = format!("Pool utilisation thread {index} is {percent}%");
        text::print(main, &line);
    }
    Ok(())
}

/// `show flowprobe table`.
pub(super) fn show_table(main: Main, _words: Vec<&str>) -> Result<(), String> {
    text::print(main, "Dumping IPFIX table");
    flows::each_recorded(main, |keys| {
        let mut out = String::new();
        for key in keys {
            write_line(&mut out, key);
        }
        if !out.is_empty() {
            text::print(main, out.trim_end());
        }
    })?;
    Ok(())
}

/// Writes the line of a flow.
fn write_line(out: &mut String, key: &LayeredKey) {
    let observed = &key.observed;
    let side = match observed.direction() {
        Direction::Ingress => "rx",
        Direction::Egress => "tx",
    };
    let (rx, tx) = (observed.ingress_interface, observed.egress_interface);
    let _ = write!(out, " {side} {rx}/{tx}");
    for [a, b, c, d, e, f] in [key.source_mac, key.destination_mac] {
        let _ = write!(out, " {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}");
    }
    for (address, before) in [(key.source, ""), (key.destination, " ->")] {
        let _ = match address {
            [a, b, c, d, rest @ ..] if rest == [0; 12] => {
                write!(out, "{before} {}", Ipv4Addr::new(a, b, c, d))
            }
            _ => write!(out, "{before} {}", Ipv6Addr::from(address)),
        };
    }
    let [source, destination] = [key.ports.source, key.ports.destination].map(u16::from_be_bytes);
    let _ = writeln!(out, " {} {source} {destination}", observed.protocol);
}
