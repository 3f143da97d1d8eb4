// SPDX-License-Identifier: Apache-2.0
//! Flow records as Data Records (RFC 7011 §3.4.3), and the templates that describe them.
//!
//! One list defines each layout; a macro makes both the template and the encoder from it.

use super::information_element::*;
use super::template::{FieldSpecifier, Template, TemplateId};
use crate::flow::{FlowKey, Ipv4Key, Ipv6Key, L2Key, Observed};
use crate::metering::FlowRecord;
use crate::number::protocol;
use crate::observation::Direction;

/// A key whose flow records have a template.
pub trait FlowTemplate: FlowKey {
    /// The template.
    const TEMPLATE: Template;

    /// One Data Record (RFC 7011 §3.4.3).
    type Octets: AsRef<[u8]>;

    /// Returns the Data Record of a flow record, in network byte order.
    fn encode(record: &FlowRecord<Self>) -> Self::Octets;
}

/// Declares a layout: `ELEMENT: value`, each value an array of as many octets as the element's type
/// has, or `ELEMENT / octets: value` for fewer (RFC 7011 §6.2).
macro_rules! flow_template {
    ($key:ty, $id:literal, |$record:ident| {
        $($element:ident $(/ $length:literal)?: $value:expr,)+
    }) => {
        impl FlowTemplate for $key {
            const TEMPLATE: Template = Template {
                id: TemplateId($id),
                scope_fields: 0,
                fields: &[$(field!($element $(/ $length)?),)+],
            };

            type Octets = [u8; <$key>::TEMPLATE.record_length()];

            #[inline(always)]
            fn encode($record: &FlowRecord<Self>) -> Self::Octets {
                let mut octets = [0; <$key>::TEMPLATE.record_length()];
                let mut offset = 0;
                $({
                    const LENGTH: usize = field!($element $(/ $length)?).length() as usize;
                    let value: [u8; LENGTH] = $value;
                    octets[offset..offset + LENGTH].copy_from_slice(&value);
                    offset += LENGTH;
                })+
                debug_assert_eq!(offset, octets.len());
                octets
            }
        }
    };
}

macro_rules! field {
    ($element:ident) => {
        FieldSpecifier::new($element)
    };
    ($element:ident / $length:literal) => {
        FieldSpecifier::with_length($element, $length)
    };
}

/// The layout that IPv4 and IPv6 share: between their addresses and their last fields.
macro_rules! ip_flow_template {
    ($key:ty, $id:literal, version $version:literal, icmp $icmp:expr, |$record:ident| {
        $source:ident, $destination:ident,
        $icmp_type_code:ident
        $(, $element:ident: $value:expr)*
    }) => {
        flow_template!($key, $id, |$record| {
            $source: $record.key.source,
            $destination: $record.key.destination,
            SOURCE_TRANSPORT_PORT: $record.key.ports.source,
            DESTINATION_TRANSPORT_PORT: if $record.key.observed.protocol == u16::from($icmp) {
                [0; 2]
            } else {
                $record.key.ports.destination
            },
            PROTOCOL_IDENTIFIER: [$record.key.observed.protocol as u8],
            IP_CLASS_OF_SERVICE: [$record.type_of_service],
            TCP_CONTROL_BITS / 1: [$record.tcp_flags],
            IP_VERSION: [$version],
            INGRESS_INTERFACE: $record.key.observed.ingress_interface.to_be_bytes(),
            EGRESS_INTERFACE: $record.key.observed.egress_interface.to_be_bytes(),
            PACKET_DELTA_COUNT: $record.packets.to_be_bytes(),
            OCTET_DELTA_COUNT: $record.octets.to_be_bytes(),
            FLOW_START_MILLISECONDS: $record.start.as_millis().to_be_bytes(),
            FLOW_END_MILLISECONDS: $record.end.as_millis().to_be_bytes(),
            $icmp_type_code: if $record.key.observed.protocol == u16::from($icmp) {
                $record.key.ports.destination
            } else {
                [0; 2]
            },
            VLAN_ID: $record.key.observed.vlan().to_be_bytes(),
            INGRESS_VRFID: $record.ingress_vrf.to_be_bytes(),
            EGRESS_VRFID: $record.egress_vrf.to_be_bytes(),
            FORWARDING_STATUS / 1: [forwarding_status(&$record.key.observed)],
            FLOW_DIRECTION: [$record.key.observed.direction() as u8],
            FLOW_END_REASON: [$record.end_reason as u8],
            $($element: $value,)*
        });
    };
}

ip_flow_template!(Ipv4Key, 256, version 4, icmp protocol::ICMP, |record| {
    SOURCE_IPV4_ADDRESS, DESTINATION_IPV4_ADDRESS,
    ICMP_TYPE_CODE_IPV4
});

ip_flow_template!(Ipv6Key, 257, version 6, icmp protocol::ICMPV6, |record| {
    SOURCE_IPV6_ADDRESS, DESTINATION_IPV6_ADDRESS,
    ICMP_TYPE_CODE_IPV6,
    FLOW_LABEL_IPV6: record.attributes.to_be_bytes()
});

flow_template!(L2Key, 258, |record| {
    SOURCE_MAC_ADDRESS: record.key.source,
    DESTINATION_MAC_ADDRESS: record.key.destination,
    ETHERNET_TYPE: record.key.observed.protocol.to_be_bytes(),
    VLAN_ID: record.key.observed.vlan().to_be_bytes(),
    INGRESS_INTERFACE: record.key.observed.ingress_interface.to_be_bytes(),
    EGRESS_INTERFACE: record.key.observed.egress_interface.to_be_bytes(),
    PACKET_DELTA_COUNT: record.packets.to_be_bytes(),
    OCTET_DELTA_COUNT: record.octets.to_be_bytes(),
    FLOW_START_MILLISECONDS: record.start.as_millis().to_be_bytes(),
    FLOW_END_MILLISECONDS: record.end.as_millis().to_be_bytes(),
    FLOW_DIRECTION: [record.key.observed.direction() as u8],
    FLOW_END_REASON: [record.end_reason as u8],
});

/// Returns the forwarding status (RFC 7270 §4.12): unknown at ingress; a packet that is observed at
/// egress was forwarded.
fn forwarding_status(observed: &Observed) -> u8 {
    const UNKNOWN: u8 = 0;
    const FORWARDED: u8 = 0b0100_0000;
    match observed.direction() {
        Direction::Ingress => UNKNOWN,
        Direction::Egress => FORWARDED,
    }
}
