// SPDX-License-Identifier: Apache-2.0
//! The records that VPP's flowprobe exports, for collectors and scripts that expect them.
//!
//! Elements, their order and their values are flowprobe's, even where these differ from the RFCs:
//! `ethernetType` is in the machine's byte order, and the second half of `flowStartNanoseconds` and
//! `flowEndNanoseconds` counts nanoseconds, where RFC 7011 §6.1.10 has fractions of a second. Template
//! ids are constants, as for other records.

use super::information_element::*;
use super::process::ExportingProcess;
use super::template::{FieldSpecifier, Template, TemplateId};
use super::writer::Transport;
use crate::metering::{Export, ExportRefused, FlowRecord, LayeredKey, Layers, Layout, LayoutKind};
use crate::time::Timestamp;

/// The template id of layout 0. A layout's id is this plus its number.
const FIRST_TEMPLATE: u16 = 272;

/// Elements of the longest layout.
const FIELDS: usize = 16;
/// Octets of the longest record: with everything, and IPv6 addresses.
const OCTETS: usize = 33 + 14 + 41 + 6;

/// A field, and the layouts that have it.
struct Field {
    specifier: FieldSpecifier,
    layer: Option<Layers>,
    kind: Option<LayoutKind>,
}

const fn common(element: InformationElement) -> Field {
    Field {
        specifier: FieldSpecifier::new(element),
        layer: None,
        kind: None,
    }
}

const fn layer(layer: Layers, element: InformationElement) -> Field {
    Field {
        layer: Some(layer),
        ..common(element)
    }
}

const fn address(kind: LayoutKind, element: InformationElement) -> Field {
    Field {
        kind: Some(kind),
        ..layer(Layers::L3, element)
    }
}

/// Every field, in the order that all layouts have.
const ALL: [Field; 18] = [
    common(INGRESS_INTERFACE),
    common(EGRESS_INTERFACE),
    common(FLOW_DIRECTION),
    common(PACKET_DELTA_COUNT),
    common(FLOW_START_NANOSECONDS),
    common(FLOW_END_NANOSECONDS),
    layer(Layers::L2, SOURCE_MAC_ADDRESS),
    layer(Layers::L2, DESTINATION_MAC_ADDRESS),
    layer(Layers::L2, ETHERNET_TYPE),
    address(LayoutKind::Ipv4, SOURCE_IPV4_ADDRESS),
    address(LayoutKind::Ipv4, DESTINATION_IPV4_ADDRESS),
    address(LayoutKind::Ipv6, SOURCE_IPV6_ADDRESS),
    address(LayoutKind::Ipv6, DESTINATION_IPV6_ADDRESS),
    layer(Layers::L3, PROTOCOL_IDENTIFIER),
    layer(Layers::L3, OCTET_DELTA_COUNT),
    layer(Layers::L4, SOURCE_TRANSPORT_PORT),
    layer(Layers::L4, DESTINATION_TRANSPORT_PORT),
    layer(Layers::L4, TCP_CONTROL_BITS),
];

impl Field {
    const fn is_in(&self, layout: Layout) -> bool {
        let layer = match self.layer {
            None => true,
            // A frame's record ends with its link layer.
            Some(layer) if layer.bits() != Layers::L2.bits() => {
                layout.layers().has(layer) && !layout.is(LayoutKind::Frame)
            }
            Some(layer) => layout.layers().has(layer),
        };
        let kind = match self.kind {
            None => true,
            Some(kind) => layout.is(kind),
        };
        layer && kind
    }
}

/// The fields of each layout, and their number.
static LAYOUTS: [([FieldSpecifier; FIELDS], usize); Layout::COUNT] = layouts();

const fn layouts() -> [([FieldSpecifier; FIELDS], usize); Layout::COUNT] {
    let unused = FieldSpecifier::new(INGRESS_INTERFACE);
    let mut layouts = [([unused; FIELDS], 0); Layout::COUNT];
    let mut number = 0;
    while number < Layout::COUNT {
        let (fields, length) = &mut layouts[number];
        let mut index = 0;
        while index < ALL.len() {
            if ALL[index].is_in(Layout::from_number(number)) {
                fields[*length] = ALL[index].specifier;
                *length += 1;
            }
            index += 1;
        }
        number += 1;
    }
    layouts
}

impl Layout {
    /// Returns its template.
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

fn encode(record: &FlowRecord<LayeredKey>) -> Octets {
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
    if layout.is(LayoutKind::Frame) {
        return octets;
    }
    if layers.has(Layers::L3) {
        let length = if layout.is(LayoutKind::Ipv4) { 4 } else { 16 };
        octets.put(&key.source[..length]);
        octets.put(&key.destination[..length]);
        octets.put(&[observed.protocol as u8]);
        octets.put(&record.octets.to_be_bytes());
    }
    if layers.has(Layers::L4) {
        octets.put(&key.ports.source);
        octets.put(&key.ports.destination);
        octets.put(&[0, record.tcp_flags]);
    }
    octets
}

impl<T: Transport> Export<LayeredKey> for ExportingProcess<T> {
    fn export(&mut self, record: &FlowRecord<LayeredKey>) -> Result<(), ExportRefused> {
        let layout = record.key.layout();
        if !self.writer.session.has(layout) {
            self.announce_layout(layout)?;
        }
        let Octets { octets, length } = encode(record);
        self.writer
            .append_flow(&layout.template(), &octets[..length])
    }
}

#[cfg(test)]
mod golden;

#[cfg(test)]
mod tests {
    use super::super::tests::record;
    use super::*;

    fn numbers(bits: u8, kind: LayoutKind) -> Vec<u16> {
        let layout = Layout::new(Layers::from_bits(bits), kind);
        let fields = layout.template().fields.iter();
        fields.map(|field| field.element().number()).collect()
    }

    #[test]
    fn layouts_have_the_elements_that_collectors_know_in_their_order() {
        let common = [10, 14, 61, 2, 156, 157];
        assert_eq!(numbers(1, LayoutKind::Frame)[..6], common);
        assert_eq!(numbers(1, LayoutKind::Frame)[6..], [56, 80, 256]);
        assert_eq!(numbers(7, LayoutKind::Frame)[6..], [56, 80, 256]);
        assert_eq!(
            numbers(7, LayoutKind::Ipv4)[6..],
            [56, 80, 256, 8, 12, 4, 1, 7, 11, 6]
        );
        assert_eq!(numbers(2, LayoutKind::Ipv6)[6..], [27, 28, 4, 1]);
        assert_eq!(numbers(4, LayoutKind::Ipv6)[6..], [7, 11, 6]);
    }

    #[test]
    fn a_record_is_as_long_as_its_template_says() {
        for bits in 1..8 {
            for kind in [LayoutKind::Frame, LayoutKind::Ipv4, LayoutKind::Ipv6] {
                let layout = Layout::new(Layers::from_bits(bits), kind);
                let length = layout.template().record_length();
                assert!(length <= OCTETS, "{layout:?}");
                let record = record(LayeredKey::of_layout(layout), ());
                assert_eq!(encode(&record).length, length, "{layout:?}");
            }
        }
    }
}
