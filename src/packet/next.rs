// SPDX-License-Identifier: Apache-2.0
//! What a parser returns: which header follows the one that it read.
//!
//! Small enough for a register. The octets that follow are in the [`Cursor`](super::cursor::Cursor).

use crate::flow::IgnoredReason;

/// What a parser returns: what follows, or why the packet has no key.
pub(super) type Step = Result<Next, IgnoredReason>;

/// What follows a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// What this EtherType announces. Below [`MINIMUM`](crate::number::ether_type::MINIMUM) it is
    /// the length of an LLC frame, if the frame can have one.
    EtherType(u16),
    /// An Ethernet header.
    Ethernet,
    /// An LLC header.
    LogicalLink,
    /// An IEEE 802.11 header.
    Ieee80211,
    /// An IEEE 802.11 header that is padded to a multiple of four octets.
    PaddedIeee80211,
    /// A PPP header. The number is the EtherType of the frame if it is not IP.
    Ppp(u16),
    /// An MPLS label, with the same number.
    Label(u16),
    /// The octets behind the last MPLS label, with the same number.
    LabelledPayload(u16),
    /// An IPv4 header.
    Ipv4,
    /// An IPv6 header.
    Ipv6,
    /// Not IP: a frame of the protocol of this EtherType, or 0 if it has none.
    NonIp(u16),
}
