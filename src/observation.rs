// SPDX-License-Identifier: Apache-2.0
//! Where packets are observed (RFC 5470 §2: Observation Point, Observation Domain).
//!
//! A host describes each packet's observation point; the engine copies it into keys and records.

/// The direction in which packets pass the observation point (IANA element 61, `flowDirection`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Direction {
    /// Into the device.
    #[default]
    Ingress = 0,
    /// Out of the device.
    Egress = 1,
}

/// The header that a packet's data starts with.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum LinkType {
    /// An Ethernet header (IEEE 802.3).
    #[default]
    Ethernet,
    /// An IPv4 or IPv6 header, by its version field.
    RawIp,
    /// Linux cooked capture, version 1: 16 octets.
    LinuxCooked,
    /// Linux cooked capture, version 2: 20 octets.
    LinuxCooked2,
    /// BSD null: a 4-octet address family in the byte order of the machine that captured.
    BsdNull,
    /// BSD loop: a 4-octet address family in network byte order.
    BsdLoop,
    /// PPP, with or without HDLC framing (RFC 1661, RFC 1662), or Cisco's HDLC framing.
    Ppp,
    /// Cisco's HDLC framing (RFC 1547 §4.3.1).
    CiscoHdlc,
    /// FDDI.
    Fddi,
    /// Linux netfilter log: attributes of a packet, and the packet.
    NetfilterLog,
    /// IEEE 802.11.
    Ieee80211,
    /// IEEE 802.11 behind a radiotap header.
    Radiotap,
    /// IEEE 802.11 or Ethernet behind Per-Packet Information (PPI).
    PacketInformation,
    /// A link layer that the engine cannot read: every packet is ignored.
    Unsupported,
}

impl LinkType {
    /// Every link type, in the order of their discriminants.
    pub const ALL: [Self; 14] = [
        Self::Ethernet,
        Self::RawIp,
        Self::LinuxCooked,
        Self::LinuxCooked2,
        Self::BsdNull,
        Self::BsdLoop,
        Self::Ppp,
        Self::CiscoHdlc,
        Self::Fddi,
        Self::NetfilterLog,
        Self::Ieee80211,
        Self::Radiotap,
        Self::PacketInformation,
        Self::Unsupported,
    ];
}

/// The ids of the tables that packets are routed by, for each IP version; 0 if there is only one table
/// or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct VrfIds {
    /// The IPv4 table's id.
    pub ipv4: u32,
    /// The IPv6 table's id.
    pub ipv6: u32,
}

/// The observation point of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ObservationPoint {
    /// IANA element 10, `ingressInterface`; 0 if unknown.
    pub ingress_interface: u32,
    /// IANA element 14, `egressInterface`; 0 if unknown.
    pub egress_interface: u32,
    /// IANA element 234, `ingressVRFID`.
    pub ingress_vrf: VrfIds,
    /// IANA element 235, `egressVRFID`.
    pub egress_vrf: VrfIds,
    /// IANA element 58, `vlanId`, if the host knows it, as for a sub-interface; with 0 it is that of
    /// the packet's outermost tag.
    pub vlan: u16,
    /// IANA element 61, `flowDirection`.
    pub direction: Direction,
    /// The header that the packet's data starts with.
    pub link_type: LinkType,
}

/// An Observation Domain (RFC 7011 §3.1): the scope of sequence numbers and template ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ObservationDomainId(pub u32);
