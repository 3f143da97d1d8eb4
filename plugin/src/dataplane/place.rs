// SPDX-License-Identifier: Apache-2.0
//! The places where packets are observed: arcs of features, each with an observing node.
//!
//! The list below is the only one: nodes, features and their order are registered from it. It
//! also owns which of a buffer's interfaces counts at a place, and where the header begins that
//! the engine reads first.

use core::ffi::CStr;

use flowmeter::observation::{Direction, LinkType, ObservationPoint, VrfIds};

use super::order::Order;
use crate::ffi::frame::Buffer;

/// What is seen at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// Routed IPv4 packets.
    Ip4,
    /// Routed IPv6 packets.
    Ip6,
    /// Frames.
    L2,
}

impl Layer {
    /// What commands call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ip4 => "ip4",
            Self::Ip6 => "ip6",
            Self::L2 => "l2",
        }
    }
}

/// An arc that a place's nodes are features of, and where they stand on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arc {
    pub(crate) name: &'static CStr,
    pub(crate) order: Order,
}

/// Calls a macro with the names of all places, in the order of their numbers.
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
        /// A place, by number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub(crate) enum Place {
            $($(#[doc = $doc])+ $place,)+
        }

        impl Place {
            /// All, in the order of their numbers.
            pub(crate) const ALL: &[Self] = &[$(Self::$place,)+];

            /// What is seen there.
            pub(crate) const fn layer(self) -> Layer {
                match self { $(Self::$place => Layer::$layer,)+ }
            }

            /// Which way packets go.
            pub(crate) const fn direction(self) -> Direction {
                match self { $(Self::$place => Direction::$direction,)+ }
            }

            /// Its node.
            pub(crate) const fn node(self) -> &'static CStr {
                match self { $(Self::$place => $node,)+ }
            }

            /// Its node in flowprobe's place, on the same arcs, where flowprobe has one.
            pub(crate) const fn recording_node(self) -> Option<&'static CStr> {
                match self { $(Self::$place => $recording_node,)+ }
            }

            /// The arcs that its nodes are features of.
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
    /// IPv4 packets that are received and routed.
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
    /// IPv6 packets that are received and routed.
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
    /// Frames as a driver receives them. A driver uses one of the arcs.
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
    /// Frames of a bond, as its members receive them: features of the members.
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
    /// IPv4 packets that are routed out.
    OutputIp4 {
        layer: Ip4,
        direction: Egress,
        node: c"flowmeter-output-ip4",
        recording_node: Some(c"flowmeter-record-output-ip4"),
        arcs: [
            c"ip4-output": Order::LastBut(&[
                c"gso-ip4",
                c"ipsec4-output-feature",
                c"interface-output",
            ]),
        ],
    }
    /// IPv6 packets that are routed out.
    OutputIp6 {
        layer: Ip6,
        direction: Egress,
        node: c"flowmeter-output-ip6",
        recording_node: Some(c"flowmeter-record-output-ip6"),
        arcs: [
            c"ip6-output": Order::LastBut(&[
                c"gso-ip6",
                c"ipsec6-output-feature",
                c"interface-output",
            ]),
        ],
    }
    /// Frames as they are sent.
    OutputL2 {
        layer: L2,
        direction: Egress,
        node: c"flowmeter-output-l2",
        recording_node: Some(c"flowmeter-record-output-l2"),
        arcs: [
            c"interface-output": Order::LastBut(&[c"interface-output-arc-end"]),
        ],
    }
    /// Frames that leave a bridge or a cross-connect.
    OutputBridged {
        layer: L2,
        direction: Egress,
        node: c"flowmeter-output-bridged",
        recording_node: None,
        arcs: [
            c"l2-output-ip4": Order::LastBut(&[c"gso-l2-ip4", c"l2-output-feat-arc-end"]),
            c"l2-output-ip6": Order::LastBut(&[c"gso-l2-ip6", c"l2-output-feat-arc-end"]),
            c"l2-output-nonip": Order::LastBut(&[c"gso-l2-nonip", c"l2-output-feat-arc-end"]),
        ],
    }
}

impl Place {
    /// What commands call its direction.
    pub(crate) const fn side(self) -> &'static str {
        match self.direction() {
            Direction::Ingress => "rx",
            Direction::Egress => "tx",
        }
    }

    /// Whether it sees frames, and not what is routed.
    pub(crate) const fn is_l2(self) -> bool {
        matches!(self.layer(), Layer::L2)
    }

    /// Whether it sees all that passes an interface, and not only what is routed or bridged.
    pub(crate) const fn is_wire(self) -> bool {
        matches!(self, Self::InputL2 | Self::InputBond | Self::OutputL2)
    }

    /// Whether VPP forgets or changes what is enabled there: bonds' members come and go, and what
    /// leaves a bridge loses its features.
    pub(crate) const fn is_followed(self) -> bool {
        matches!(
            self,
            Self::InputBond | Self::InputBridged | Self::OutputBridged
        )
    }

    /// How its packets begin.
    pub(crate) const fn link_type(self) -> LinkType {
        if self.is_l2() {
            LinkType::Ethernet
        } else {
            LinkType::RawIp
        }
    }

    /// Octets that hold TCP's flags behind the usual headers, one VLAN tag among them, where the
    /// first header stands at the start of a buffer's data.
    pub(crate) const fn head(self) -> usize {
        match (self.layer(), self.direction()) {
            // Routing has put the link layer's header before it.
            (Layer::Ip4 | Layer::Ip6, Direction::Egress) => usize::MAX,
            (Layer::Ip4, _) => 20 + 14,
            (Layer::Ip6, _) => 40 + 14,
            (Layer::L2, _) => 18 + 40 + 14,
        }
    }
}

/// A place as the code of its node knows it.
pub(crate) trait Observe: Copy {
    /// Its number.
    const PLACE: Place;
}

/// What is the same of all packets of an interface.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Point {
    /// The ids of the tables that its IPv4 and IPv6 packets are looked up in.
    pub(crate) tables: VrfIds,
    /// The number of the bond that it is a member of; its own if it is none.
    pub(crate) bond_sw_if_index: u32,
    /// Its VLAN, where its packets have no tag any more.
    pub(crate) vlan: u16,
}

/// A point for each interface. Written only while the workers stand still.
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

    /// The point of an interface. All interfaces have one that VPP has announced.
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
        // What a bond leaves to its members, such as LACP, counts as the bond's, too.
        Direction::Ingress if matches!(O::PLACE, Place::InputBond) => {
            (Point::default(), from.bond_sw_if_index, 0)
        }
        Direction::Ingress => (Point::default(), rx, 0),
        // VPP's own packets have no interface.
        Direction::Egress => (points.of(tx), if rx == u32::MAX { 0 } else { rx }, tx),
    };
    ObservationPoint {
        ingress_interface,
        egress_interface,
        ingress_vrf: from.tables,
        egress_vrf: to.tables,
        vlan: match (O::PLACE.layer(), O::PLACE.direction()) {
            // The tag of a frame is still there.
            (Layer::L2, _) => 0,
            (_, Direction::Ingress) => from.vlan,
            (_, Direction::Egress) => to.vlan,
        },
        direction: O::PLACE.direction(),
        link_type: O::PLACE.link_type(),
    }
}

/// Where the header begins that `link_type` names.
#[inline(always)]
pub(crate) fn offset<O: Observe>(buffer: Buffer<'_>) -> usize {
    match (O::PLACE.layer(), O::PLACE.direction()) {
        // Routing has put the link layer's header before it.
        (Layer::Ip4 | Layer::Ip6, Direction::Egress) => buffer.rewrite_length(),
        _ => 0,
    }
}
