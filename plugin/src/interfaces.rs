// SPDX-License-Identifier: Apache-2.0
//! Which interfaces are metered, and where.
//!
//! On one interface and in one direction packets are observed either as frames (l2) or as what
//! is routed (ip4, ip6), never both: no packet is counted twice. A rule, an interface's name
//! with `*` in it, also holds for interfaces that come later.

use std::collections::{BTreeMap, BTreeSet};

use flowmeter::observation::Direction;

use crate::meter::{self, Meter};
use crate::place::{Place, Point};
use crate::refusal::{Refusal, Why};
use crate::vlib::interface::{Interface, set_feature};
use crate::vlib::{Barrier, Main};

/// What of an interface's packets is metered, as a user says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Ip4,
    Ip6,
    L2,
    /// Every packet: frames where the interface has them, else IPv4 and IPv6.
    All,
}

impl Variant {
    /// In the order of the numbers that messages have for them.
    pub(crate) const BY_NUMBER: [Self; 4] = [Self::All, Self::Ip4, Self::Ip6, Self::L2];

    /// What commands call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ip4 => "ip4",
            Self::Ip6 => "ip6",
            Self::L2 => "l2",
            Self::All => "all",
        }
    }
}

impl Side {
    /// In the order of the numbers that messages have for them.
    pub(crate) const BY_NUMBER: [Self; 3] = [Self::Rx, Self::Tx, Self::Both];

    /// Whether packets of this direction are meant.
    pub(crate) const fn has(self, direction: Direction) -> bool {
        match self {
            Self::Rx => matches!(direction, Direction::Ingress),
            Self::Tx => matches!(direction, Direction::Egress),
            Self::Both => true,
        }
    }

    /// What commands call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rx => "rx",
            Self::Tx => "tx",
            Self::Both => "both",
        }
    }
}

/// Directions, as a user says them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Rx,
    Tx,
    Both,
}

/// What a user wants metered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) variant: Variant,
    pub(crate) side: Side,
}

/// See the file.
#[derive(Default)]
pub(crate) struct Interfaces {
    metered: BTreeMap<u32, BTreeSet<Place>>,
    rules: Vec<(String, Wanted)>,
}

impl Wanted {
    /// The places at which it is so on `interface`.
    fn places(self, interface: &Interface) -> Vec<Place> {
        let frames = interface.is_hardware && interface.is_ethernet;
        let variant = |place: &Place| match self.variant {
            Variant::Ip4 => place.variant() == "ip4",
            Variant::Ip6 => place.variant() == "ip6",
            Variant::L2 => place.is_l2(),
            Variant::All => place.is_l2() == frames,
        };
        let side = |place: &Place| self.side.has(place.direction());
        Place::ALL
            .into_iter()
            .filter(variant)
            .filter(side)
            .collect()
    }
}

impl Interfaces {
    /// The places of each interface that is metered, by its number.
    pub(crate) fn metered(&self) -> &BTreeMap<u32, BTreeSet<Place>> {
        &self.metered
    }

    /// The rules, in the order in which they were made.
    pub(crate) fn rules(&self) -> &[(String, Wanted)] {
        &self.rules
    }

    /// Adds a rule, or changes it.
    pub(crate) fn add_rule(&mut self, pattern: &str, wanted: Wanted) {
        self.rules.retain(|(known, _)| known != pattern);
        self.rules.push((pattern.to_owned(), wanted));
    }

    /// Forgets a rule; `false` where there is none.
    pub(crate) fn remove_rule(&mut self, pattern: &str) -> bool {
        let before = self.rules.len();
        self.rules.retain(|(known, _)| known != pattern);
        self.rules.len() != before
    }

    /// Why places can't be added to those at which an interface is metered already.
    fn conflict(&self, sw_if_index: u32, places: &[Place]) -> Option<Place> {
        let metered = self.metered.get(&sw_if_index)?;
        metered.iter().copied().find(|known| {
            places.iter().any(|place| {
                place.direction() == known.direction() && place.is_l2() != known.is_l2()
            })
        })
    }
}

impl Meter {
    /// The places at which an interface is to be metered, if it can be.
    pub(crate) fn places(
        &self,
        main: Main,
        interface: &Interface,
        wanted: Wanted,
    ) -> Result<Vec<Place>, Refusal> {
        let name = interface.name(main);
        if self.flowprobe.is_enabled() {
            let line = format!(
                "{name}: interfaces are metered in flowprobe's place: disable these first, see \
                 `show flowprobe feature`"
            );
            return Err(Refusal::new(Why::Conflict, line));
        }
        let places = wanted.places(interface);
        let frames = places.iter().any(|place| place.is_l2());
        if frames && !(interface.is_hardware && interface.is_ethernet) {
            let line =
                format!("l2: {name} has no Ethernet frames of its own: expected ip4, ip6 or all");
            return Err(Refusal::new(Why::NotEthernet, line));
        }
        if let Some(known) = self.interfaces.conflict(interface.sw_if_index, &places) {
            let line = format!(
                "{}: {name} is metered at {} {} already, and packets would be counted twice: \
                 disable that first",
                if frames { "l2" } else { wanted.variant.name() },
                known.variant(),
                side(known)
            );
            return Err(Refusal::new(Why::Conflict, line));
        }
        Ok(places)
    }

    /// Meters an interface at the places that are wanted; all of it or nothing. Workers must
    /// have their tables.
    pub(crate) fn enable(
        &mut self,
        barrier: &mut Barrier,
        interface: &Interface,
        wanted: Wanted,
    ) -> Result<(), Refusal> {
        let main = barrier.main();
        let places = self.places(main, interface, wanted)?;
        self.set_points(barrier, interface);
        let sw_if_index = interface.sw_if_index;
        let metered = self.interfaces.metered.entry(sw_if_index).or_default();
        let new: Vec<_> = places
            .into_iter()
            .filter(|place| metered.insert(*place))
            .collect();
        if let Err(why) = set_features(barrier, &new, sw_if_index, true) {
            let _ = set_features(barrier, &new, sw_if_index, false);
            self.forget(barrier, sw_if_index, &new);
            return Err(why);
        }
        self.name_interfaces(main);
        main.signal(self.nodes.process);
        Ok(())
    }

    /// Meters an interface no longer at these places, and has its flows ended; tells whether it
    /// was metered at any.
    pub(crate) fn disable(
        &mut self,
        barrier: &mut Barrier,
        interface: &Interface,
        wanted: Wanted,
    ) -> Result<bool, Refusal> {
        // All that there may be, frames or not.
        let all = |place: &Place| match wanted.variant {
            Variant::All => true,
            _ => wanted.places(interface).contains(place),
        };
        let places: Vec<_> = Place::ALL
            .into_iter()
            .filter(|place| all(place) && wanted.side.has(place.direction()))
            .filter(|place| {
                let metered = self.interfaces.metered.get(&interface.sw_if_index);
                metered.is_some_and(|metered| metered.contains(place))
            })
            .collect();
        set_features(barrier, &places, interface.sw_if_index, false)?;
        self.forget(barrier, interface.sw_if_index, &places);
        Ok(!places.is_empty())
    }

    fn forget(&mut self, barrier: &mut Barrier, sw_if_index: u32, places: &[Place]) {
        let Some(metered) = self.interfaces.metered.get_mut(&sw_if_index) else {
            return;
        };
        metered.retain(|place| !places.contains(place));
        if metered.is_empty() {
            self.interfaces.metered.remove(&sw_if_index);
        }
        let directions: BTreeSet<_> = places
            .iter()
            .map(|place| place.direction() == Direction::Egress)
            .collect();
        for worker in meter::workers(barrier) {
            for egress in &directions {
                let direction = if *egress {
                    Direction::Egress
                } else {
                    Direction::Ingress
                };
                worker.end_interface(sw_if_index, direction);
            }
        }
    }

    /// An interface is there now: the rules apply to it.
    pub(crate) fn interface_came(&mut self, barrier: &mut Barrier, interface: &Interface) {
        let main = barrier.main();
        if meter::workers(barrier).any(|worker| worker.metering().is_none()) {
            // Who makes the tables comes to all interfaces then: see `apply_rules`.
            return;
        }
        let name = interface.name(main);
        let rules = self.interfaces.rules.clone();
        for (pattern, wanted) in rules {
            if !matches(&pattern, &name) {
                continue;
            }
            if let Err(refusal) = self.enable(barrier, interface, wanted) {
                let why = String::from(refusal);
                self.log
                    .warning(main, &format!("interface {pattern}: {why}"));
            }
        }
        if !self.interfaces.metered.is_empty() {
            self.set_points(barrier, interface);
            self.name_interfaces(main);
        }
    }

    /// An interface is gone, and VPP has taken its features away: its flows end.
    pub(crate) fn interface_went(&mut self, barrier: &mut Barrier, sw_if_index: u32) {
        self.forget(barrier, sw_if_index, &Place::ALL);
        self.flowprobe.interface_went(barrier, sw_if_index);
    }

    /// Something about an interface has changed that its points say.
    pub(crate) fn interface_changed(&mut self, barrier: &mut Barrier, sw_if_index: u32) {
        if !self.interfaces.metered.contains_key(&sw_if_index) {
            return;
        }
        let interfaces = Interface::all(barrier.main());
        if let Some(interface) = interfaces.iter().find(|i| i.sw_if_index == sw_if_index) {
            self.set_points(barrier, interface);
        }
    }

    /// Writes down what all packets of an interface have in common, at each place.
    pub(crate) fn set_points(&self, barrier: &mut Barrier, interface: &Interface) {
        let main = barrier.main();
        let tables = [false, true].map(|is_ip6| interface.table(main, is_ip6));
        let Some(points) = meter::points(barrier) else {
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
                table: tables[usize::from(place.variant() == "ip6")],
                // Frames bring their tag along.
                vlan: if frames { 0 } else { interface.vlan },
            };
            points.set(place, interface.sw_if_index, point);
        }
    }
}

/// Applies the rules to the interfaces that there are, when VPP starts.
pub(crate) fn apply_rules(main: Main) -> Result<(), Refusal> {
    if meter::with_meter(main, |meter| Ok(meter.interfaces.rules.is_empty()))? {
        return Ok(());
    }
    meter::activate(main)?;
    meter::with_meter(main, |meter| {
        for interface in Interface::all(main) {
            meter.interface_came(&mut main.barrier(), &interface);
        }
        Ok(())
    })
}

fn set_features(
    barrier: &Barrier,
    places: &[Place],
    sw_if_index: u32,
    enable: bool,
) -> Result<(), Refusal> {
    for place in places {
        for arc in place.arcs() {
            set_feature(barrier, arc, place.node(), sw_if_index, enable)?;
        }
    }
    Ok(())
}

/// What commands call a place's direction.
pub(crate) fn side(place: Place) -> &'static str {
    match place.direction() {
        Direction::Ingress => "rx",
        Direction::Egress => "tx",
    }
}

/// Whether a word is a rule and no interface's name.
pub(crate) fn is_pattern(word: &str) -> bool {
    word.contains('*')
}

/// Whether `name` is like `pattern`, in which `*` stands for any characters, also none.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<_> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = name.find(part) else {
            return false;
        };
        name = &name[at + part.len()..];
    }
    name.ends_with(last)
}
