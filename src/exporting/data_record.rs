// SPDX-License-Identifier: Apache-2.0
//! Flow records as Data Records (RFC 7011 §3.4.3), and the templates that describe them.
//!
//! One list states each layout; template and encoder are both made from it.

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

    /// One Data Record.
    type Octets: AsRef<[u8]>;

    /// The record's Data Record, in network byte order.
    fn encode(record: &FlowRecord<Self>) -> Self::Octets;
}

/// Declares a layout: `ELEMENT / octets: value`, each value an array of so many octets.
macro_rules! flow_template {
    ($key:ty, $id:literal, |$record:ident| {
        $($element:ident / $length:literal: $value:expr,)+
    }) => {
        impl FlowTemplate for $key {
            const TEMPLATE: Template = Template {
                id: TemplateId($id),
                scope_fields: 0,
                fields: &[$(FieldSpecifier { element: $element, length: $length },)+],
            };

            type Octets = [u8; 0 $(+ $length)+];

            #[inline(always)]
            fn encode($record: &FlowRecord<Self>) -> Self::Octets {
                let mut octets = [0; 0 $(+ $length)+];
                let mut offset = 0;
                $(
                    let value: [u8; $length] = $value;
                    octets[offset..offset + $length].copy_from_slice(&value);
                    offset += $length;
                )+
                debug_assert_eq!(offset, octets.len());
                octets
            }
        }
    };
}

/// The layout that IPv4 and IPv6 share: between their addresses and their last fields.
macro_rules! ip_flow_template {
    ($key:ty, $id:literal, version $version:literal, icmp $icmp:expr, |$record:ident| {
        $source:ident, $destination:ident / $address:literal,
        $icmp_type_code:ident
        $(, $element:ident / $length:literal: $value:expr)*
    }) => {
        flow_template!($key, $id, |$record| {
            $source / $address: $record.key.source,
            $destination / $address: $record.key.destination,
            SOURCE_TRANSPORT_PORT / 2: $record.key.ports.source,
            DESTINATION_TRANSPORT_PORT / 2: if $record.key.observed.protocol == u16::from($icmp) {
                [0; 2]
            } else {
                $record.key.ports.destination
            },
            PROTOCOL_IDENTIFIER / 1: [$record.key.observed.protocol as u8],
            IP_CLASS_OF_SERVICE / 1: [$record.type_of_service],
            TCP_CONTROL_BITS / 1: [$record.tcp_flags],
            IP_VERSION / 1: [$version],
            INGRESS_INTERFACE / 4: $record.key.observed.ingress_interface.to_be_bytes(),
            EGRESS_INTERFACE / 4: $record.key.observed.egress_interface.to_be_bytes(),
            PACKET_DELTA_COUNT / 8: $record.packets.to_be_bytes(),
            OCTET_DELTA_COUNT / 8: $record.octets.to_be_bytes(),
            FLOW_START_MILLISECONDS / 8: $record.start.as_millis().to_be_bytes(),
            FLOW_END_MILLISECONDS / 8: $record.end.as_millis().to_be_bytes(),
            $icmp_type_code / 2: if $record.key.observed.protocol == u16::from($icmp) {
                $record.key.ports.destination
            } else {
                [0; 2]
            },
            VLAN_ID / 2: $record.key.observed.vlan().to_be_bytes(),
            INGRESS_VRF_ID / 4: $record.ingress_vrf.to_be_bytes(),
            EGRESS_VRF_ID / 4: $record.egress_vrf.to_be_bytes(),
            FORWARDING_STATUS / 1: [forwarding_status(&$record.key.observed)],
            FLOW_DIRECTION / 1: [$record.key.observed.direction() as u8],
            FLOW_END_REASON / 1: [$record.end_reason as u8],
            $($element / $length: $value,)*
        });
    };
}

ip_flow_template!(Ipv4Key, 256, version 4, icmp protocol::ICMP, |record| {
    SOURCE_IPV4_ADDRESS, DESTINATION_IPV4_ADDRESS / 4,
    ICMP_TYPE_CODE_IPV4
});

ip_flow_template!(Ipv6Key, 257, version 6, icmp protocol::ICMPV6, |record| {
    SOURCE_IPV6_ADDRESS, DESTINATION_IPV6_ADDRESS / 16,
    ICMP_TYPE_CODE_IPV6,
    FLOW_LABEL_IPV6 / 4: record.attributes.to_be_bytes()
});

flow_template!(L2Key, 258, |record| {
    SOURCE_MAC_ADDRESS / 6: record.key.source,
    DESTINATION_MAC_ADDRESS / 6: record.key.destination,
    ETHERNET_TYPE / 2: record.key.observed.protocol.to_be_bytes(),
    VLAN_ID / 2: record.key.observed.vlan().to_be_bytes(),
    INGRESS_INTERFACE / 4: record.key.observed.ingress_interface.to_be_bytes(),
    EGRESS_INTERFACE / 4: record.key.observed.egress_interface.to_be_bytes(),
    PACKET_DELTA_COUNT / 8: record.packets.to_be_bytes(),
    OCTET_DELTA_COUNT / 8: record.octets.to_be_bytes(),
    FLOW_START_MILLISECONDS / 8: record.start.as_millis().to_be_bytes(),
    FLOW_END_MILLISECONDS / 8: record.end.as_millis().to_be_bytes(),
    FLOW_DIRECTION / 1: [record.key.observed.direction() as u8],
    FLOW_END_REASON / 1: [record.end_reason as u8],
});

/// What is known of a flow's fate (RFC 7270 §4.12): on the way in nothing yet; a packet that
/// is seen on its way out was forwarded.
fn forwarding_status(observed: &Observed) -> u8 {
    const UNKNOWN: u8 = 0;
    const FORWARDED: u8 = 0b0100_0000;
    match observed.direction() {
        Direction::Ingress => UNKNOWN,
        Direction::Egress => FORWARDED,
    }
}
