// SPDX-License-Identifier: Apache-2.0
//! flowprobe's commands, and what they print: as scripts know it.

use core::fmt::Write;
use core::net::{Ipv4Addr, Ipv6Addr};

use flowmeter::metering::{Export, FlowRecord, Layers, NoRoom, RecordedKey};
use flowmeter::observation::Direction;

use crate::control::interfaces::Side;
use crate::control::observing::Which;
use crate::control::recording::{self, DEFAULT_TIMER, Refusal, Variant};
use crate::control::state::{self, with_control};
use crate::dataplane::recording::Recording;
use crate::ffi::interface::name;
use crate::ffi::{Main, text, thread};
use crate::frontends::api::deferred;
use crate::frontends::cli::words::{Words, unexpected};

/// Groups of slots that are read while the workers stand still.
const SLICE: usize = 1024;

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
    if !recording::are_in_order(active, passive) {
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
            name => match Which::Name(name.to_owned()).find(main) {
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
        Refusal::Unavailable => "flows can't be recorded now: see `show logging`",
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

/// Shows the recorder of thread `index` to `act`, while that stands still.
fn with_recording<T>(main: Main, index: usize, act: impl FnOnce(&Recording) -> T) -> Option<T> {
    let mut barrier = main.barrier();
    let worker = state::workers(&mut barrier).nth(index)?;
    worker.recording.as_deref()?.metering().map(act)
}

/// `show flowprobe statistics`.
pub(super) fn show_statistics(main: Main, _words: Vec<&str>) -> Result<(), String> {
    text::print(main, "IPFIX table statistics");
    text::print(
        main,
        &format!("Flow entry size: {}", Recording::FLOW_OCTETS),
    );
    let settings = with_control(main, |control| Ok(control.settings))?;
    let flows =
        with_recording(main, 0, Recording::room).unwrap_or(settings.recorded_flows() as usize);
    text::print(main, &format!("Flow pool size per thread: {flows}"));
    for thread in 0..thread::count() {
        let live = with_recording(main, thread, |recording| recording.recorder().live_flows())
            .unwrap_or(0);
        let percent = 100 * live / flows;
        let line = format!("Pool utilisation thread {thread} is {percent}%");
        text::print(main, &line);
    }
    Ok(())
}

/// `show flowprobe table`.
pub(super) fn show_table(main: Main, _words: Vec<&str>) -> Result<(), String> {
    text::print(main, "Dumping IPFIX table");
    for thread in 0..thread::count() {
        let groups =
            with_recording(main, thread, |recording| recording.recorder().groups()).unwrap_or(0);
        for start in (0..groups).step_by(SLICE) {
            let mut viewer = Viewer::default();
            with_recording(main, thread, |recording| {
                let end = groups.min(start + SLICE);
                recording.recorder().show(start..end, &mut viewer);
            });
            if !viewer.0.is_empty() {
                text::print(main, viewer.0.trim_end());
            }
        }
    }
    Ok(())
}

/// Writes a line for each flow.
#[derive(Default)]
struct Viewer(String);

impl Export<RecordedKey> for Viewer {
    fn export(&mut self, record: &FlowRecord<RecordedKey>) -> Result<(), NoRoom> {
        let key = &record.key;
        let observed = &key.observed;
        let side = match observed.direction() {
            Direction::Ingress => "rx",
            Direction::Egress => "tx",
        };
        let (rx, tx) = (observed.ingress_interface, observed.egress_interface);
        let _ = write!(self.0, " {side} {rx}/{tx}");
        for [a, b, c, d, e, f] in [key.source_mac, key.destination_mac] {
            let _ = write!(self.0, " {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}");
        }
        for (address, before) in [(key.source, ""), (key.destination, " ->")] {
            let _ = match address {
                [a, b, c, d, rest @ ..] if rest == [0; 12] => {
                    write!(self.0, "{before} {}", Ipv4Addr::new(a, b, c, d))
                }
                _ => write!(self.0, "{before} {}", Ipv6Addr::from(address)),
            };
        }
        let [source, destination] =
            [key.ports.source, key.ports.destination].map(u16::from_be_bytes);
        let _ = writeln!(self.0, " {} {source} {destination}", observed.payload);
        Ok(())
    }
}
