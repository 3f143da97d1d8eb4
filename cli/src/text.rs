// SPDX-License-Identifier: Apache-2.0
//! Text that people read: numbers, protocols, flags, addresses and errors.

use std::io;

/// Returns the message of an error of the system, without its number.
pub(crate) fn system_error(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_owned()
}

/// Returns a number with its digits in groups of three.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns the name of a common protocol (IANA's protocol numbers), or else its number.
pub(crate) fn protocol(number: u8) -> String {
    let name = match number {
        0 => "HOPOPT",
        1 => "ICMP",
        2 => "IGMP",
        4 => "IPv4",
        6 => "TCP",
        8 => "EGP",
        9 => "IGP",
        17 => "UDP",
        33 => "DCCP",
        41 => "IPv6",
        43 => "IPv6-Route",
        44 => "IPv6-Frag",
        46 => "RSVP",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        58 => "ICMPv6",
        59 => "IPv6-NoNxt",
        60 => "IPv6-Opts",
        88 => "EIGRP",
        89 => "OSPF",
        94 => "IPIP",
        97 => "EtherIP",
        103 => "PIM",
        108 => "IPComp",
        112 => "VRRP",
        115 => "L2TP",
        132 => "SCTP",
        136 => "UDP-Lite",
        137 => "MPLS-in-IP",
        _ => return number.to_string(),
    };
    name.to_owned()
}

/// Returns the name of a common EtherType (IANA's IEEE 802 numbers), or else its number in
/// hexadecimal; 0 is a frame with an LLC header and no EtherType.
pub(crate) fn ether_type(number: u16) -> String {
    let name = match number {
        0 => "LLC",
        0x0800 => "IPv4",
        0x0806 => "ARP",
        0x0842 => "WoL",
        0x8035 => "RARP",
        0x8100 => "802.1Q",
        0x8137 => "IPX",
        0x86dd => "IPv6",
        0x8808 => "Pause",
        0x8809 => "LACP",
        0x8847 | 0x8848 => "MPLS",
        0x8863 | 0x8864 => "PPPoE",
        0x888e => "EAPOL",
        0x88a8 => "802.1ad",
        0x88cc => "LLDP",
        0x88e5 => "MACsec",
        0x88e7 => "802.1ah",
        0x88f7 => "PTP",
        0x9000 => "Loopback",
        _ => return format!("{number:#06x}"),
    };
    name.to_owned()
}

/// Returns TCP flags as letters, FIN first (RFC 9293 §3.1), with a dot for each that is not set.
pub(crate) fn tcp_flags(flags: u8) -> String {
    "FSRPAUEC"
        .chars()
        .enumerate()
        .map(|(bit, letter)| if flags >> bit & 1 == 1 { letter } else { '.' })
        .collect()
}

/// Returns a MAC address in colon-hexadecimal notation.
pub(crate) fn ethernet_address(octets: [u8; 6]) -> String {
    octets.map(|octet| format!("{octet:02x}")).join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_groups_and_names() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(12_345_678), "12,345,678");
        assert_eq!(protocol(6), "TCP");
        assert_eq!(protocol(253), "253");
        assert_eq!(ether_type(0x0806), "ARP");
        assert_eq!(ether_type(0x88b5), "0x88b5");
        assert_eq!(tcp_flags(0x12), ".S..A...");
        assert_eq!(ethernet_address([0, 1, 2, 0xab, 4, 5]), "00:01:02:ab:04:05");
    }
}
