// SPDX-License-Identifier: Apache-2.0
//! The places where packets are observed: feature arcs, each with an observing node.
//!
//! Nodes, features and their order are registered from the list below. This file also decides which
//! of a buffer's interfaces is the observation point at a place, and where the first header that
//! the engine reads begins.

use core::ffi::CStr;

use flowmeter::observation::{Direction, LinkType, ObservationPoint, VrfIds};

use super::order::Order;
use crate::ffi::frame::Buffer;

/// The packets that are observed at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// Routed IPv4 packets.
    Ip4,
    /// Routed IPv6 packets.
    Ip6,
    /// Ethernet frames.
    L2,
}

impl Layer {
    /// The layer's name in commands.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ip4 => "ip4",
            Self::Ip6 => "ip6",
            Self::L2 => "l2",
        }
    }
}

/// A feature arc of a place, and the position of the place's nodes on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arc {
    pub(crate) name: &'static CStr,
    pub(crate) order: Order,
}

/// Calls a macro with the names of all places, in order.
macro_rules! each_place {
    ($with:ident) => {
        $with! {
            InputIp4, InputIp6, InputL2, InputBond, InputBridged,
            OutputIp4, OutputIp6, OutputL2, OutputBridged,
        }
    };
}

pub(crate) use each_place;

/// Defines the places.
macro_rules! places {
    ($($(#[doc = $doc:literal])+ $place:ident {
        layer: $layer:ident,
        direction: $direction:ident,
        node: $node:literal,
        recording_node: $recording_node:expr,
        arcs: [$($arc:literal: $order:expr,)+],
    })+) => {
        /// A place.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub(crate) enum Place {
            $($(#[doc = $doc])+ $place,)+
        }

        impl Place {
            /// All places, in order.
            pub(crate) const ALL: &[Self] = &[$(Self::$place,)+];

            /// The packets that are observed there.
            pub(crate) const fn layer(self) -> Layer {
                match self { $(Self::$place => Layer::$layer,)+ }
            }

            /// The direction of the packets.
            pub(crate) const fn direction(self) -> Direction {
                match self { $(Self::$place => Direction::$direction,)+ }
            }

            /// The place's node.
            pub(crate) const fn node(self) -> &'static CStr {
                match self { $(Self::$place => $node,)+ }
            }

            /// The place's node for recorded flows, on the same arcs, if flowprobe has one there.
            pub(crate) const fn recording_node(self) -> Option<&'static CStr> {
                match self { $(Self::$place => $recording_node,)+ }
            }

            /// The arcs that the place's nodes are features of.
            pub(crate) const fn arcs(self) -> &'static [Arc] {
                match self {
                    $(Self::$place => &[$(Arc { name: $arc, order: $order }),+],)+
                }
            }
        }

        $(
            $(#[doc = $doc])+
            #[derive(Clone, Copy)]
            pub(crate) struct $place;

            impl Observe for $place {
                const PLACE: Place = Place::$place;
            }
        )+
    };
}

places! {
    /// Received IPv4 packets that are routed.
    InputIp4 {
        layer: Ip4,
        direction: Ingress,
        node: c"flowmeter-input-ip4",
        recording_node: Some(c"flowmeter-record-input-ip4"),
        arcs: [
            c"ip4-unicast": Order::First,
            c"ip4-multicast": Order::First,
        ],
    }
    /// Received IPv6 packets that are routed.
    InputIp6 {
        layer: Ip6,
        direction: Ingress,
        node: c"flowmeter-input-ip6",
        recording_node: Some(c"flowmeter-record-input-ip6"),
        arcs: [
            c"ip6-unicast": Order::First,
            c"ip6-multicast": Order::First,
        ],
    }
    /// Frames that a driver receives. Each driver uses one of the arcs.
    InputL2 {
        layer: L2,
        direction: Ingress,
        node: c"flowmeter-input-l2",
        recording_node: Some(c"flowmeter-record-input-l2"),
        arcs: [
            c"device-input": Order::First,
            c"port-rx-eth": Order::First,
        ],
    }
    /// Frames that a bond's members receive. The features are enabled on the members.
    InputBond {
        layer: L2,
        direction: Ingress,
        node: c"flowmeter-input-bond",
        recording_node: None,
        arcs: [
            c"device-input": Order::Between(c"bond-input", c"ethernet-input"),
            c"port-rx-eth": Order::Between(c"bond-input", c"ethernet-input"),
        ],
    }
    /// Frames that enter a bridge or a cross-connect.
    InputBridged {
        layer: L2,
        direction: Ingress,
        node: c"flowmeter-input-bridged",
        recording_node: None,
        arcs: [
            c"l2-input-ip4": Order::First,
            c"l2-input-ip6": Order::First,
            c"l2-input-nonip": Order::First,
        ],
    }
    /// Routed IPv4 packets that are sent.
    OutputIp4 {
        layer: Ip4,
        direction: Egress,
        node: c"flowmeter-output-ip4",
        recording_node: Some(c"flowmeter-record-output-ip4"),
        arcs: [
            c"ip4-output": Order::LastBefore(&[
                c"gso-ip4",
                c"ipsec4-output-feature",
                c"interface-output",
            ]),
        ],
    }
    /// Routed IPv6 packets that are sent.
    OutputIp6 {
        layer: Ip6,
        direction: Egress,
        node: c"flowmeter-output-ip6",
        recording_node: Some(c"flowmeter-record-output-ip6"),
        arcs: [
            c"ip6-output": Order::LastBefore(&[
                c"gso-ip6",
                c"ipsec6-output-feature",
                c"interface-output",
            ]),
        ],
    }
    /// Frames that are sent.
    OutputL2 {
        layer: L2,
        direction: Egress,
        node: c"flowmeter-output-l2",
        recording_node: Some(c"flowmeter-record-output-l2"),
        arcs: [
            c"interface-output": Order::LastBefore(&[c"interface-output-arc-end"]),
        ],
    }
    /// Frames that leave a bridge or a cross-connect.
    OutputBridged {
        layer: L2,
        direction: Egress,
        node: c"flowmeter-output-bridged",
        recording_node: None,
        arcs: [
            c"l2-output-ip4": Order::LastBefore(&[c"gso-l2-ip4", c"l2-output-feat-arc-end"]),
            c"l2-output-ip6": Order::LastBefore(&[c"gso-l2-ip6", c"l2-output-feat-arc-end"]),
            c"l2-output-nonip": Order::LastBefore(&[c"gso-l2-nonip", c"l2-output-feat-arc-end"]),
        ],
    }
}

impl Place {
    /// The direction's name in commands.
    pub(crate) const fn side(self) -> &'static str {
        match self.direction() {
            Direction::Ingress => "rx",
            Direction::Egress => "tx",
        }
    }

    /// Whether frames are observed there, not routed packets.
    pub(crate) const fn is_l2(self) -> bool {
        matches!(self.layer(), Layer::L2)
    }

    /// Whether all packets of an interface pass this place, not only routed or bridged ones.
    pub(crate) const fn is_wire(self) -> bool {
        matches!(self, Self::InputL2 | Self::InputBond | Self::OutputL2)
    }

    /// Whether VPP may change what is enabled there: a bond's members change, and an interface that
    /// leaves a bridge loses its features.
    pub(crate) const fn is_followed(self) -> bool {
        matches!(
            self,
            Self::InputBond | Self::InputBridged | Self::OutputBridged
        )
    }

    /// The link type of the packets.
    pub(crate) const fn link_type(self) -> LinkType {
        if self.is_l2() {
            LinkType::Ethernet
        } else {
            LinkType::RawIp
        }
    }

    /// How many octets hold the usual headers up to TCP's flags, including one VLAN tag, if the
    /// first header is at the start of a buffer's data.
    pub(crate) const fn head(self) -> usize {
        match (self.layer(), self.direction()) {
            // The rewrite has put a link-layer header before the IP header.
            (Layer::Ip4 | Layer::Ip6, Direction::Egress) => usize::MAX,
            (Layer::Ip4, _) => 20 + 14,
            (Layer::Ip6, _) => 40 + 14,
            (Layer::L2, _) => 18 + 40 + 14,
        }
    }
}

/// A place as a type, for the code of its node.
pub(crate) trait Observe: Copy {
    /// The place.
    const PLACE: Place;
}

/// What all packets of an interface have in common.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Point {
    /// The ids of the FIB tables of its IPv4 and IPv6 packets.
    pub(crate) tables: VrfIds,
    /// The `sw_if_index` of the bond that it is a member of; its own if it is not a member.
    pub(crate) bond_sw_if_index: u32,
    /// The VLAN id of a sub-interface, for packets whose tag was removed.
    pub(crate) vlan: u16,
}

/// A point for each interface. Written only under the barrier.
#[derive(Default)]
pub(crate) struct Points(Vec<Point>);

impl Points {
    /// Sets the point of one interface.
    pub(crate) fn set(&mut self, sw_if_index: u32, point: Point) {
        let index = sw_if_index as usize;
        if self.0.len() <= index {
            self.0.resize(index + 1, Point::default());
        }
        self.0[index] = point;
    }

    /// The point of an interface. Every interface that VPP has announced has one.
    #[inline(always)]
    pub(crate) fn of(&self, sw_if_index: u32) -> Point {
        let point = self.0.get(sw_if_index as usize);
        point.copied().unwrap_or_default()
    }
}

/// The observation point of a packet at `O`.
#[inline(always)]
pub(crate) fn point<O: Observe>(points: &Points, buffer: Buffer<'_>) -> ObservationPoint {
    let [rx, tx] = [buffer.rx_sw_if_index(), buffer.tx_sw_if_index()];
    let from = points.of(rx);
    let (to, ingress_interface, egress_interface) = match O::PLACE.direction() {
        // Frames that a bond leaves to its members, such as LACP, count as the bond's.
        Direction::Ingress if matches!(O::PLACE, Place::InputBond) => {
            (Point::default(), from.bond_sw_if_index, 0)
        }
        Direction::Ingress => (Point::default(), rx, 0),
        // Packets that VPP generates have no rx interface.
        Direction::Egress => (points.of(tx), if rx == u32::MAX { 0 } else { rx }, tx),
    };
    ObservationPoint {
        ingress_interface,
        egress_interface,
        ingress_vrf: from.tables,
        egress_vrf: to.tables,
        vlan: match (O::PLACE.layer(), O::PLACE.direction()) {
            // A frame still has its tag.
            (Layer::L2, _) => 0,
            (_, Direction::Ingress) => from.vlan,
            (_, Direction::Egress) => to.vlan,
        },
        direction: O::PLACE.direction(),
        link_type: O::PLACE.link_type(),
    }
}

/// The offset of the first header, of type `link_type`, in a buffer's data.
#[inline(always)]
pub(crate) fn offset<O: Observe>(buffer: Buffer<'_>) -> usize {
    match (O::PLACE.layer(), O::PLACE.direction()) {
        // Routing has put the link layer's header before it.
        (Layer::Ip4 | Layer::Ip6, Direction::Egress) => buffer.rewrite_length(),
        _ => 0,
    }
}
