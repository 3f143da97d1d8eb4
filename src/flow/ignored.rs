// SPDX-License-Identifier: Apache-2.0
//! Why a packet is observed but not metered.

/// Declares the reasons once: variant, name in reports, and meaning.
macro_rules! ignored_reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// Why a packet belongs to no flow.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum IgnoredReason {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl IgnoredReason {
            /// Every reason, in the order of their discriminants.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in counters and reports.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

ignored_reasons! {
    /// The capture's link type is not one that the engine reads.
    UnsupportedLinkType = "unsupported_link_type",
    /// The captured octets end inside the link layer's headers.
    LinkHeaderTruncated = "link_header_truncated",
    /// More VLAN tags or MPLS labels than [`MAX_TAGS`](crate::packet::MAX_TAGS).
    TooManyTags = "too_many_tags",
    /// Not IP, and the process meters only IP.
    NonIp = "non_ip",
    /// The captured octets end inside the IP header.
    IpHeaderTruncated = "ip_header_truncated",
    /// The IP header's version is not the one that the link layer announced.
    IpVersion = "ip_version",
    /// An IPv4 header shorter than 20 octets (RFC 791 §3.1).
    Ipv4HeaderLength = "ipv4_header_length",
    /// An IPv4 packet shorter than its own header (RFC 791 §3.1).
    Ipv4TotalLength = "ipv4_total_length",
}
