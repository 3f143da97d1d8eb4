// SPDX-License-Identifier: Apache-2.0
//! Numbers that IANA assigns to protocols: [`protocol`] in IP headers, [`ether_type`] in link
//! layers' headers.
//!
//! Each number is defined here once, with its name if it is shown to users. Parsers, templates and
//! hosts all take them from here.

/// Declares numbers: constants, and `name`, which returns the text of those that have one.
macro_rules! numbers {
    ($type:ty: $($(#[$doc:meta])+ $constant:ident = $number:literal $($name:literal)?,)+) => {
        $($(#[$doc])+ pub const $constant: $type = $number;)+

        /// Returns the usual short name of `number`; `None` if this file has none.
        pub const fn name(number: $type) -> Option<&'static str> {
            match number {
                $($($constant => Some($name),)?)+
                _ => None,
            }
        }
    };
}

/// IP protocol numbers (IANA, "Assigned Internet Protocol Numbers"), which are also the numbers of
/// IPv6 extension headers. Names are IANA's keywords.
pub mod protocol {
    numbers! { u8:
        /// IPv6 hop-by-hop options (RFC 8200 §4.3).
        HOP_BY_HOP = 0 "HOPOPT",
        /// ICMP (RFC 792).
        ICMP = 1 "ICMP",
        /// IGMP (RFC 9776).
        IGMP = 2 "IGMP",
        /// IPv4 in IP (RFC 2003).
        IPV4 = 4 "IPv4",
        /// TCP (RFC 9293).
        TCP = 6 "TCP",
        /// Exterior Gateway Protocol (RFC 888).
        EGP = 8 "EGP",
        /// Any private interior gateway, as Cisco's IGRP.
        IGP = 9 "IGP",
        /// UDP (RFC 768).
        UDP = 17 "UDP",
        /// DCCP (RFC 4340).
        DCCP = 33 "DCCP",
        /// IPv6 in IP (RFC 2473).
        IPV6 = 41 "IPv6",
        /// IPv6 routing header (RFC 8200 §4.4).
        IPV6_ROUTE = 43 "IPv6-Route",
        /// IPv6 fragment header (RFC 8200 §4.5).
        IPV6_FRAGMENT = 44 "IPv6-Frag",
        /// RSVP (RFC 2205).
        RSVP = 46 "RSVP",
        /// Generic Routing Encapsulation (RFC 2784).
        GRE = 47 "GRE",
        /// Encapsulating Security Payload (RFC 4303).
        ESP = 50 "ESP",
        /// Authentication Header (RFC 4302).
        AH = 51 "AH",
        /// ICMPv6 (RFC 4443).
        ICMPV6 = 58 "ICMPv6",
        /// No next header (RFC 8200 §4.7).
        IPV6_NO_NEXT = 59 "IPv6-NoNxt",
        /// IPv6 destination options (RFC 8200 §4.6).
        IPV6_OPTIONS = 60 "IPv6-Opts",
        /// EIGRP (RFC 7868).
        EIGRP = 88 "EIGRP",
        /// OSPF (RFC 2328, RFC 5340).
        OSPF = 89 "OSPF",
        /// IP in IP, as KA9Q numbered it.
        IPIP = 94 "IPIP",
        /// Ethernet in IP (RFC 3378).
        ETHERIP = 97 "EtherIP",
        /// Protocol Independent Multicast (RFC 7761).
        PIM = 103 "PIM",
        /// IP Payload Compression (RFC 3173).
        IPCOMP = 108 "IPComp",
        /// VRRP (RFC 9568).
        VRRP = 112 "VRRP",
        /// L2TPv3 (RFC 3931).
        L2TP = 115 "L2TP",
        /// SCTP (RFC 9260).
        SCTP = 132 "SCTP",
        /// UDP-Lite (RFC 3828).
        UDP_LITE = 136 "UDP-Lite",
        /// MPLS in IP (RFC 4023).
        MPLS_IN_IP = 137 "MPLS-in-IP",
    }

    /// Returns whether packets of this protocol have a type and a code, and no ports: ICMP and
    /// ICMPv6.
    pub const fn is_icmp(number: u8) -> bool {
        matches!(number, ICMP | ICMPV6)
    }
}

/// EtherTypes (IANA, "IEEE 802 Numbers"), in the machine's byte order.
pub mod ether_type {
    /// The least EtherType (IEEE 802.3 §3.2.6): a number below it is a frame's length.
    pub const MINIMUM: u16 = 0x0600;

    numbers! { u16:
        /// IPv4 (RFC 894).
        IPV4 = 0x0800 "IPv4",
        /// ARP (RFC 826).
        ARP = 0x0806 "ARP",
        /// Wake-on-LAN.
        WAKE_ON_LAN = 0x0842 "WoL",
        /// Reverse ARP (RFC 903).
        RARP = 0x8035 "RARP",
        /// A VLAN tag (IEEE 802.1Q §9).
        VLAN = 0x8100 "802.1Q",
        /// Novell IPX.
        IPX = 0x8137 "IPX",
        /// IPv6 (RFC 2464).
        IPV6 = 0x86dd "IPv6",
        /// Ethernet flow control (IEEE 802.3 §31).
        PAUSE = 0x8808 "Pause",
        /// Slow protocols, LACP among them (IEEE 802.1AX).
        LACP = 0x8809 "LACP",
        /// MPLS (RFC 3032 §5).
        MPLS = 0x8847 "MPLS",
        /// MPLS with an upstream-assigned label (RFC 5332 §3).
        MPLS_UPSTREAM = 0x8848 "MPLS",
        /// PPPoE discovery (RFC 2516 §4).
        PPPOE_DISCOVERY = 0x8863 "PPPoE",
        /// A PPPoE session (RFC 2516 §4).
        PPPOE_SESSION = 0x8864 "PPPoE",
        /// Port-based authentication (IEEE 802.1X).
        EAPOL = 0x888e "EAPOL",
        /// A provider's VLAN tag (IEEE 802.1ad).
        VLAN_SERVICE = 0x88a8 "802.1ad",
        /// LLDP (IEEE 802.1AB).
        LLDP = 0x88cc "LLDP",
        /// MACsec (IEEE 802.1AE).
        MACSEC = 0x88e5 "MACsec",
        /// The I-TAG of provider backbone bridges (IEEE 802.1ah).
        BACKBONE = 0x88e7 "802.1ah",
        /// Precision Time Protocol (IEEE 1588).
        PTP = 0x88f7 "PTP",
        /// Cisco FabricPath.
        FABRIC_PATH = 0x8903,
        /// Cisco VN-Tag.
        VN_TAG = 0x8926,
        /// The E-TAG of port extenders (IEEE 802.1BR).
        E_TAG = 0x893f,
        /// The Network Service Header (RFC 8300).
        SERVICE_HEADER = 0x894f,
        /// Ethernet loopback (Configuration Testing Protocol).
        LOOPBACK = 0x9000 "Loopback",
        /// A stacked VLAN tag, before IEEE 802.1ad assigned a number.
        VLAN_STACKED = 0x9100,
    }
}
