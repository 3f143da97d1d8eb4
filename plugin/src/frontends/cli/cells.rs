// SPDX-License-Identifier: Apache-2.0
//! The text of a flow's properties in a table.

use flowmeter::number::{ether_type, protocol};

use super::table::NOTHING;

/// The name of an IP protocol, as in VPP's commands, or its number.
pub(super) fn protocol(number: u8) -> String {
    let name = match number {
        protocol::ICMP => "icmp",
        protocol::IGMP => "igmp",
        protocol::IPV4 => "ip4",
        protocol::TCP => "tcp",
        protocol::UDP => "udp",
        protocol::IPV6 => "ip6",
        protocol::GRE => "gre",
        protocol::ESP => "esp",
        protocol::AH => "ah",
        protocol::ICMPV6 => "icmp6",
        protocol::OSPF => "ospf",
        protocol::PIM => "pim",
        protocol::VRRP => "vrrp",
        protocol::SCTP => "sctp",
        _ => return number.to_string(),
    };
    name.to_owned()
}

/// The name of an EtherType, or its number.
pub(super) fn ether_type(number: u16) -> String {
    let name = match number {
        ether_type::ARP => "arp",
        ether_type::LACP => "lacp",
        ether_type::LLDP => "lldp",
        _ => return format!("0x{number:04x}"),
    };
    name.to_owned()
}

/// The first letters of all TCP flags seen (RFC 9293 §3.1).
pub(super) fn flags(seen: u8) -> String {
    let letters = "CEUAPRSF".chars().enumerate();
    let set = letters.filter(|(place, _)| seen & 0x80 >> place != 0);
    let flags: String = set.map(|(_, letter)| letter).collect();
    if flags.is_empty() {
        NOTHING.to_owned()
    } else {
        flags
    }
}

/// Bits per second between the first and the last packet; nothing if both have the same time.
pub(super) fn rate(octets: u64, milliseconds: u64) -> String {
    if milliseconds == 0 {
        return NOTHING.to_owned();
    }
    let mut rate = octets as f64 * 8000.0 / milliseconds as f64;
    for unit in ["", "k", "M", "G"] {
        // Three digits: a rate that rounds to 1000 is shown in the next unit.
        if rate < 999.5 {
            let digits = if unit.is_empty() || rate >= 99.95 {
                0
            } else {
                1 + usize::from(rate < 9.995)
            };
            return format!("{rate:.digits$}{unit}");
        }
        rate /= 1000.0;
    }
    format!("{rate:.2}T")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_three_digits() {
        for (octets, milliseconds, shown) in [
            (100, 0, "-"),
            (0, 1000, "0"),
            (1, 1000, "8"),
            (124, 1000, "992"),
            (124_937, 1_000_000, "999"),
            (125, 1000, "1.00k"),
            (12_499, 1000, "100k"),
            (12_490, 1000, "99.9k"),
            (125_000, 1000, "1.00M"),
            (1_543_210, 1000, "12.3M"),
            (u64::MAX, 1, "147573952589.68T"),
        ] {
            assert_eq!(
                rate(octets, milliseconds),
                shown,
                "{octets} in {milliseconds} ms"
            );
        }
    }

    #[test]
    fn known_numbers_have_names() {
        assert_eq!(
            [1, 6, 17, 58, 132, 99].map(protocol),
            ["icmp", "tcp", "udp", "icmp6", "sctp", "99"]
        );
        assert_eq!(
            [0x0806, 0x88cc, 0x9000].map(ether_type),
            ["arp", "lldp", "0x9000"]
        );
    }

    #[test]
    fn flags_are_letters() {
        assert_eq!(flags(0), "-");
        assert_eq!(flags(0x02), "S");
        assert_eq!(flags(0x1b), "APSF");
        assert_eq!(flags(0xff), "CEUAPRSF");
    }
}
