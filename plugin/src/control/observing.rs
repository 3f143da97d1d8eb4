// SPDX-License-Identifier: Apache-2.0
//! Starts and stops metering interfaces, applies rules, and follows VPP's changes of interfaces.

use std::collections::BTreeSet;

use flowmeter::observation::Direction;

use super::interfaces::{Interfaces, Selection, Side, matches};
use super::state::{self, Control, with_control};
use super::{exporting, tables};
use crate::dataplane::place::Place;
use crate::ffi::interface::{
    Interface, bond_members, has_bridged_arcs, name, restore_bridged_arcs, set_feature,
    sub_interfaces,
};
use crate::ffi::{Barrier, Main, Refusal, RefusalKind};

/// The `sw_if_index` of `local0`, the rx interface of packets that VPP generates.
const LOCAL0: u32 = 0;

/// An interface, by name or by `sw_if_index`.
#[derive(Clone, Debug)]
pub(crate) enum InterfaceRef {
    Name(String),
    Number(u32),
}

impl InterfaceRef {
    /// Looks the interface up.
    pub(crate) fn find(&self, main: Main) -> Result<Interface, Refusal> {
        let found = match self {
            Self::Name(name) => {
                let mut interfaces = Interface::all(main).into_iter();
                interfaces.find(|interface| interface.name(main) == *name)
            }
            Self::Number(number) => Interface::find(main, *number),
        };
        found.ok_or_else(|| {
            let line = match self {
                Self::Name(name) => {
                    format!("{name}: no such interface; see `show interface`")
                }
                Self::Number(number) => format!("no such interface: {number}"),
            };
            Refusal::new(RefusalKind::NoInterface, line)
        })
    }
}

/// Looks an interface up by its index.
pub(crate) fn find(main: Main, sw_if_index: u32) -> Result<Interface, Refusal> {
    InterfaceRef::Number(sw_if_index).find(main)
}

/// Starts metering an interface.
pub(crate) fn enable(
    main: Main,
    which: &InterfaceRef,
    selection: Selection,
) -> Result<(), Refusal> {
    let interface = which.find(main)?;
    with_control(main, |control| places(control, main, &interface, selection))?;
    tables::activate(main, selection.variant.families())?;
    // Check again: the interface may have been removed while the tables were created.
    let interface = which.find(main)?;
    let barrier = &mut main.barrier();
    with_control(main, |control| {
        let places = places(control, main, &interface, selection)?;
        enable_places(control, barrier, &interface, places)
    })
}

/// Stops metering an interface.
pub(crate) fn disable(
    main: Main,
    which: &InterfaceRef,
    selection: Selection,
) -> Result<(), Refusal> {
    let interface = which.find(main)?;
    let barrier = &mut main.barrier();
    let was = with_control(main, |control| {
        disable_places(control, barrier, &interface, selection)
    })?;
    if was {
        return Ok(());
    }
    let name = interface.name(main);
    let line = format!("{name}: not metered in this way; see `show flowmeter interfaces`");
    Err(Refusal::new(RefusalKind::NoEntry, line))
}

/// Adds a rule and starts metering the interfaces that match. If one of them cannot be metered,
/// nothing changes.
pub(crate) fn enable_matching(
    main: Main,
    pattern: &str,
    selection: Selection,
) -> Result<(), Refusal> {
    let check = |control: &Control| {
        let mut matching = matching_interfaces(main, pattern);
        // A pattern such as `*` matches `local0`, which never has frames.
        matching.retain(|interface| {
            interface.sw_if_index != LOCAL0 || selection.missing(interface.kind).is_none()
        });
        for interface in &matching {
            let places = places(control, main, interface, selection)?;
            let places = uncovered(control, interface, places);
            check_sub_interfaces(control, main, interface, &places)?;
        }
        Ok(matching)
    };
    with_control(main, |control| check(control))?;
    tables::activate(main, selection.variant.families())?;
    let barrier = &mut main.barrier();
    with_control(main, |control| {
        // Check again: interfaces may have been added while the tables were created.
        let matching = check(control)?;
        for interface in &matching {
            let places = uncovered(control, interface, selection.places(interface.kind));
            enable_places(control, barrier, interface, places)?;
        }
        control.interfaces.add_rule(pattern, selection);
        Ok(())
    })
}

/// Removes a rule, and stops metering the interfaces that match.
pub(crate) fn disable_matching(
    main: Main,
    pattern: &str,
    selection: Selection,
) -> Result<(), Refusal> {
    let barrier = &mut main.barrier();
    let any = with_control(main, |control| {
        let mut any = control.interfaces.remove_rule(pattern);
        for interface in matching_interfaces(main, pattern) {
            any |= disable_places(control, barrier, &interface, selection)?;
        }
        Ok(any)
    })?;
    if any {
        return Ok(());
    }
    let line = format!("{pattern}: no rule or interface matches; see `show flowmeter interfaces`");
    Err(Refusal::new(RefusalKind::NoEntry, line))
}

fn matching_interfaces(main: Main, pattern: &str) -> Vec<Interface> {
    let mut interfaces = Interface::all(main);
    interfaces.retain(|interface| matches(pattern, &interface.name(main)));
    sort(&mut interfaces);
    interfaces
}

/// Sorts parents before their sub-interfaces, whose packets they may cover.
fn sort(interfaces: &mut [Interface]) {
    interfaces.sort_by_key(|interface| interface.sw_if_index != interface.sup_sw_if_index);
}

/// Applies the rules to the existing interfaces, when VPP starts.
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
        let mut interfaces = Interface::all(main);
        sort(&mut interfaces);
        for interface in interfaces {
            on_interface_added(control, &mut main.barrier(), &interface);
        }
        Ok(())
    })
}

/// Applies the rules to an interface that was added.
pub(super) fn on_interface_added(
    control: &mut Control,
    barrier: &mut Barrier,
    interface: &Interface,
) {
    let main = barrier.main();
    if state::workers(barrier).any(|worker| worker.flows.metering().is_none()) {
        // `apply_rules` does this when the tables have been created.
        return;
    }
    let name = interface.name(main);
    let rules = control.interfaces.rules().to_vec();
    for (pattern, selection) in rules {
        if !matches(&pattern, &name) {
            continue;
        }
        let observed = places(control, main, interface, selection).and_then(|places| {
            let places = uncovered(control, interface, places);
            enable_places(control, barrier, interface, places)
        });
        if let Err(refusal) = observed {
            let line = format!("interface {pattern}: {}", String::from(refusal));
            control.log.warning(main, &line);
        }
    }
    if !control.interfaces.metered().is_empty() {
        exporting::interfaces_changed(control, main);
    }
}

/// Ends the flows of an interface that was removed. VPP has disabled its features.
pub(super) fn on_interface_removed(control: &mut Control, barrier: &mut Barrier, sw_if_index: u32) {
    control.interfaces.members_mut().remove(&sw_if_index);
    let _ = set_members(control, barrier, sw_if_index, &BTreeSet::new());
    remove_places(control, barrier, sw_if_index, Place::ALL);
    // Packets that it sent may have been metered at l2 tx of its parent.
    let interface = Interface::find(barrier.main(), sw_if_index);
    if interface.is_some_and(|interface| is_covered(control, &interface)) {
        end_flows(barrier, sw_if_index, Direction::Egress);
    }
}

/// Called after each API message and command, which may have added or removed members of bonds, or
/// disabled features of interfaces that left a bridge.
pub(super) fn on_request(control: &mut Control, main: Main) {
    let interfaces = &control.interfaces;
    let followed = interfaces.followed().iter().copied();
    let changed: Vec<_> = followed
        .filter(|&(sw_if_index, place)| match place {
            Place::InputBond => {
                let members = bond_members(main, sw_if_index);
                !members.iter().eq(metered_members(interfaces, sw_if_index))
            }
            _ => !has_bridged_arcs(main, sw_if_index, is_output(place)),
        })
        .collect();
    if changed.is_empty() {
        return;
    }
    let barrier = &mut main.barrier();
    for (sw_if_index, place) in changed {
        if place == Place::InputBond {
            let members = bond_members(main, sw_if_index);
            if let Err(refusal) = set_members(control, barrier, sw_if_index, &members) {
                control.log.warning(main, &String::from(refusal));
            }
        } else {
            restore_bridged_arcs(barrier, sw_if_index, is_output(place));
        }
    }
}

fn is_output(place: Place) -> bool {
    place.direction() == Direction::Egress
}

/// The members that are metered for a bond.
fn metered_members(interfaces: &Interfaces, bond: u32) -> impl Iterator<Item = &u32> {
    let members = interfaces.members().iter();
    members
        .filter(move |(_, of)| **of == bond)
        .map(|(member, _)| member)
}

/// The places at which to meter an interface, or why it cannot be metered.
fn places(
    control: &Control,
    main: Main,
    interface: &Interface,
    selection: Selection,
) -> Result<Vec<Place>, Refusal> {
    let name = interface.name(main);
    if control.recording.is_enabled() {
        let line = format!(
            "{name}: interfaces are metered by flowprobe's commands or API: disable them first, \
             see `show flowprobe feature`"
        );
        return Err(Refusal::new(RefusalKind::Conflict, line));
    }
    if let Some(side) = selection.missing(interface.kind) {
        let (side, verb) = match side {
            Side::Rx => (" rx", "receives"),
            Side::Tx => (" tx", "sends"),
            Side::Both => ("", "has"),
        };
        let line = format!("l2{side}: {name} {verb} no Ethernet frames: expected ip4, ip6 or all");
        return Err(Refusal::new(RefusalKind::NotEthernet, line));
    }
    let places = selection.places(interface.kind);
    let variant = selection.variant.name();
    if let Some(known) = control.interfaces.conflict(interface.sw_if_index, &places) {
        let line = format!(
            "{variant}: {name} is already metered at {} {}, and packets would be counted twice: \
             disable that first",
            known.layer().name(),
            known.side()
        );
        return Err(Refusal::new(RefusalKind::Conflict, line));
    }
    Ok(places)
}

/// Refuses places where packets that a sub-interface sends would be counted twice: there, and at l2
/// tx of its parent.
fn check_sub_interfaces(
    control: &Control,
    main: Main,
    interface: &Interface,
    places: &[Place],
) -> Result<(), Refusal> {
    let covers = |parent: &str, child: &str| {
        let line = format!(
            "l2 tx of {parent} includes what {child} sends, and packets would be counted twice: \
             disable one of them first"
        );
        Err(Refusal::new(RefusalKind::Conflict, line))
    };
    if places.iter().copied().any(is_output) && is_covered(control, interface) {
        let parent = name(main, interface.sup_sw_if_index);
        return covers(&parent, &interface.name(main));
    }
    if places.contains(&Place::OutputL2) {
        let metered = control.interfaces.metered();
        let sends = |child: &u32| {
            let places = metered.get(child);
            places.is_some_and(|places| places.iter().copied().any(is_output))
        };
        let mut children = sub_interfaces(main, interface.sw_if_index).into_iter();
        if let Some(child) = children.find(sends) {
            return covers(&interface.name(main), &name(main, child));
        }
    }
    Ok(())
}

/// Whether an interface is a sub-interface whose parent is metered at l2 tx.
fn is_covered(control: &Control, interface: &Interface) -> bool {
    let parent = interface.sup_sw_if_index;
    let interfaces = &control.interfaces;
    parent != interface.sw_if_index && interfaces.is_metered_at(parent, Place::OutputL2)
}

/// The places without those that the parent's l2 tx covers.
fn uncovered(control: &Control, interface: &Interface, mut places: Vec<Place>) -> Vec<Place> {
    if is_covered(control, interface) {
        places.retain(|place| !is_output(*place));
    }
    places
}

/// Meters an interface at all of these places, or at none on failure. Workers must have tables.
fn enable_places(
    control: &mut Control,
    barrier: &mut Barrier,
    interface: &Interface,
    places: Vec<Place>,
) -> Result<(), Refusal> {
    let main = barrier.main();
    check_sub_interfaces(control, main, interface, &places)?;
    let sw_if_index = interface.sw_if_index;
    let new = control.interfaces.add(sw_if_index, places);
    if let Err(why) = set_features(control, barrier, &new, sw_if_index, true) {
        let _ = set_features(control, barrier, &new, sw_if_index, false);
        remove_places(control, barrier, sw_if_index, &new);
        return Err(why);
    }
    exporting::interfaces_changed(control, main);
    main.signal(control.nodes.process);
    Ok(())
}

/// Stops metering an interface at the selected places and ends its flows. Returns whether it was
/// metered at any of them.
fn disable_places(
    control: &mut Control,
    barrier: &mut Barrier,
    interface: &Interface,
    selection: Selection,
) -> Result<bool, Refusal> {
    let sw_if_index = interface.sw_if_index;
    let Some(metered) = control.interfaces.metered().get(&sw_if_index) else {
        return Ok(false);
    };
    let metered = metered.iter().copied();
    let places: Vec<_> = metered.filter(|place| selection.has(*place)).collect();
    set_features(control, barrier, &places, sw_if_index, false)?;
    remove_places(control, barrier, sw_if_index, &places);
    if places.contains(&Place::OutputL2) {
        for child in sub_interfaces(barrier.main(), sw_if_index) {
            end_flows(barrier, child, Direction::Egress);
        }
    }
    Ok(!places.is_empty())
}

/// Removes places of an interface, and ends its flows.
fn remove_places(control: &mut Control, barrier: &mut Barrier, sw_if_index: u32, places: &[Place]) {
    if !control.interfaces.remove(sw_if_index, places) {
        return;
    }
    let ends = |direction: &Direction| places.iter().any(|place| place.direction() == *direction);
    let directions = [Direction::Ingress, Direction::Egress];
    for direction in directions.into_iter().filter(ends) {
        end_flows(barrier, sw_if_index, direction);
    }
}

/// Ends the flows of an interface in one direction.
fn end_flows(barrier: &mut Barrier, sw_if_index: u32, direction: Direction) {
    for mut worker in state::workers(barrier) {
        worker.flows.end_interface(sw_if_index, direction);
    }
}

/// Enables or disables the nodes of these places on an interface.
fn set_features(
    control: &mut Control,
    barrier: &mut Barrier,
    places: &[Place],
    sw_if_index: u32,
    enable: bool,
) -> Result<(), Refusal> {
    let main = barrier.main();
    for place in places {
        if *place == Place::InputBond {
            let members = if enable {
                bond_members(main, sw_if_index)
            } else {
                BTreeSet::new()
            };
            set_members(control, barrier, sw_if_index, &members)?;
            continue;
        }
        set_arcs(barrier, *place, sw_if_index, enable)?;
    }
    Ok(())
}

/// Meters the frames of exactly these interfaces for a bond.
fn set_members(
    control: &mut Control,
    barrier: &mut Barrier,
    bond: u32,
    members: &BTreeSet<u32>,
) -> Result<(), Refusal> {
    let main = barrier.main();
    let before: BTreeSet<_> = metered_members(&control.interfaces, bond)
        .copied()
        .collect();
    for member in before.symmetric_difference(members) {
        let enable = members.contains(member);
        set_arcs(barrier, Place::InputBond, *member, enable)?;
        if enable {
            control.interfaces.members_mut().insert(*member, bond);
        } else {
            control.interfaces.members_mut().remove(member);
        }
        if let Some(interface) = Interface::find(main, *member) {
            state::set_point(barrier, &interface);
        }
    }
    Ok(())
}

fn set_arcs(
    barrier: &Barrier,
    place: Place,
    sw_if_index: u32,
    enable: bool,
) -> Result<(), Refusal> {
    for arc in place.arcs() {
        set_feature(barrier, arc.name, place.node(), sw_if_index, enable)?;
    }
    Ok(())
}
