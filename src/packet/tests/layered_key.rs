// SPDX-License-Identifier: Apache-2.0
//! Layered keys against a naive mapping, which sets one field after the other.

use proptest::collection::vec;
use proptest::prelude::*;

use super::properties::frame;
use super::*;
use crate::flow::{FlowKey, LayerSelection, LayeredKey, Layers, Layout, LayoutKind, Observed};

/// What is recorded of `packet`.
fn expected(
    packet: &Packet<'_>,
    selection: LayerSelection,
) -> Result<Headers<LayeredKey>, IgnoredReason> {
    let LayerSelection { layers, frames } = selection;
    let upper = layers.has(Layers::L3) || layers.has(Layers::L4);
    match dissect(packet) {
        Dissection::Ipv4(headers) if frames && !upper => {
            Ok(of_frame(packet, layers, 0x0800, &headers))
        }
        Dissection::Ipv6(headers) if frames && !upper => {
            Ok(of_frame(packet, layers, 0x86dd, &headers))
        }
        Dissection::Ipv4(headers) => {
            let (mut source, mut destination) = ([0; 16], [0; 16]);
            source[..4].copy_from_slice(&headers.key.source);
            destination[..4].copy_from_slice(&headers.key.destination);
            let key = of_link(packet, layers, LayoutKind::Ipv4, 0x0800);
            let is_icmp = headers.key.observed.protocol == 1;
            let ports = if is_icmp { NO_PORTS } else { headers.key.ports };
            Ok(of_ip(key, layers, source, destination, ports, &headers))
        }
        Dissection::Ipv6(headers) => {
            let Ipv6Key {
                source,
                destination,
                ..
            } = headers.key;
            let key = of_link(packet, layers, LayoutKind::Ipv6, 0x86dd);
            let is_icmp = headers.key.observed.protocol == 58;
            let ports = if is_icmp { NO_PORTS } else { headers.key.ports };
            Ok(of_ip(key, layers, source, destination, ports, &headers))
        }
        Dissection::NonIp(headers) if frames && layers.has(Layers::L2) => Ok(of_frame(
            packet,
            layers,
            headers.key.observed.protocol,
            &headers,
        )),
        Dissection::NonIp(_) => Err(IgnoredReason::NonIp),
        Dissection::Ignored(reason) => Err(reason),
    }
}

/// The key of a packet's observation point and link layer.
fn of_link(packet: &Packet<'_>, layers: Layers, kind: LayoutKind, ether_type: u16) -> LayeredKey {
    let mut key = LayeredKey::of_layout(Layout::new(layers, kind));
    key.observed = Observed::new(&packet.point, 0, 0);
    if layers.has(Layers::L2) {
        key.ether_type = ether_type;
        if packet.point.link_type == LinkType::Ethernet {
            key.destination_mac = packet.data[..6].try_into().unwrap();
            key.source_mac = packet.data[6..12].try_into().unwrap();
        }
    }
    key
}

fn of_ip<K: FlowKey>(
    mut key: LayeredKey,
    layers: Layers,
    source: [u8; 16],
    destination: [u8; 16],
    ports: Ports,
    headers: &Headers<K>,
) -> Headers<LayeredKey> {
    if layers.has(Layers::L3) {
        (key.source, key.destination) = (source, destination);
    }
    if layers.has(Layers::L3) || layers.has(Layers::L4) {
        key.observed.protocol = headers.key.observed().protocol;
    }
    if layers.has(Layers::L4) {
        key.ports = ports;
        return with_measures(key, headers, headers.tcp_flags);
    }
    with_measures(key, headers, 0)
}

fn of_frame<K: FlowKey>(
    packet: &Packet<'_>,
    layers: Layers,
    ether_type: u16,
    headers: &Headers<K>,
) -> Headers<LayeredKey> {
    with_measures(
        of_link(packet, layers, LayoutKind::Frame, ether_type),
        headers,
        0,
    )
}

fn with_measures<K: FlowKey>(
    key: LayeredKey,
    headers: &Headers<K>,
    tcp_flags: u8,
) -> Headers<LayeredKey> {
    Headers {
        key,
        octets: headers.octets,
        packets: headers.packets,
        type_of_service: headers.type_of_service,
        tcp_flags,
        attributes: (),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn layered_keys_have_the_fields_of_their_layers(
        ((link_type, header), ip) in frame(),
        changes in vec((0..80usize, any::<u8>()), 0..3),
        vlan in prop::sample::select(vec![0u16, 9]),
        egress in any::<bool>(),
        layers in 0..8u8,
        frames in any::<bool>(),
    ) {
        let mut data = [header, ip].concat();
        for (place, octet) in changes {
            if let Some(changed) = data.get_mut(place) {
                *changed = octet;
            }
        }
        let mut packet = packet(link_type, &data);
        packet.point.vlan = vlan;
        packet.point.ingress_interface = 3;
        packet.point.egress_interface = 4;
        if egress {
            packet.point.direction = crate::observation::Direction::Egress;
        }
        let selection = LayerSelection { layers: Layers::from_bits(layers), frames };
        let expected = expected(&packet, selection);
        prop_assert_eq!(LayeredKey::read(&packet, selection), expected);
        let plain = LayeredKey::read_ipv4(&packet, selection)
            .or_else(|| LayeredKey::read_ipv6(&packet, selection));
        if let Some(headers) = plain {
            prop_assert_eq!(Ok(headers), expected);
        }
    }
}
