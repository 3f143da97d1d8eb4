// SPDX-License-Identifier: Apache-2.0
//! The settings of flowprobe's clients: parameters, and interfaces on which flows are recorded.
//!
//! A request is checked completely before it changes anything. Parameters cannot change while an
//! interface is enabled, so all live flows are recorded with the same parameters.

use std::collections::BTreeMap;

use flowmeter::metering::{Layers, Layout, LayoutKind, Timeouts};

use crate::control::interfaces::Side;

/// Which of an interface's packets are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Variant {
    Ip4,
    Ip6,
    L2,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A number has no meaning.
    InvalidValue,
    /// There is no such interface, or it has no frames.
    InvalidInterface,
    /// No layers to record have been set.
    NothingToRecord,
    /// The variant is already enabled.
    Enabled,
    /// The interface is enabled for frames and the request is for routed packets, or vice versa.
    EnabledOtherwise,
    /// The variant is not enabled.
    NotEnabled,
    /// Parameters cannot change while interfaces are enabled.
    InUse,
    /// `flowmeter interface` meters interfaces, or there is not enough memory: see the log.
    Unavailable,
}

/// flowprobe's timers, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timers {
    /// 0: every packet makes a record.
    pub(crate) active: u32,
    /// 0: never.
    pub(crate) passive: u32,
}

impl Timers {
    /// The engine's timeouts. flowprobe accepts longer ones than the engine; they become the
    /// longest.
    pub(crate) fn timeouts(self) -> Timeouts {
        let milliseconds = |seconds: u32| match seconds {
            0 => Timeouts::MAX_MILLIS,
            seconds => seconds.saturating_mul(1000).min(Timeouts::MAX_MILLIS),
        };
        let (active, passive) = (milliseconds(self.active), milliseconds(self.passive));
        let timeouts = Timeouts::from_millis(active, passive).filter(|_| self.active > 0);
        timeouts.unwrap_or(Timeouts::EVERY_PACKET)
    }
}

/// The parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) layers: Layers,
    pub(crate) timers: Timers,
}

/// The default timers.
const DEFAULT: Timers = Timers {
    active: 15,
    passive: 120,
};

/// The value of a timer that selects the default in a request.
pub(crate) const DEFAULT_TIMER: u32 = u32::MAX;

/// What flowprobe's clients have set.
pub(crate) struct RecordingState {
    pub(crate) parameters: Parameters,
    /// The direction of each enabled interface and variant.
    pub(crate) interfaces: BTreeMap<(u32, Variant), Side>,
}

impl Default for RecordingState {
    fn default() -> Self {
        Self {
            parameters: Parameters {
                layers: Layers::default(),
                timers: DEFAULT,
            },
            interfaces: BTreeMap::new(),
        }
    }
}

impl RecordingState {
    /// Whether flows are recorded on any interface.
    pub(crate) fn is_enabled(&self) -> bool {
        !self.interfaces.is_empty()
    }

    /// The layouts of records of all enabled interfaces.
    pub(crate) fn layouts(&self) -> impl Iterator<Item = Layout> {
        let variants = self.interfaces.keys().map(|(_, variant)| *variant);
        variants.flat_map(|variant| self.layouts_of(variant))
    }

    /// The layouts of records of a variant.
    pub(crate) fn layouts_of(&self, variant: Variant) -> impl Iterator<Item = Layout> + use<> {
        use LayoutKind::{Frame, Ipv4, Ipv6};
        let layers = self.parameters.layers;
        let kinds: &[LayoutKind] = match variant {
            Variant::Ip4 => &[Ipv4],
            Variant::Ip6 => &[Ipv6],
            Variant::L2 if layers == Layers::L2 => &[Frame],
            Variant::L2 if layers.has(Layers::L2) => &[Frame, Ipv4, Ipv6],
            Variant::L2 => &[Ipv4, Ipv6],
        };
        let layouts = kinds.iter();
        layouts.map(move |kind| Layout::new(layers, *kind))
    }
}

impl Parameters {
    /// Parameters from a request: timers may be [`DEFAULT_TIMER`].
    pub(super) fn new(layers: Layers, active: u32, passive: u32) -> Self {
        let or_default = |timer, default| {
            if timer == DEFAULT_TIMER {
                default
            } else {
                timer
            }
        };
        Self {
            layers,
            timers: Timers {
                active: or_default(active, DEFAULT.active),
                passive: or_default(passive, DEFAULT.passive),
            },
        }
    }
}

/// Whether these timers, as in a request, are valid for clients that check them.
pub(crate) fn timers_are_valid(active: u32, passive: u32) -> bool {
    passive == 0 || active <= passive
}
