// SPDX-License-Identifier: Apache-2.0
//! What a packet's headers say: the flow key and the packet's own measures, or the reason why
//! there is no key.

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

/// A packet's key and its own measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers<K: FlowKey> {
    /// The flow that it belongs to.
    pub key: K,
    /// Its octets. For an IP packet: the IP header and all that follows it. For any other frame:
    /// the whole frame on the wire. For a packet that is yet to be segmented: the sum over its
    /// segments.
    pub octets: u32,
    /// How many packets it counts as: 1, unless it is yet to be segmented.
    pub packets: u32,
    /// The octet that IANA element 5 (`ipClassOfService`) carries; 0 if it is not IP.
    pub type_of_service: u8,
    /// The low 8 bits of the TCP flags (IANA element 6); 0 if it is not TCP.
    pub tcp_flags: u8,
    /// What a flow keeps of its first packet.
    pub attributes: K::Attributes,
}
