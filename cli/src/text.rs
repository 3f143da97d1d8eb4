// SPDX-License-Identifier: Apache-2.0
//! How numbers are shown to people.

use flowmeter::number;

/// A number with its digits in groups of three.
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

/// A protocol's name (IANA's protocol numbers), or its number if few know the name.
pub(crate) fn protocol(number: u8) -> String {
    match number::protocol::name(number) {
        Some(name) => name.to_owned(),
        None => number.to_string(),
    }
}

/// The name of an EtherType (IANA's IEEE 802 numbers), or its number in hexadecimal if few know the
/// name; 0 is a frame without one, which LLC begins.
pub(crate) fn ether_type(number: u16) -> String {
    match number::ether_type::name(number) {
        _ if number == 0 => "LLC".to_owned(),
        Some(name) => name.to_owned(),
        None => format!("{number:#06x}"),
    }
}

/// TCP's flags as letters, FIN first (RFC 9293 §3.1), with a dot for each that is not set.
pub(crate) fn tcp_flags(flags: u8) -> String {
    "FSRPAUEC"
        .chars()
        .enumerate()
        .map(|(bit, letter)| if flags >> bit & 1 == 1 { letter } else { '.' })
        .collect()
}

/// A MAC address, as IEEE 802 writes it.
pub(crate) fn ethernet_address(octets: [u8; 6]) -> String {
    octets.map(|octet| format!("{octet:02x}")).join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_people_read_them() {
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
