// SPDX-License-Identifier: Apache-2.0
//! Which interfaces are metered, and at which places.
//!
//! An interface's kind decides which places see all of its packets. In one direction of an
//! interface, packets are observed either where all of them pass, or where they are routed or
//! bridged, never both: no packet is counted twice. A rule is a pattern with `*` that also applies
//! to interfaces that are added later.

use std::collections::{BTreeMap, BTreeSet};

use flowmeter::metering::Family;
use flowmeter::observation::Direction;

use crate::dataplane::place::{Layer, Place};
use crate::ffi::interface::Kind;

/// Which of an interface's packets are metered, as a user sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Ip4,
    Ip6,
    L2,
    /// Every packet.
    All,
}

impl Variant {
    /// In the order of their numbers in API messages.
    pub(crate) const BY_NUMBER: [Self; 4] = [Self::All, Self::Ip4, Self::Ip6, Self::L2];

    /// The families whose full tables are made at once; others are made when their packets come.
    pub(super) const fn families(self) -> &'static [Family] {
        match self {
            Self::Ip4 | Self::All => &[Family::Ipv4],
            Self::Ip6 => &[Family::Ipv6],
            Self::L2 => &[Family::Ipv4, Family::L2],
        }
    }

    /// The name in commands.
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
    /// In the order of their numbers in API messages.
    pub(crate) const BY_NUMBER: [Self; 3] = [Self::Rx, Self::Tx, Self::Both];

    /// Whether packets of this direction are included.
    pub(crate) const fn has(self, direction: Direction) -> bool {
        match self {
            Self::Rx => matches!(direction, Direction::Ingress),
            Self::Tx => matches!(direction, Direction::Egress),
            Self::Both => true,
        }
    }

    /// The name in commands.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rx => "rx",
            Self::Tx => "tx",
            Self::Both => "both",
        }
    }
}

/// Directions, as a user sets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Rx,
    Tx,
    Both,
}

/// What to meter on an interface, as a user sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) variant: Variant,
    pub(crate) side: Side,
}

/// The metered interfaces, and the rules.
#[derive(Default)]
pub(crate) struct Interfaces {
    metered: BTreeMap<u32, BTreeSet<Place>>,
    /// For each member that is metered for its bond: the bond, by the member's index.
    members: BTreeMap<u32, u32>,
    /// Places whose features VPP may change.
    followed: BTreeSet<(u32, Place)>,
    rules: Vec<(String, Selection)>,
}

impl Kind {
    /// The places that see all of an interface's frames.
    const fn frames(self) -> &'static [Place] {
        match self {
            Self::Device => &[Place::InputL2, Place::OutputL2],
            Self::Bond => &[Place::InputBond, Place::OutputL2],
            // A loopback receives only packets.
            Self::Loop => &[Place::OutputL2],
            Self::Logical => &[Place::InputBridged, Place::OutputBridged],
            Self::Ip => &[],
        }
    }

    /// Whether the places for frames see all packets in this direction.
    const fn is_wired(self, direction: Direction) -> bool {
        match self {
            Self::Device | Self::Bond => true,
            Self::Loop => matches!(direction, Direction::Egress),
            Self::Logical | Self::Ip => false,
        }
    }
}

impl Selection {
    /// The selected places on an interface of this kind.
    pub(super) fn places(self, kind: Kind) -> Vec<Place> {
        let places = Place::ALL.iter().copied();
        places
            .filter(|place| self.has(*place))
            .filter(|place| {
                if place.is_l2() {
                    kind.frames().contains(place)
                } else {
                    self.variant != Variant::All || !kind.is_wired(place.direction())
                }
            })
            .collect()
    }

    /// If frames are selected: the selected directions in which an interface of this kind has none.
    pub(super) fn missing(self, kind: Kind) -> Option<Side> {
        let has = |direction| {
            let mut places = kind.frames().iter();
            !self.side.has(direction) || places.any(|place| place.direction() == direction)
        };
        match (has(Direction::Ingress), has(Direction::Egress)) {
            _ if self.variant != Variant::L2 => None,
            (true, true) => None,
            (false, true) => Some(Side::Rx),
            (true, false) => Some(Side::Tx),
            (false, false) => Some(Side::Both),
        }
    }

    /// Whether a place is selected, on interfaces that have it.
    pub(super) fn has(self, place: Place) -> bool {
        let variant = match self.variant {
            Variant::Ip4 => place.layer() == Layer::Ip4,
            Variant::Ip6 => place.layer() == Layer::Ip6,
            Variant::L2 => place.is_l2(),
            Variant::All => true,
        };
        variant && self.side.has(place.direction())
    }
}

impl Interfaces {
    /// The places of each metered interface, by its index.
    pub(crate) fn metered(&self) -> &BTreeMap<u32, BTreeSet<Place>> {
        &self.metered
    }

    /// The rules, in the order in which they were added.
    pub(crate) fn rules(&self) -> &[(String, Selection)] {
        &self.rules
    }

    /// Adds places of an interface, and returns those that are new.
    pub(super) fn add(&mut self, sw_if_index: u32, places: Vec<Place>) -> Vec<Place> {
        if places.is_empty() {
            return places;
        }
        let metered = self.metered.entry(sw_if_index).or_default();
        let new: Vec<_> = places
            .into_iter()
            .filter(|place| metered.insert(*place))
            .collect();
        let followed = new.iter().filter(|place| place.is_followed());
        self.followed
            .extend(followed.map(|place| (sw_if_index, *place)));
        new
    }

    /// Removes places of an interface. Returns `false` if it has none.
    pub(super) fn remove(&mut self, sw_if_index: u32, places: &[Place]) -> bool {
        let Some(metered) = self.metered.get_mut(&sw_if_index) else {
            return false;
        };
        metered.retain(|place| !places.contains(place));
        for place in places {
            self.followed.remove(&(sw_if_index, *place));
        }
        if metered.is_empty() {
            self.metered.remove(&sw_if_index);
        }
        true
    }

    /// Adds a rule, or replaces the one with the same pattern.
    pub(crate) fn add_rule(&mut self, pattern: &str, selection: Selection) {
        self.rules.retain(|(known, _)| known != pattern);
        self.rules.push((pattern.to_owned(), selection));
    }

    /// Removes a rule. Returns `false` if there is none.
    pub(crate) fn remove_rule(&mut self, pattern: &str) -> bool {
        let before = self.rules.len();
        self.rules.retain(|(known, _)| known != pattern);
        self.rules.len() != before
    }

    /// A place at which the interface is already metered and whose packets would be counted again
    /// at one of `places`.
    pub(super) fn conflict(&self, sw_if_index: u32, places: &[Place]) -> Option<Place> {
        let metered = self.metered.get(&sw_if_index)?;
        metered.iter().copied().find(|known| {
            places.iter().any(|place| {
                place.direction() == known.direction() && place.is_wire() != known.is_wire()
            })
        })
    }

    /// Whether an interface is metered at a place.
    pub(super) fn is_metered_at(&self, sw_if_index: u32, place: Place) -> bool {
        let metered = self.metered.get(&sw_if_index);
        metered.is_some_and(|places| places.contains(&place))
    }

    /// The bond that each member is metered for, by the member's index.
    pub(super) fn members(&self) -> &BTreeMap<u32, u32> {
        &self.members
    }

    /// Mutable access to [`Self::members`].
    pub(super) fn members_mut(&mut self) -> &mut BTreeMap<u32, u32> {
        &mut self.members
    }

    /// Interfaces and places whose features VPP may change.
    pub(super) fn followed(&self) -> &BTreeSet<(u32, Place)> {
        &self.followed
    }
}

/// Whether a word is a pattern, not the name of an interface.
pub(crate) fn is_pattern(word: &str) -> bool {
    word.contains('*')
}

/// Whether `name` matches `pattern`, in which `*` stands for any number of characters.
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
