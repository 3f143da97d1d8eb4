// SPDX-License-Identifier: Apache-2.0
//! Flow Keys (RFC 7011 §2), laid out to be compared and hashed as whole words.
//!
//! A key has every property that distinguishes two flows and nothing else; properties of a flow's
//! first packet are kept beside it as [`FlowKey::Attributes`]. Addresses and ports are in network
//! byte order, as on the wire; other numbers in the machine's.

use core::fmt::Debug;
use core::hash::Hash;

use bytemuck::{Pod, Zeroable};

use crate::observation::{Direction, ObservationPoint};

/// A key of flows. Only the engine implements it: each type of key has its table and its template.
pub trait FlowKey: Pod + Eq + Hash + Debug {
    /// What a flow keeps of its first packet beside the measures that every flow has.
    type Attributes: Pod + Debug;

    /// The key as words. Two keys are equal exactly if their words are.
    type Words: AsRef<[u64]> + Pod;

    /// This key's words.
    #[inline(always)]
    fn words(&self) -> Self::Words {
        const { assert!(size_of::<Self>() == size_of::<Self::Words>()) };
        bytemuck::cast(*self)
    }

    /// Whether it is the same key, compared in as few instructions as its size allows.
    #[inline(always)]
    fn is(&self, other: &Self) -> bool {
        bytemuck::bytes_of(self) == bytemuck::bytes_of(other)
    }

    /// The observation point's part of the key.
    fn observed(&self) -> &Observed;

    /// IANA elements 234 and 235, `ingressVRFID` and `egressVRFID`, of a packet that was observed at
    /// `point`; zeros for flows whose records do not have them.
    #[inline(always)]
    fn vrf_ids(_point: &ObservationPoint) -> [u32; 2] {
        [0; 2]
    }
}

/// The part of a key that says where a packet was observed and what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct Observed {
    /// IANA element 10, `ingressInterface`.
    pub ingress_interface: u32,
    /// IANA element 14, `egressInterface`.
    pub egress_interface: u32,
    vlan_and_direction: u16,
    /// IANA element 4, `protocolIdentifier`, of an IP flow; 256, `ethernetType`, of any other.
    pub protocol: u16,
}

impl Observed {
    const VLAN: u16 = 0x0fff;
    const EGRESS_SHIFT: u16 = 15;
    /// The bit of the direction, beside the VLAN.
    pub(crate) const DIRECTION: u16 = 1 << Self::EGRESS_SHIFT;

    /// At `point`, in VLAN `vlan` (0: none; only the low 12 bits count), carrying `protocol`.
    #[inline(always)]
    pub fn new(point: &ObservationPoint, vlan: u16, protocol: u16) -> Self {
        Self {
            ingress_interface: point.ingress_interface,
            egress_interface: point.egress_interface,
            vlan_and_direction: (vlan & Self::VLAN)
                | ((point.direction as u16) << Self::EGRESS_SHIFT),
            protocol,
        }
    }

    /// The words that this and the ports before it make in a key.
    #[inline(always)]
    fn words_behind(self, ports: u32) -> [u64; 2] {
        let last = bytemuck::cast([self.vlan_and_direction, self.protocol]);
        [
            bytemuck::cast([ports, self.ingress_interface]),
            bytemuck::cast([self.egress_interface, last]),
        ]
    }

    /// IANA element 58, `vlanId`; 0 for untagged and priority-tagged packets.
    pub fn vlan(&self) -> u16 {
        self.vlan_and_direction & Self::VLAN
    }

    /// IANA element 61, `flowDirection`.
    pub fn direction(&self) -> Direction {
        if self.vlan_and_direction >> Self::EGRESS_SHIFT == 0 {
            Direction::Ingress
        } else {
            Direction::Egress
        }
    }
}

/// The key of an IPv4 flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct Ipv4Key {
    /// IANA element 8, `sourceIPv4Address`.
    pub source: [u8; 4],
    /// IANA element 12, `destinationIPv4Address`.
    pub destination: [u8; 4],
    /// The transport ports, or ICMP's type and code.
    pub ports: Ports,
    /// Where it was observed; the protocol is the IP protocol number.
    pub observed: Observed,
}

impl FlowKey for Ipv4Key {
    type Attributes = ();
    type Words = [u64; 3];

    #[inline(always)]
    fn observed(&self) -> &Observed {
        &self.observed
    }

    #[inline(always)]
    fn vrf_ids(point: &ObservationPoint) -> [u32; 2] {
        [point.ingress_vrf.ipv4, point.egress_vrf.ipv4]
    }
}

impl Ipv4Key {
    /// The key with these addresses and ports, as they are on the wire. Made of whole words, so that
    /// it can be hashed from registers.
    #[inline(always)]
    pub(crate) fn from_wire(addresses: [u64; 1], ports: u32, observed: Observed) -> Self {
        let [second, third] = observed.words_behind(ports);
        bytemuck::cast([addresses[0], second, third])
    }
}

/// The key of an IPv6 flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct Ipv6Key {
    /// IANA element 27, `sourceIPv6Address`.
    pub source: [u8; 16],
    /// IANA element 28, `destinationIPv6Address`.
    pub destination: [u8; 16],
    /// The transport ports, or ICMPv6's type and code.
    pub ports: Ports,
    /// Where it was observed; the protocol is the number of the upper-layer protocol.
    pub observed: Observed,
}

impl FlowKey for Ipv6Key {
    /// The first packet's flow label (IANA element 31, `flowLabelIPv6`).
    type Attributes = u32;
    type Words = [u64; 6];

    #[inline(always)]
    fn observed(&self) -> &Observed {
        &self.observed
    }

    #[inline(always)]
    fn vrf_ids(point: &ObservationPoint) -> [u32; 2] {
        [point.ingress_vrf.ipv6, point.egress_vrf.ipv6]
    }
}

impl Ipv6Key {
    /// As [`Ipv4Key::from_wire`].
    #[inline(always)]
    pub(crate) fn from_wire(addresses: [u64; 4], ports: u32, observed: Observed) -> Self {
        let [fifth, sixth] = observed.words_behind(ports);
        let [first, second, third, fourth] = addresses;
        bytemuck::cast([first, second, third, fourth, fifth, sixth])
    }
}

/// The key of a flow that is not IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct L2Key {
    /// IANA element 56, `sourceMacAddress`; zeros if the link layer has none.
    pub source: [u8; 6],
    /// IANA element 80, `destinationMacAddress`; zeros if the link layer has none.
    pub destination: [u8; 6],
    /// Where it was observed; the protocol is the EtherType, or 0 if there is none.
    pub observed: Observed,
}

impl FlowKey for L2Key {
    type Attributes = ();
    type Words = [u64; 3];

    #[inline(always)]
    fn observed(&self) -> &Observed {
        &self.observed
    }
}

/// A transport header's source and destination port, in network byte order.
///
/// Zero if the packet has none: other protocols, later fragments, a header that is cut off. ICMP and
/// ICMPv6 have their type and code in the destination's two octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Pod, Zeroable)]
#[repr(C)]
pub struct Ports {
    /// IANA element 7, `sourceTransportPort`.
    pub source: [u8; 2],
    /// IANA element 11, `destinationTransportPort`, or 32 and 139, ICMP type and code.
    pub destination: [u8; 2],
}
