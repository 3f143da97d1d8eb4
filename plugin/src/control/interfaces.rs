// SPDX-License-Identifier: Apache-2.0
//! Which interfaces are metered, and where.
//!
//! On one interface and in one direction packets are observed either as frames (l2) or as what
//! is routed (ip4, ip6), never both: no packet is counted twice. A rule, an interface's name
//! with `*` in it, also holds for interfaces that come later.

use std::collections::{BTreeMap, BTreeSet};

use flowmeter::metering::Family;
use flowmeter::observation::Direction;

use crate::dataplane::place::{Layer, Place};
use crate::ffi::interface::Interface;

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

    /// The families whose full tables it needs at once; those of others are made when they come.
    pub(super) const fn families(self) -> &'static [Family] {
        match self {
            Self::Ip4 | Self::All => &[Family::Ipv4],
            Self::Ip6 => &[Family::Ipv6],
            Self::L2 => &[Family::Ipv4, Family::L2],
        }
    }

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

/// What a user selects of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) variant: Variant,
    pub(crate) side: Side,
}

/// See the file.
#[derive(Default)]
pub(crate) struct Interfaces {
    metered: BTreeMap<u32, BTreeSet<Place>>,
    rules: Vec<(String, Selection)>,
}

impl Selection {
    /// The places that it selects on `interface`.
    pub(super) fn places(self, interface: &Interface) -> Vec<Place> {
        let frames = interface.is_hardware && interface.is_ethernet;
        let variant = |place: &Place| match self.variant {
            Variant::Ip4 => place.layer() == Layer::Ip4,
            Variant::Ip6 => place.layer() == Layer::Ip6,
            Variant::L2 => place.is_l2(),
            Variant::All => place.is_l2() == frames,
        };
        let side = |place: &Place| self.side.has(place.direction());
        Place::ALL
            .iter()
            .copied()
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
    pub(crate) fn rules(&self) -> &[(String, Selection)] {
        &self.rules
    }

    /// Adds places of an interface; tells those that are new.
    pub(super) fn add(&mut self, sw_if_index: u32, places: Vec<Place>) -> Vec<Place> {
        let metered = self.metered.entry(sw_if_index).or_default();
        places
            .into_iter()
            .filter(|place| metered.insert(*place))
            .collect()
    }

    /// Removes places of an interface; `false` where it has none.
    pub(super) fn remove(&mut self, sw_if_index: u32, places: &[Place]) -> bool {
        let Some(metered) = self.metered.get_mut(&sw_if_index) else {
            return false;
        };
        metered.retain(|place| !places.contains(place));
        if metered.is_empty() {
            self.metered.remove(&sw_if_index);
        }
        true
    }

    /// Adds a rule, or changes it.
    pub(crate) fn add_rule(&mut self, pattern: &str, selection: Selection) {
        self.rules.retain(|(known, _)| known != pattern);
        self.rules.push((pattern.to_owned(), selection));
    }

    /// Removes a rule; `false` where there is none.
    pub(crate) fn remove_rule(&mut self, pattern: &str) -> bool {
        let before = self.rules.len();
        self.rules.retain(|(known, _)| known != pattern);
        self.rules.len() != before
    }

    /// Why places can't be added to those at which an interface is metered already.
    pub(super) fn conflict(&self, sw_if_index: u32, places: &[Place]) -> Option<Place> {
        let metered = self.metered.get(&sw_if_index)?;
        metered.iter().copied().find(|known| {
            places.iter().any(|place| {
                place.direction() == known.direction() && place.is_l2() != known.is_l2()
            })
        })
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
