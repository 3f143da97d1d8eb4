// SPDX-License-Identifier: Apache-2.0
//! Interfaces, and rules for interfaces: metered, or no longer; and what follows when VPP adds,
//! changes or removes one.

use flowmeter::observation::Direction;

use super::interfaces::{Selection, Variant, matches};
use super::state::{self, Control, with_control};
use super::{exporting, tables};
use crate::dataplane::place::{Layer, Place, Point};
use crate::ffi::interface::{Interface, set_feature};
use crate::ffi::{Barrier, Main, Refusal, Why};

/// Which interface is meant.
#[derive(Clone, Debug)]
pub(crate) enum Which {
    Name(String),
    Number(u32),
}

impl Which {
    /// The interface, if there is one.
    pub(crate) fn find(&self, main: Main) -> Result<Interface, Refusal> {
        let interfaces = Interface::all(main);
        let found = interfaces.into_iter().find(|interface| match self {
            Self::Name(name) => interface.name(main) == *name,
            Self::Number(number) => interface.sw_if_index == *number,
        });
        found.ok_or_else(|| {
            let line = match self {
                Self::Name(name) => {
                    format!("{name}: there is no such interface; see `show interface`")
                }
                Self::Number(number) => format!("there is no interface {number}"),
            };
            Refusal::new(Why::NoInterface, line)
        })
    }
}

/// The interface of this number, if there is one.
pub(crate) fn find(main: Main, sw_if_index: u32) -> Result<Interface, Refusal> {
    Which::Number(sw_if_index).find(main)
}

/// Meters one interface.
pub(crate) fn enable(main: Main, which: &Which, selection: Selection) -> Result<(), Refusal> {
    which.find(main)?;
    tables::activate(main, selection.variant.families())?;
    // Once more: it may have been removed meanwhile.
    let interface = which.find(main)?;
    let barrier = &mut main.barrier();
    with_control(main, |control| {
        observe(control, barrier, &interface, selection)
    })
}

/// Meters one interface no longer.
pub(crate) fn disable(main: Main, which: &Which, selection: Selection) -> Result<(), Refusal> {
    let interface = which.find(main)?;
    let barrier = &mut main.barrier();
    let was = with_control(main, |control| {
        ignore(control, barrier, &interface, selection)
    })?;
    if was {
        return Ok(());
    }
    let name = interface.name(main);
    let line = format!("{name}: it is not metered so; see `show flowmeter interfaces`");
    Err(Refusal::new(Why::NoEntry, line))
}

/// Makes a rule. Interfaces that are there are metered at once; one that can't be leaves all
/// as it is.
pub(crate) fn enable_like(main: Main, pattern: &str, selection: Selection) -> Result<(), Refusal> {
    tables::activate(main, selection.variant.families())?;
    let barrier = &mut main.barrier();
    with_control(main, |control| {
        let like = interfaces_like(main, pattern);
        for interface in &like {
            places(control, main, interface, selection)?;
        }
        for interface in &like {
            observe(control, barrier, interface, selection)?;
        }
        control.interfaces.add_rule(pattern, selection);
        Ok(())
    })
}

/// Removes a rule, and meters the interfaces like it no longer.
pub(crate) fn disable_like(main: Main, pattern: &str, selection: Selection) -> Result<(), Refusal> {
    let barrier = &mut main.barrier();
    let any = with_control(main, |control| {
        let mut any = control.interfaces.remove_rule(pattern);
        for interface in interfaces_like(main, pattern) {
            any |= ignore(control, barrier, &interface, selection)?;
        }
        Ok(any)
    })?;
    if any {
        return Ok(());
    }
    let line = format!("{pattern}: nothing like it is metered; see `show flowmeter interfaces`");
    Err(Refusal::new(Why::NoEntry, line))
}

fn interfaces_like(main: Main, pattern: &str) -> Vec<Interface> {
    let mut interfaces = Interface::all(main);
    interfaces.retain(|interface| matches(pattern, &interface.name(main)));
    interfaces
}

/// Applies the rules to the interfaces that there are, when VPP starts.
pub(crate) fn apply_rules(main: Main) -> Result<(), Refusal> {
    let families = with_control(main, |control| {
        let rules = control.interfaces.rules().iter();
        let families = rules.flat_map(|(_, selection)| selection.variant.families());
        Ok(families.copied().collect::<Vec<_>>())
    })?;
    if families.is_empty() {
        return Ok(());
    }
    tables::activate(main, &families)?;
    with_control(main, |control| {
        for interface in Interface::all(main) {
            on_interface_added(control, &mut main.barrier(), &interface);
        }
        Ok(())
    })
}

/// An interface was added: the rules apply to it.
pub(super) fn on_interface_added(
    control: &mut Control,
    barrier: &mut Barrier,
    interface: &Interface,
) {
    let main = barrier.main();
    if state::workers(barrier).any(|worker| worker.flows.metering().is_none()) {
        // `apply_rules` applies them when the tables are made.
        return;
    }
    let name = interface.name(main);
    let rules = control.interfaces.rules().to_vec();
    for (pattern, selection) in rules {
        if !matches(&pattern, &name) {
            continue;
        }
        if let Err(refusal) = observe(control, barrier, interface, selection) {
            let line = format!("interface {pattern}: {}", String::from(refusal));
            control.log.warning(main, &line);
        }
    }
    if !control.interfaces.metered().is_empty() {
        set_points(barrier, interface);
        exporting::interfaces_changed(control, main);
    }
}

/// An interface was removed, and VPP has removed its features: its flows end.
pub(super) fn on_interface_removed(control: &mut Control, barrier: &mut Barrier, sw_if_index: u32) {
    forget(control, barrier, sw_if_index, Place::ALL);
}

/// Something has changed that the points of an interface say.
pub(super) fn on_interface_changed(control: &mut Control, barrier: &mut Barrier, sw_if_index: u32) {
    if !control.interfaces.metered().contains_key(&sw_if_index) {
        return;
    }
    let interfaces = Interface::all(barrier.main());
    if let Some(interface) = interfaces.iter().find(|i| i.sw_if_index == sw_if_index) {
        set_points(barrier, interface);
    }
}

/// The places at which an interface is to be metered, if it can be.
fn places(
    control: &Control,
    main: Main,
    interface: &Interface,
    selection: Selection,
) -> Result<Vec<Place>, Refusal> {
    let name = interface.name(main);
    if control.recording.is_enabled() {
        let line = format!(
            "{name}: interfaces are metered in flowprobe's place: disable these first, see \
             `show flowprobe feature`"
        );
        return Err(Refusal::new(Why::Conflict, line));
    }
    let places = selection.places(interface);
    let frames = places.iter().any(|place| place.is_l2());
    if frames && !(interface.is_hardware && interface.is_ethernet) {
        let line =
            format!("l2: {name} has no Ethernet frames of its own: expected ip4, ip6 or all");
        return Err(Refusal::new(Why::NotEthernet, line));
    }
    if let Some(known) = control.interfaces.conflict(interface.sw_if_index, &places) {
        let line = format!(
            "{}: {name} is metered at {} {} already, and packets would be counted twice: \
             disable that first",
            if frames {
                "l2"
            } else {
                selection.variant.name()
            },
            known.layer().name(),
            known.side()
        );
        return Err(Refusal::new(Why::Conflict, line));
    }
    Ok(places)
}

/// Meters an interface at the selected places; all of them or none. Workers must have their
/// tables.
fn observe(
    control: &mut Control,
    barrier: &mut Barrier,
    interface: &Interface,
    selection: Selection,
) -> Result<(), Refusal> {
    let main = barrier.main();
    let places = places(control, main, interface, selection)?;
    set_points(barrier, interface);
    let sw_if_index = interface.sw_if_index;
    let new = control.interfaces.add(sw_if_index, places);
    if let Err(why) = set_features(barrier, &new, sw_if_index, true) {
        let _ = set_features(barrier, &new, sw_if_index, false);
        forget(control, barrier, sw_if_index, &new);
        return Err(why);
    }
    exporting::interfaces_changed(control, main);
    main.signal(control.nodes.process);
    Ok(())
}

/// Meters an interface no longer at these places, and ends its flows; tells whether it was metered
/// at any.
fn ignore(
    control: &mut Control,
    barrier: &mut Barrier,
    interface: &Interface,
    selection: Selection,
) -> Result<bool, Refusal> {
    let Some(metered) = control.interfaces.metered().get(&interface.sw_if_index) else {
        return Ok(false);
    };
    // `all` means whatever there is, frames or not.
    let selected = match selection.variant {
        Variant::All => Place::ALL.to_vec(),
        _ => selection.places(interface),
    };
    let places: Vec<_> = selected
        .into_iter()
        .filter(|place| selection.side.has(place.direction()) && metered.contains(place))
        .collect();
    set_features(barrier, &places, interface.sw_if_index, false)?;
    forget(control, barrier, interface.sw_if_index, &places);
    Ok(!places.is_empty())
}

/// Removes places of an interface, and ends its flows.
fn forget(control: &mut Control, barrier: &mut Barrier, sw_if_index: u32, places: &[Place]) {
    if !control.interfaces.remove(sw_if_index, places) {
        return;
    }
    let ends = |direction: &Direction| places.iter().any(|place| place.direction() == *direction);
    let directions = [Direction::Ingress, Direction::Egress];
    for direction in directions.into_iter().filter(ends) {
        for mut worker in state::workers(barrier) {
            worker.flows.end_interface(sw_if_index, direction);
        }
    }
}

/// Publishes what all packets of an interface have in common, at each place.
pub(super) fn set_points(barrier: &mut Barrier, interface: &Interface) {
    let main = barrier.main();
    let tables = [false, true].map(|is_ip6| interface.table(main, is_ip6));
    let Some(points) = state::points(barrier) else {
        return;
    };
    for place in Place::ALL {
        let frames = place.is_l2();
        let point = Point {
            // A frame passes the hardware interface, whichever part of it sends it.
            sw_if_index: if frames {
                interface.sup_sw_if_index
            } else {
                interface.sw_if_index
            },
            table: tables[usize::from(place.layer() == Layer::Ip6)],
            // The tag of a frame is still there.
            vlan: if frames { 0 } else { interface.vlan },
        };
        points.set(*place, interface.sw_if_index, point);
    }
}

fn set_features(
    barrier: &Barrier,
    places: &[Place],
    sw_if_index: u32,
    enable: bool,
) -> Result<(), Refusal> {
    for place in places {
        for arc in place.arcs() {
            set_feature(barrier, arc.name, place.node(), sw_if_index, enable)?;
        }
    }
    Ok(())
}
