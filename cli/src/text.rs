// SPDX-License-Identifier: Apache-2.0
//! Text that people read: numbers, protocols, flags, addresses and errors.

use std::io;

use flowmeter::number;

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
    match number::protocol::name(number) {
        Some(name) => name.to_owned(),
        None => number.to_string(),
    }
}

/// Returns the name of a common EtherType (IANA's IEEE 802 numbers), or else its number in
/// hexadecimal; 0 is a frame with an LLC header and no EtherType.
pub(crate) fn ether_type(number: u16) -> String {
    match number::ether_type::name(number) {
        _ if number == 0 => "LLC".to_owned(),
        Some(name) => name.to_owned(),
        None => format!("{number:#06x}"),
    }
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
