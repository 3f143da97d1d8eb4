// SPDX-License-Identifier: Apache-2.0
//! From a packet's octets to its flow key.
//!
//! Owns what a packet turns into; each header is read by the file of its protocol. The
//! result depends on the captured octets, the observation point and the length on the
//! wire, and on nothing else.

use super::{Packet, link};
use crate::flow::{FlowKey, IgnoredReason, Ipv4Key, Ipv6Key, L2Key};

/// What a packet's headers say, by the kind of flow that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dissection {
    /// An IPv4 packet.
    Ipv4(Headers<Ipv4Key>),
    /// An IPv6 packet.
    Ipv6(Headers<Ipv6Key>),
    /// A frame whose outermost network protocol is not IP.
    NonIp(Headers<L2Key>),
    /// A packet that belongs to no flow.
    Ignored(IgnoredReason),
}

impl Dissection {
    /// A packet that ends within a header before the network protocol's.
    pub(super) const LINK_TRUNCATED: Self = Self::Ignored(IgnoredReason::LinkHeaderTruncated);
}

/// One packet's key and its own measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers<K: FlowKey> {
    /// The flow that it belongs to.
    pub key: K,
    /// Its octets: of an IP packet the IP header and all that follows it, of any other
    /// frame the whole frame on the wire. Of one that is yet to be segmented, all segments'.
    pub octets: u32,
    /// How many packets it counts as: 1, but for one that is yet to be segmented.
    pub packets: u32,
    /// The octet that IANA element 5 (`ipClassOfService`) carries; 0 where not IP.
    pub type_of_service: u8,
    /// The low 8 bits of the TCP flags (IANA element 6); 0 where not TCP.
    pub tcp_flags: u8,
    /// What a flow keeps of its first packet.
    pub attributes: K::Attributes,
}

/// Reads the headers of `packet`, up to those that the outermost IP header announces.
#[inline]
pub fn dissect(packet: &Packet<'_>) -> Dissection {
    link::read(packet)
}
