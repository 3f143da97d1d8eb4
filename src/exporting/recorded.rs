// SPDX-License-Identifier: Apache-2.0
//! The records that VPP's flowprobe exports, for collectors and scripts that know them.
//!
//! Elements, their order and what stands in them are flowprobe's, where that differs from the
//! RFCs too: `ethernetType` is in the machine's byte order, and of the two halves of
//! `flowStartNanoseconds` and `flowEndNanoseconds` the second counts nanoseconds, where
//! RFC 7011 §6.1.10 has fractions of a second. Template ids are constants, as everywhere here.

use alloc::vec::Vec;

use super::information_element::*;
use super::message::MessageKind;
use super::process::{ExportingProcess, Transport};
use super::template::{FieldSpecifier, Template, TemplateId};
use crate::metering::{Export, FlowRecord, Layers, Layout, NoRoom, Recorded, RecordedKey};
use crate::time::Timestamp;

/// The first layout's template id; each other's is its number more.
const FIRST_TEMPLATE: u16 = 272;

/// Elements of the longest layout.
const FIELDS: usize = 16;
/// Octets of the longest record: with everything, and IPv6 addresses.
const OCTETS: usize = 33 + 14 + 41 + 6;

/// One element of all layouts, and which of them have it.
struct Field {
    element: InformationElement,
    length: u16,
    layer: Option<Layers>,
    recorded: Option<Recorded>,
}

const fn common(element: InformationElement, length: u16) -> Field {
    Field {
        element,
        length,
        layer: None,
        recorded: None,
    }
}

const fn layer(element: InformationElement, length: u16, layer: Layers) -> Field {
    Field {
        element,
        length,
        layer: Some(layer),
        recorded: None,
    }
}

const fn address(element: InformationElement, length: u16, recorded: Recorded) -> Field {
    Field {
        element,
        length,
        layer: Some(Layers::L3),
        recorded: Some(recorded),
    }
}

/// Every element, in the order that all layouts have.
const ALL: [Field; 18] = [
    common(INGRESS_INTERFACE, 4),
    common(EGRESS_INTERFACE, 4),
    common(FLOW_DIRECTION, 1),
    common(PACKET_DELTA_COUNT, 8),
    common(FLOW_START_NANOSECONDS, 8),
    common(FLOW_END_NANOSECONDS, 8),
    layer(SOURCE_MAC_ADDRESS, 6, Layers::L2),
    layer(DESTINATION_MAC_ADDRESS, 6, Layers::L2),
    layer(ETHERNET_TYPE, 2, Layers::L2),
    address(SOURCE_IPV4_ADDRESS, 4, Recorded::Ipv4),
    address(DESTINATION_IPV4_ADDRESS, 4, Recorded::Ipv4),
    address(SOURCE_IPV6_ADDRESS, 16, Recorded::Ipv6),
    address(DESTINATION_IPV6_ADDRESS, 16, Recorded::Ipv6),
    layer(PROTOCOL_IDENTIFIER, 1, Layers::L3),
    layer(OCTET_DELTA_COUNT, 8, Layers::L3),
    layer(SOURCE_TRANSPORT_PORT, 2, Layers::L4),
    layer(DESTINATION_TRANSPORT_PORT, 2, Layers::L4),
    layer(TCP_CONTROL_BITS, 2, Layers::L4),
];

impl Field {
    const fn is_in(&self, layout: Layout) -> bool {
        let layer = match self.layer {
            None => true,
            // A frame's record ends with its link layer.
            Some(layer) if layer.bits() != Layers::L2.bits() => {
                layout.layers().has(layer) && !layout.is(Recorded::Frame)
            }
            Some(layer) => layout.layers().has(layer),
        };
        let recorded = match self.recorded {
            None => true,
            Some(recorded) => layout.is(recorded),
        };
        layer && recorded
    }
}

/// The elements of each layout, and how many they are.
static LAYOUTS: [([FieldSpecifier; FIELDS], usize); Layout::COUNT] = layouts();

const fn layouts() -> [([FieldSpecifier; FIELDS], usize); Layout::COUNT] {
    let none = FieldSpecifier {
        element: INGRESS_INTERFACE,
        length: 0,
    };
    let mut layouts = [([none; FIELDS], 0); Layout::COUNT];
    let mut number = 0;
    while number < Layout::COUNT {
        let (fields, length) = &mut layouts[number];
        let mut index = 0;
        while index < ALL.len() {
            if ALL[index].is_in(Layout::from_number(number)) {
                fields[*length] = FieldSpecifier {
                    element: ALL[index].element,
                    length: ALL[index].length,
                };
                *length += 1;
            }
            index += 1;
        }
        number += 1;
    }
    layouts
}

impl Layout {
    /// Its template.
    pub fn template(self) -> Template {
        let (fields, length) = &LAYOUTS[self.number()];
        Template {
            id: TemplateId(FIRST_TEMPLATE + self.number() as u16),
            scope_fields: 0,
            fields: &fields[..*length],
        }
    }
}

/// A record under construction.
struct Octets {
    octets: [u8; OCTETS],
    length: usize,
}

impl Octets {
    #[inline(always)]
    fn put(&mut self, value: &[u8]) {
        let end = self.length + value.len();
        self.octets[self.length..end].copy_from_slice(value);
        self.length = end;
    }

    fn put_time(&mut self, time: Timestamp) {
        /// Seconds from 1900, where NTP begins, to 1970.
        const NTP: u32 = 2_208_988_800;
        let nanoseconds = (time.as_millis() % 1000) as u32 * 1_000_000;
        self.put(&time.as_export_seconds().wrapping_add(NTP).to_be_bytes());
        self.put(&nanoseconds.to_be_bytes());
    }
}

fn encode(record: &FlowRecord<RecordedKey>) -> Octets {
    let key = &record.key;
    let (layout, observed) = (key.layout(), &key.observed);
    let layers = layout.layers();
    let mut octets = Octets {
        octets: [0; OCTETS],
        length: 0,
    };
    octets.put(&observed.ingress_interface.to_be_bytes());
    octets.put(&observed.egress_interface.to_be_bytes());
    octets.put(&[observed.direction() as u8]);
    octets.put(&record.packets.to_be_bytes());
    octets.put_time(record.start);
    octets.put_time(record.end);
    if layers.has(Layers::L2) {
        octets.put(&key.source_mac);
        octets.put(&key.destination_mac);
        octets.put(&key.ether_type.to_ne_bytes());
    }
    if layout.is(Recorded::Frame) {
        return octets;
    }
    if layers.has(Layers::L3) {
        let length = if layout.is(Recorded::Ipv4) { 4 } else { 16 };
        octets.put(&key.source[..length]);
        octets.put(&key.destination[..length]);
        octets.put(&[observed.payload as u8]);
        octets.put(&record.octets.to_be_bytes());
    }
    if layers.has(Layers::L4) {
        octets.put(&key.ports.source);
        octets.put(&key.ports.destination);
        octets.put(&[0, record.tcp_flags]);
    }
    octets
}

impl<T: Transport> ExportingProcess<T> {
    /// Announces these templates instead of all templates and options, each in a message of its
    /// own and again in each interval; not yet now, see [`Self::announce_one`].
    pub fn announce_only(&mut self, templates: Vec<Template>) {
        self.chosen = Some(templates);
        self.written = 0;
    }

    /// Announces a template of [`Self::announce_only`] now, and counts the interval from here.
    ///
    /// # Errors
    /// Where there was no buffer.
    pub fn announce_one(&mut self, template: Template) -> Result<(), NoRoom> {
        self.announce_template(template, MessageKind::Templates)?;
        self.send_open();
        self.announced = Some(self.uptime);
        Ok(())
    }

    /// Goes on where there was no buffer the time before.
    pub(super) fn announce_these(&mut self, kind: MessageKind) -> Result<(), NoRoom> {
        while let Some(template) = self.chosen.iter().flatten().nth(self.written).copied() {
            self.announce_template(template, kind)?;
            self.send_open();
            self.written += 1;
        }
        self.written = 0;
        self.announced = Some(self.uptime);
        Ok(())
    }
}

impl<T: Transport> Export<RecordedKey> for ExportingProcess<T> {
    /// That the template was announced before is the host's to see to: one process announces
    /// for all that send in the same domain.
    fn export(&mut self, record: &FlowRecord<RecordedKey>) -> Result<(), NoRoom> {
        let Octets { octets, length } = encode(record);
        let template = record.key.layout().template().id;
        let message = self.append(MessageKind::Data, template.0, &octets[..length])?;
        message.data_records += 1;
        message.flow_records += 1;
        Ok(())
    }
}

#[cfg(test)]
mod golden;

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(bits: u8, recorded: Recorded) -> Vec<u16> {
        let layout = Layout::new(Layers::from_bits(bits), recorded);
        let fields = layout.template().fields.iter();
        fields.map(|field| field.element.number()).collect()
    }

    #[test]
    fn layouts_have_the_elements_that_collectors_know_in_their_order() {
        let common = [10, 14, 61, 2, 156, 157];
        assert_eq!(numbers(1, Recorded::Frame)[..6], common);
        assert_eq!(numbers(1, Recorded::Frame)[6..], [56, 80, 256]);
        assert_eq!(numbers(7, Recorded::Frame)[6..], [56, 80, 256]);
        assert_eq!(
            numbers(7, Recorded::Ipv4)[6..],
            [56, 80, 256, 8, 12, 4, 1, 7, 11, 6]
        );
        assert_eq!(numbers(2, Recorded::Ipv6)[6..], [27, 28, 4, 1]);
        assert_eq!(numbers(4, Recorded::Ipv6)[6..], [7, 11, 6]);
    }

    #[test]
    fn a_record_is_as_long_as_its_template_says() {
        for bits in 1..8 {
            for recorded in [Recorded::Frame, Recorded::Ipv4, Recorded::Ipv6] {
                let layout = Layout::new(Layers::from_bits(bits), recorded);
                let length = layout.template().record_length();
                assert!(length <= OCTETS, "{layout:?}");
                let record = FlowRecord {
                    key: RecordedKey::of_layout(layout),
                    attributes: (),
                    packets: 1,
                    octets: 64,
                    start: Timestamp::default(),
                    end: Timestamp::default(),
                    ingress_vrf: 0,
                    egress_vrf: 0,
                    type_of_service: 0,
                    tcp_flags: 0,
                    end_reason: crate::metering::EndReason::ForcedEnd,
                };
                assert_eq!(encode(&record).length, length, "{layout:?}");
            }
        }
    }
}
