// SPDX-License-Identifier: Apache-2.0
//! What flowprobe's clients ask for: parameters, and interfaces on which flows are recorded.
//!
//! A request is checked whole before it changes anything. Parameters stay as they are while
//! any interface is enabled, so all flows of one time are recorded alike.

use std::collections::BTreeMap;

use flowmeter::metering::{Layers, Layout, Recorded, Timeouts};

use crate::control::interfaces::Side;

/// What of an interface's packets is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Variant {
    Ip4,
    Ip6,
    L2,
}

/// Why a request is not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A number that stands for nothing.
    InvalidValue,
    /// There is no such interface, or it has no frames.
    InvalidInterface,
    /// It was not said which layers to record.
    NothingToRecord,
    /// It is enabled already.
    Enabled,
    /// The interface is enabled for frames or for routed packets, and this is the other.
    EnabledOtherwise,
    /// It is not enabled.
    NotEnabled,
    /// Interfaces are enabled, so parameters can't change.
    InUse,
    /// `flowmeter interface` meters; or there is no memory. The log has more.
    Unavailable,
}

/// When flows expire: as flowprobe has it, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timers {
    /// 0: every packet leaves a record at once.
    pub(crate) active: u32,
    /// 0: never.
    pub(crate) passive: u32,
}

impl Timers {
    /// The same for the engine; `None` where every packet leaves a record.
    pub(crate) fn timeouts(self) -> Option<Timeouts> {
        let milliseconds = |seconds: u32| match seconds {
            0 => Timeouts::MAX_MILLIS,
            seconds => seconds.saturating_mul(1000),
        };
        (self.active > 0)
            .then(|| Timeouts::from_millis(milliseconds(self.active), milliseconds(self.passive)))
    }
}

/// The parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) layers: Layers,
    pub(crate) timers: Timers,
}

/// Unless set otherwise.
const DEFAULT: Timers = Timers {
    active: 15,
    passive: 120,
};

/// A timer in a request that asks for the default.
pub(crate) const DEFAULT_TIMER: u32 = u32::MAX;

/// The main thread's part.
pub(crate) struct RecordingState {
    pub(crate) parameters: Parameters,
    /// The direction of each interface and variant.
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
    /// Whether flows are recorded anywhere.
    pub(crate) fn is_enabled(&self) -> bool {
        !self.interfaces.is_empty()
    }

    /// The layouts that records of the interfaces may have.
    pub(crate) fn layouts(&self) -> impl Iterator<Item = Layout> {
        let variants = self.interfaces.keys().map(|(_, variant)| *variant);
        variants.flat_map(|variant| self.layouts_of(variant))
    }

    /// The layouts that records of an interface's variant may have.
    pub(crate) fn layouts_of(&self, variant: Variant) -> impl Iterator<Item = Layout> + use<> {
        use Recorded::{Frame, Ipv4, Ipv6};
        let layers = self.parameters.layers;
        let recorded: &[Recorded] = match variant {
            Variant::Ip4 => &[Ipv4],
            Variant::Ip6 => &[Ipv6],
            Variant::L2 if layers == Layers::L2 => &[Frame],
            Variant::L2 if layers.has(Layers::L2) => &[Frame, Ipv4, Ipv6],
            Variant::L2 => &[Ipv4, Ipv6],
        };
        let layouts = recorded.iter();
        layouts.map(move |recorded| Layout::new(layers, *recorded))
    }
}

impl Parameters {
    /// What is recorded, and timers as they stand in a request.
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

/// Whether a client that checks may set these timers; as they stand in the request.
pub(crate) fn are_in_order(active: u32, passive: u32) -> bool {
    passive == 0 || active <= passive
}
