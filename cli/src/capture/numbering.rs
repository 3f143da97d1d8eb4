// SPDX-License-Identifier: Apache-2.0
//! The numbers of interfaces in records, across sections and captures.
//!
//! Owns the identity of an interface: its name, and its place among those of the same name in its
//! section. Interfaces without a name are distinguished by their place alone. A packet of Linux cooked
//! capture v2 has its own identity, which is the interface's number on the capturing machine.
//!
//! An interface has the number that its capture gives it, unless another interface has that number
//! already. Numbers are unique and never change. Knows nothing of the layout of descriptions.

use std::collections::{HashMap, HashSet};

use flowmeter::exporting;
use flowmeter::observation::{Direction, LinkType};

use super::error::Cause;
use super::interface::Interface;
use super::record::CapturedPacket;

/// The maximum number of interfaces in all captures, which bounds memory.
pub(super) const MAX_INTERFACES: usize = 65_536;

/// The identity of an interface in several sections and captures.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Identity {
    /// The name of its description, and the number of those of that name before it in its section.
    Described(Option<String>, u32),
    /// Its number on the capturing machine.
    Index(u32),
}

/// The interfaces of all captures so far.
#[derive(Debug, Default)]
pub(crate) struct Numbering {
    numbers: HashMap<Identity, u32>,
    taken: HashSet<u32>,
    /// All smaller numbers are taken.
    first_free: u32,
    /// Interfaces with a name that have not been taken, in the order of their first packets.
    named: Vec<exporting::Interface>,
}

impl Numbering {
    /// Replaces the interface of each of `packets`, an index into `interfaces`, with its number.
    /// `block` contains the packets' octets. If there are too many interfaces, the error has the
    /// number of packets that were processed.
    pub(super) fn apply(
        &mut self,
        interfaces: &mut [Interface],
        packets: &mut [CapturedPacket],
        block: &[u8],
    ) -> Result<(), (usize, Cause)> {
        // Most captures have one interface, which has the number 0.
        if let [interface] = interfaces
            && interface.number == Some(0)
            && interface.link_type != LinkType::LinuxCooked2
        {
            return Ok(());
        }
        for (index, packet) in packets.iter_mut().enumerate() {
            let own = packet.interface;
            let Some(interface) = interfaces.get_mut(own as usize) else {
                continue;
            };
            let cooked = match packet.link_type {
                LinkType::LinuxCooked2 => cooked(packet.data(block)),
                _ => None,
            };
            let mut index_on_machine = 0;
            if let Some((number, direction)) = cooked {
                packet.direction = direction;
                index_on_machine = number;
            }
            let number = match (index_on_machine, interface.number) {
                (1.., _) => self.number(Identity::Index(index_on_machine), index_on_machine),
                (0, Some(number)) => Ok(number),
                (0, None) => {
                    let number = self.describe(interface, own);
                    interface.number = number.as_ref().ok().copied();
                    number
                }
            };
            packet.interface = number.map_err(|cause| (index, cause))?;
        }
        Ok(())
    }

    /// Takes the interfaces with a name whose first packet came since the last call.
    pub(crate) fn take_named(&mut self) -> Vec<exporting::Interface> {
        std::mem::take(&mut self.named)
    }

    /// Assigns a number to a described interface.
    #[cold]
    fn describe(&mut self, interface: &Interface, own: u32) -> Result<u32, Cause> {
        let identity = Identity::Described(interface.name.clone(), interface.occurrence);
        let known = self.numbers.len();
        let number = self.number(identity, own)?;
        if let Some(name) = &interface.name
            && self.numbers.len() > known
        {
            self.named.push(exporting::Interface {
                number,
                name: name.clone(),
                description: interface.description.as_ref().unwrap_or(name).clone(),
            });
        }
        Ok(number)
    }

    fn number(&mut self, identity: Identity, preferred: u32) -> Result<u32, Cause> {
        if let Some(number) = self.numbers.get(&identity) {
            return Ok(*number);
        }
        if self.numbers.len() >= MAX_INTERFACES {
            return Err(Cause::TooManyInterfaces {
                limit: MAX_INTERFACES,
            });
        }
        let number = if self.taken.contains(&preferred) {
            while self.taken.contains(&self.first_free) {
                self.first_free += 1;
            }
            self.first_free
        } else {
            preferred
        };
        self.taken.insert(number);
        self.numbers.insert(identity, number);
        Ok(number)
    }
}

/// Returns the number of the interface on the capturing machine (0 if there is none) and the direction
/// of a packet of Linux cooked capture v2 (LINKTYPE_LINUX_SLL2); `None` if it is too short.
fn cooked(octets: &[u8]) -> Option<(u32, Direction)> {
    const INTERFACE: usize = 4;
    const PACKET_TYPE: usize = 10;
    /// `PACKET_OUTGOING`; the other types are received packets.
    const OUTGOING: u8 = 4;

    let index = octets.get(INTERFACE..)?.first_chunk()?;
    let direction = match *octets.get(PACKET_TYPE)? {
        OUTGOING => Direction::Egress,
        _ => Direction::Ingress,
    };
    Some((u32::from_be_bytes(*index), direction))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::interface::Clock;
    use flowmeter::time::Timestamp;

    fn interface(name: &str, occurrence: u32) -> Interface {
        Interface {
            name: (!name.is_empty()).then(|| name.to_owned()),
            description: None,
            link_type: LinkType::Ethernet,
            link_number: 1,
            occurrence,
            number: None,
            snap_length: 0,
            clock: Clock::default(),
        }
    }

    fn packet(interface: u32, link_type: LinkType) -> CapturedPacket {
        CapturedPacket {
            offset: 0,
            captured: 20,
            length: 20,
            time: Timestamp::default(),
            interface,
            direction: Direction::Ingress,
            link_type,
        }
    }

    /// Returns the numbers of one packet of each of `interfaces`.
    fn numbers(numbering: &mut Numbering, interfaces: &mut [Interface]) -> Vec<u32> {
        let mut packets: Vec<_> = (0..interfaces.len() as u32)
            .map(|own| packet(own, LinkType::Ethernet))
            .collect();
        numbering.apply(interfaces, &mut packets, &[]).unwrap();
        packets.iter().map(|packet| packet.interface).collect()
    }

    /// Numbers a packet of Linux cooked v2 with this index and packet type.
    fn cooked_packet(numbering: &mut Numbering, index: u32, kind: u8) -> (u32, Direction) {
        let mut octets = [0; 20];
        octets[4..8].copy_from_slice(&index.to_be_bytes());
        octets[10] = kind;
        let mut packets = [packet(0, LinkType::LinuxCooked2)];
        let interfaces = &mut [interface("any", 0)];
        numbering.apply(interfaces, &mut packets, &octets).unwrap();
        (packets[0].interface, packets[0].direction)
    }

    #[test]
    fn interfaces_are_identified_by_name_and_keep_a_free_number() {
        let mut numbering = Numbering::default();
        let first = &mut [interface("eth0", 0), interface("eth1", 0)];
        assert_eq!(numbers(&mut numbering, first), [0, 1]);
        // The same again, and in another order; one that is new; a second eth1.
        let second = &mut [
            interface("eth1", 0),
            interface("eth0", 0),
            interface("tun0", 0),
            interface("eth1", 1),
        ];
        assert_eq!(numbers(&mut numbering, second), [1, 0, 2, 3]);
        let third = &mut [interface("lo", 0), interface("eth1", 1), interface("", 0)];
        assert_eq!(numbers(&mut numbering, third), [4, 3, 5]);
        assert_eq!(numbers(&mut numbering, &mut [interface("", 0)]), [5]);
        let named = numbering.take_named();
        let names: Vec<_> = named.iter().map(|i| (i.number, &i.name[..])).collect();
        let expected = [
            (0, "eth0"),
            (1, "eth1"),
            (2, "tun0"),
            (3, "eth1"),
            (4, "lo"),
        ];
        assert_eq!(names, expected);
        assert_eq!(numbering.take_named(), []);
    }

    #[test]
    fn linux_cooked_packets_have_an_interface_and_a_direction() {
        let mut numbering = Numbering::default();
        for kind in [0, 1, 2, 3] {
            let found = cooked_packet(&mut numbering, 7, kind);
            assert_eq!(found, (7, Direction::Ingress));
        }
        assert_eq!(cooked_packet(&mut numbering, 9, 4), (9, Direction::Egress));
        // Without an index it is the described interface. A described interface differs from the
        // machine's interface of the same number.
        assert_eq!(cooked_packet(&mut numbering, 0, 4), (0, Direction::Egress));
        assert_eq!(cooked_packet(&mut numbering, u32::MAX, 0).0, u32::MAX);
        let described = &mut [interface("any", 0), interface("eth1", 0)];
        assert_eq!(numbers(&mut numbering, described), [0, 1]);
        assert_eq!(cooked_packet(&mut numbering, 1, 0).0, 2);
        assert_eq!(cooked(&[0; 10]), None);
    }

    #[test]
    fn the_number_of_interfaces_is_bounded() {
        let mut numbering = Numbering::default();
        for index in 0..MAX_INTERFACES {
            numbers(&mut numbering, &mut [interface(&index.to_string(), 0)]);
        }
        assert_eq!(numbering.take_named().len(), MAX_INTERFACES);
        let mut packets = [0, 1, 0].map(|own| packet(own, LinkType::Ethernet));
        let interfaces = &mut [interface("7", 0), interface("x", 0)];
        let one_more = numbering.apply(interfaces, &mut packets, &[]);
        let Err((1, Cause::TooManyInterfaces { limit })) = one_more else {
            panic!("{one_more:?}")
        };
        assert_eq!(limit, MAX_INTERFACES);
        assert_eq!(packets[0].interface, 7);
        assert_eq!(numbers(&mut numbering, &mut [interface("7", 0)]), [7]);
    }
}
