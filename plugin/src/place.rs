// SPDX-License-Identifier: Apache-2.0
//! The places where packets are observed: six arcs of features, each with its node.
//!
//! It owns what differs between them: the arcs and nodes by name, which of a buffer's
//! interfaces counts, and where the header begins that the engine reads first.

use core::ffi::CStr;

use flowmeter::observation::{Direction, LinkType, ObservationPoint};

use crate::vlib::frame::Buffer;

/// A place, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Place {
    /// IPv4 packets that are received and routed.
    InputIp4,
    /// IPv6 packets that are received and routed.
    InputIp6,
    /// Frames as they are received.
    InputL2,
    /// IPv4 packets that are routed out.
    OutputIp4,
    /// IPv6 packets that are routed out.
    OutputIp6,
    /// Frames as they are sent.
    OutputL2,
}

impl Place {
    /// All, in the order of their numbers.
    pub(crate) const ALL: [Self; 6] = [
        Self::InputIp4,
        Self::InputIp6,
        Self::InputL2,
        Self::OutputIp4,
        Self::OutputIp6,
        Self::OutputL2,
    ];

    /// What commands call it, without its direction.
    pub(crate) const fn variant(self) -> &'static str {
        match self {
            Self::InputIp4 | Self::OutputIp4 => "ip4",
            Self::InputIp6 | Self::OutputIp6 => "ip6",
            Self::InputL2 | Self::OutputL2 => "l2",
        }
    }

    /// Which way packets go.
    pub(crate) const fn direction(self) -> Direction {
        match self {
            Self::InputIp4 | Self::InputIp6 | Self::InputL2 => Direction::Ingress,
            Self::OutputIp4 | Self::OutputIp6 | Self::OutputL2 => Direction::Egress,
        }
    }

    /// How its packets begin.
    pub(crate) const fn link_type(self) -> LinkType {
        if self.is_l2() {
            LinkType::Ethernet
        } else {
            LinkType::RawIp
        }
    }

    /// Whether it sees frames, and not what is routed.
    pub(crate) const fn is_l2(self) -> bool {
        matches!(self, Self::InputL2 | Self::OutputL2)
    }

    /// Octets that TCP's flags lie in behind the usual headers, one VLAN tag among them, where
    /// the first header stands at the start of a buffer's data.
    pub(crate) const fn head(self) -> usize {
        match self {
            Self::InputIp4 => 20 + 14,
            Self::InputIp6 => 40 + 14,
            Self::InputL2 | Self::OutputL2 => 18 + 40 + 14,
            // Routing has put the link layer's header before it.
            Self::OutputIp4 | Self::OutputIp6 => usize::MAX,
        }
    }

    /// Its node.
    pub(crate) const fn node(self) -> &'static CStr {
        match self {
            Self::InputIp4 => c"flowmeter-input-ip4",
            Self::InputIp6 => c"flowmeter-input-ip6",
            Self::InputL2 => c"flowmeter-input-l2",
            Self::OutputIp4 => c"flowmeter-output-ip4",
            Self::OutputIp6 => c"flowmeter-output-ip6",
            Self::OutputL2 => c"flowmeter-output-l2",
        }
    }

    /// Its node in flowprobe's place, on the same arcs.
    pub(crate) const fn recording_node(self) -> &'static CStr {
        match self {
            Self::InputIp4 => c"flowmeter-record-input-ip4",
            Self::InputIp6 => c"flowmeter-record-input-ip6",
            Self::InputL2 => c"flowmeter-record-input-l2",
            Self::OutputIp4 => c"flowmeter-record-output-ip4",
            Self::OutputIp6 => c"flowmeter-record-output-ip6",
            Self::OutputL2 => c"flowmeter-record-output-l2",
        }
    }

    /// The arcs that its node is a feature of.
    pub(crate) const fn arcs(self) -> &'static [&'static CStr] {
        match self {
            Self::InputIp4 => &[c"ip4-unicast", c"ip4-multicast"],
            Self::InputIp6 => &[c"ip6-unicast", c"ip6-multicast"],
            Self::InputL2 => &[c"device-input"],
            Self::OutputIp4 => &[c"ip4-output"],
            Self::OutputIp6 => &[c"ip6-output"],
            Self::OutputL2 => &[c"interface-output"],
        }
    }
}

/// A place as the code of its node knows it.
pub(crate) trait Observe: Copy {
    /// Its number.
    const PLACE: Place;
}

macro_rules! observe {
    ($($place:ident,)+) => {
        $(
            #[derive(Clone, Copy)]
            pub(crate) struct $place;

            impl Observe for $place {
                const PLACE: Place = Place::$place;
            }
        )+
    };
}

observe! { InputIp4, InputIp6, InputL2, OutputIp4, OutputIp6, OutputL2, }

/// What is the same of all packets that an interface has at a place.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Point {
    /// Whose number stands in records.
    pub(crate) sw_if_index: u32,
    /// The id of the table that its packets are looked up in.
    pub(crate) table: u32,
    /// Its VLAN, where its packets have left their tag behind.
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
    match O::PLACE {
        // Routing has put the link layer's header before it.
        Place::OutputIp4 | Place::OutputIp6 => buffer.rewrite_length(),
        _ => 0,
    }
}
