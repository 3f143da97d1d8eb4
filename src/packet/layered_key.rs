// SPDX-License-Identifier: Apache-2.0
//! The key of a layered flow, of a packet's headers: by the fast path or by dissection.

use super::plain::{plain_ipv4, plain_ipv6};
use super::{Dissection, Headers, Packet, dissect};
use crate::flow::{
    FlowKey, IgnoredReason, Ipv4Key, Ipv6Key, L2Key, LayerSelection, LayeredKey, Layers, Layout,
    LayoutKind, Observed, Ports,
};
use crate::number::ether_type::{IPV4, IPV6};
use crate::number::protocol;
use crate::observation::{LinkType, ObservationPoint};

impl LayeredKey {
    /// The short way for IPv4 packets that have one: [`plain_ipv4`].
    #[inline(always)]
    pub(crate) fn read_ipv4(
        packet: &Packet<'_>,
        selection: LayerSelection,
    ) -> Option<Headers<Self>> {
        if !selection.is_of_ip() {
            return None;
        }
        let headers = plain_ipv4(packet)?;
        let [addresses, behind @ ..] = headers.key.words();
        let [source, destination]: [u32; 2] = bytemuck::cast(addresses);
        let word = |address: u32| bytemuck::cast([address, 0]);
        let addresses = [word(source), 0, word(destination), 0];
        Some(Self::of_plain(
            packet, selection, &headers, addresses, behind, IPV4,
        ))
    }

    /// The same for IPv6 packets: [`plain_ipv6`].
    #[inline(always)]
    pub(crate) fn read_ipv6(
        packet: &Packet<'_>,
        selection: LayerSelection,
    ) -> Option<Headers<Self>> {
        if !selection.is_of_ip() {
            return None;
        }
        let headers = plain_ipv6(packet)?;
        let [a, b, c, d, behind @ ..] = headers.key.words();
        Some(Self::of_plain(
            packet,
            selection,
            &headers,
            [a, b, c, d],
            behind,
            IPV6,
        ))
    }

    /// The key of a packet with ports, made of whole words, so that it is never written in parts
    /// and read as a whole. `behind` are the words of ports and observation point.
    #[inline(always)]
    fn of_plain<K: FlowKey>(
        packet: &Packet<'_>,
        selection: LayerSelection,
        headers: &Headers<K>,
        addresses: [u64; 4],
        behind: [u64; 2],
        ether_type: u16,
    ) -> Headers<Self> {
        let layers = selection.layers;
        let kind = if ether_type == IPV4 {
            LayoutKind::Ipv4
        } else {
            LayoutKind::Ipv6
        };
        let mask = |layer: Layers| u64::from(layers.has(layer)).wrapping_neg();
        let (l2, l3, l4) = (mask(Layers::L2), mask(Layers::L3), mask(Layers::L4));
        let [ports, ingress]: [u32; 2] = bytemuck::cast(behind[0]);
        let [egress, rest]: [u32; 2] = bytemuck::cast(behind[1]);
        let [vlan_and_direction, protocol]: [u16; 2] = bytemuck::cast(rest);
        let is_ethernet = packet.point.link_type == LinkType::Ethernet;
        let stations: &[u8; 12] = match packet.data.first_chunk() {
            Some(stations) if is_ethernet => stations,
            _ => &[0; 12],
        };
        let [first, second, third]: [u32; 3] = bytemuck::pod_read_unaligned(stations);
        let layout = Layout::new(layers, kind);
        let last = [
            vlan_and_direction & Observed::DIRECTION,
            protocol & (l3 | l4) as u16,
            ether_type & l2 as u16,
            u16::from_ne_bytes([layout.number() as u8, 0]),
        ];
        let [a, b, c, d] = addresses.map(|word| word & l3);
        let stations: u64 = bytemuck::cast([first, second]);
        let third_and_ports = bytemuck::cast([third & l2 as u32, ports & l4 as u32]);
        let interfaces = bytemuck::cast([ingress, egress]);
        let last = bytemuck::cast(last);
        let words = [a, b, c, d, stations & l2, third_and_ports, interfaces, last];
        Headers {
            key: bytemuck::cast(words),
            octets: headers.octets,
            packets: headers.packets,
            type_of_service: headers.type_of_service,
            tcp_flags: headers.tcp_flags & l4 as u8,
            attributes: (),
        }
    }

    /// Reads what is recorded of `packet`, whatever headers it has.
    #[inline]
    pub(crate) fn read(
        packet: &Packet<'_>,
        selection: LayerSelection,
    ) -> Result<Headers<Self>, IgnoredReason> {
        let LayerSelection { layers, frames } = selection;
        let as_ip = selection.is_of_ip();
        match dissect(packet) {
            Dissection::Ipv4(headers) if as_ip => Ok(Self::of_ipv4(packet, layers, headers)),
            Dissection::Ipv6(headers) if as_ip => Ok(Self::of_ipv6(packet, layers, headers)),
            Dissection::Ipv4(headers) => Ok(Self::of_frame(packet, layers, IPV4, headers)),
            Dissection::Ipv6(headers) => Ok(Self::of_frame(packet, layers, IPV6, headers)),
            // A record without layers would say nothing.
            Dissection::NonIp(headers) if frames && layers.has(Layers::L2) => {
                let ether_type = headers.key.observed.protocol;
                Ok(Self::of_frame::<L2Key>(packet, layers, ether_type, headers))
            }
            Dissection::NonIp(_) => Err(IgnoredReason::NonIp),
            Dissection::Ignored(reason) => Err(reason),
        }
    }

    fn of_ipv4(packet: &Packet<'_>, layers: Layers, headers: Headers<Ipv4Key>) -> Headers<Self> {
        let Ipv4Key {
            source,
            destination,
            ports,
            observed,
        } = headers.key;
        let layout = Layout::new(layers, LayoutKind::Ipv4);
        let mut key = Self::new(packet, layout, observed.protocol, IPV4);
        if layers.has(Layers::L3) {
            key.source[..4].copy_from_slice(&source);
            key.destination[..4].copy_from_slice(&destination);
        }
        key.with_ports(layers, ports, &headers, protocol::ICMP.into())
    }

    fn of_ipv6(packet: &Packet<'_>, layers: Layers, headers: Headers<Ipv6Key>) -> Headers<Self> {
        let Ipv6Key {
            source,
            destination,
            ports,
            observed,
        } = headers.key;
        let layout = Layout::new(layers, LayoutKind::Ipv6);
        let mut key = Self::new(packet, layout, observed.protocol, IPV6);
        if layers.has(Layers::L3) {
            key.source = source;
            key.destination = destination;
        }
        key.with_ports(layers, ports, &headers, protocol::ICMPV6.into())
    }

    fn of_frame<K: FlowKey>(
        packet: &Packet<'_>,
        layers: Layers,
        ether_type: u16,
        headers: Headers<K>,
    ) -> Headers<Self> {
        let layout = Layout::new(layers, LayoutKind::Frame);
        let key = Self::new(packet, layout, 0, ether_type);
        key.with_measures(&headers, 0)
    }

    /// The key with the observation point's part and the link layer's.
    #[inline(always)]
    fn new(packet: &Packet<'_>, layout: Layout, payload: u16, ether_type: u16) -> Self {
        // No layout has VLANs: flows that differ there only would look the same.
        let point = ObservationPoint {
            vlan: 0,
            ..packet.point
        };
        let layers = layout.layers();
        let has_protocol = layers.has(Layers::L3) || layers.has(Layers::L4);
        let payload = if has_protocol { payload } else { 0 };
        let mut key = Self {
            observed: Observed::new(&point, 0, payload),
            ..Self::of_layout(layout)
        };
        if layers.has(Layers::L2) {
            key.ether_type = ether_type;
            let is_ethernet = packet.point.link_type == LinkType::Ethernet;
            if let Some(addresses) = packet.data.get(..12).filter(|_| is_ethernet) {
                key.destination_mac.copy_from_slice(&addresses[..6]);
                key.source_mac.copy_from_slice(&addresses[6..]);
            }
        }
        key
    }

    /// `icmp` is the protocol whose type and code stand for ports elsewhere.
    #[inline(always)]
    fn with_ports<K: FlowKey>(
        mut self,
        layers: Layers,
        ports: Ports,
        headers: &Headers<K>,
        icmp: u16,
    ) -> Headers<Self> {
        if !layers.has(Layers::L4) {
            return self.with_measures(headers, 0);
        }
        if self.observed.protocol != icmp {
            self.ports = ports;
        }
        self.with_measures(headers, headers.tcp_flags)
    }

    #[inline(always)]
    fn with_measures<K: FlowKey>(self, headers: &Headers<K>, tcp_flags: u8) -> Headers<Self> {
        Headers {
            key: self,
            octets: headers.octets,
            packets: headers.packets,
            type_of_service: headers.type_of_service,
            tcp_flags,
            attributes: (),
        }
    }
}
