// SPDX-License-Identifier: Apache-2.0
//! The places where packets are observed: arcs of features, each with an observing node.
//!
//! The list below is the only one: nodes, features and their order are registered from it. It
//! also owns which of a buffer's interfaces counts at a place, and where the header begins that
//! the engine reads first.

use core::ffi::{CStr, c_char};

use flowmeter::observation::{Direction, LinkType, ObservationPoint};

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
    /// Features that come later, as C has lists: a null ends it.
    pub(crate) runs_before: &'static [*const c_char],
    /// Features that come earlier; likewise.
    pub(crate) runs_after: &'static [*const c_char],
}

/// Calls a macro with the names of all places, in the order of their numbers.
macro_rules! each_place {
    ($with:ident) => {
        $with! { InputIp4, InputIp6, InputL2, OutputIp4, OutputIp6, OutputL2, }
    };
}

pub(crate) use each_place;

/// Defines the places.
macro_rules! places {
    ($($(#[doc = $doc:literal])+ $place:ident {
        layer: $layer:ident,
        direction: $direction:ident,
        node: $node:literal,
        recording_node: $recording_node:literal,
        arcs: [$($arc:literal {
            before: [$($before:literal),*],
            after: [$($after:literal),*],
        },)+],
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

            /// Its node in flowprobe's place, on the same arcs.
            pub(crate) const fn recording_node(self) -> &'static CStr {
                match self { $(Self::$place => $recording_node,)+ }
            }

            /// The arcs that its nodes are features of.
            pub(crate) const fn arcs(self) -> &'static [Arc] {
                match self {
                    $(Self::$place => const {
                        &[$(Arc {
                            name: $arc,
                            runs_before: &[$($before.as_ptr(),)* core::ptr::null()],
                            runs_after: &[$($after.as_ptr(),)* core::ptr::null()],
                        }),+]
                    },)+
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
        recording_node: c"flowmeter-record-input-ip4",
        arcs: [
            c"ip4-unicast" { before: [c"ip4-inacl", c"ip4-lookup"], after: [], },
            c"ip4-multicast" { before: [c"ip4-mfib-forward-lookup"], after: [], },
        ],
    }
    /// IPv6 packets that are received and routed.
    InputIp6 {
        layer: Ip6,
        direction: Ingress,
        node: c"flowmeter-input-ip6",
        recording_node: c"flowmeter-record-input-ip6",
        arcs: [
            c"ip6-unicast" { before: [c"ip6-inacl", c"ip6-lookup"], after: [], },
            c"ip6-multicast" { before: [c"ip6-mfib-forward-lookup"], after: [], },
        ],
    }
    /// Frames as they are received.
    InputL2 {
        layer: L2,
        direction: Ingress,
        node: c"flowmeter-input-l2",
        recording_node: c"flowmeter-record-input-l2",
        arcs: [
            c"device-input" { before: [c"ethernet-input"], after: [], },
        ],
    }
    /// IPv4 packets that are routed out.
    OutputIp4 {
        layer: Ip4,
        direction: Egress,
        node: c"flowmeter-output-ip4",
        recording_node: c"flowmeter-record-output-ip4",
        arcs: [
            c"ip4-output" { before: [c"interface-output"], after: [], },
        ],
    }
    /// IPv6 packets that are routed out.
    OutputIp6 {
        layer: Ip6,
        direction: Egress,
        node: c"flowmeter-output-ip6",
        recording_node: c"flowmeter-record-output-ip6",
        arcs: [
            c"ip6-output" { before: [c"interface-output"], after: [], },
        ],
    }
    /// Frames as they are sent.
    OutputL2 {
        layer: L2,
        direction: Egress,
        node: c"flowmeter-output-l2",
        recording_node: c"flowmeter-record-output-l2",
        arcs: [
            c"interface-output" { before: [c"interface-output-arc-end"], after: [], },
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

/// What is the same of all packets that an interface has at a place.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Point {
    /// Whose number stands in records.
    pub(crate) sw_if_index: u32,
    /// The id of the table that its packets are looked up in.
    pub(crate) table: u32,
    /// Its VLAN, where its packets have no tag any more.
    pub(crate) vlan: u16,
}

/// For each place and interface a point. Written only while the workers stand still.
#[derive(Default)]
pub(crate) struct Points([Vec<Point>; Place::ALL.len()]);

impl Points {
    /// Sets the point of one interface at one place.
    pub(crate) fn set(&mut self, place: Place, sw_if_index: u32, point: Point) {
        let points = &mut self.0[place as usize];
        let index = sw_if_index as usize;
        if points.len() <= index {
            points.resize(index + 1, Point::default());
        }
        points[index] = point;
    }

    /// The points of one place.
    #[inline(always)]
    pub(crate) fn of(&self, place: Place) -> &[Point] {
        &self.0[place as usize]
    }
}

/// The observation point of a packet at `O`.
#[inline(always)]
pub(crate) fn point<O: Observe>(points: &[Point], buffer: Buffer<'_>) -> ObservationPoint {
    let egress = matches!(O::PLACE.direction(), Direction::Egress);
    let sw_if_index = if egress {
        buffer.tx_sw_if_index()
    } else {
        buffer.rx_sw_if_index()
    };
    // VPP runs a feature only on interfaces that it was enabled on, and these have points.
    let point = points.get(sw_if_index as usize);
    let point = point.copied().unwrap_or_default();
    let (ingress_interface, egress_interface) = if !egress {
        (point.sw_if_index, 0)
    } else if buffer.rx_sw_if_index() == u32::MAX {
        // Nobody's: VPP's own packets.
        (0, point.sw_if_index)
    } else {
        (buffer.rx_sw_if_index(), point.sw_if_index)
    };
    ObservationPoint {
        ingress_interface,
        egress_interface,
        vrf: point.table,
        vlan: point.vlan,
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
