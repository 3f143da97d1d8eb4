// SPDX-License-Identifier: Apache-2.0
//! The key of a layered flow, made of a packet's headers.
//!
//! There is one mapping, [`LayeredKey::of`], for headers that were read either way: by `plain` or
//! by `dissect`.

use super::plain::{plain_ipv4, plain_ipv6};
use super::{Dissection, Headers, Packet, dissect};
use crate::flow::{
    FlowKey, IgnoredReason, Ipv4Key, Ipv6Key, LayerSelection, LayeredKey, Layers, Layout,
    LayoutKind, Observed,
};
use crate::number::{ether_type, protocol};
use crate::observation::LinkType;

/// What the kinds of keys have in different places.
struct Fields {
    kind: LayoutKind,
    ether_type: u16,
    /// Source and destination, as in [`LayeredKey`].
    addresses: [u64; 4],
    /// The key's last two words: ports, or type and code, and the observation point.
    last: [u64; 2],
    /// Whether these are ports.
    has_ports: bool,
}

impl Fields {
    #[inline(always)]
    fn of_ipv4(key: &Ipv4Key, has_ports: bool) -> Self {
        let [addresses, last @ ..] = key.words();
        let [source, destination]: [u32; 2] = bytemuck::cast(addresses);
        let word = |address: u32| bytemuck::cast([address, 0]);
        Self {
            kind: LayoutKind::Ipv4,
            ether_type: ether_type::IPV4,
            addresses: [word(source), 0, word(destination), 0],
            last,
            has_ports,
        }
    }

    #[inline(always)]
    fn of_ipv6(key: &Ipv6Key, has_ports: bool) -> Self {
        let [a, b, c, d, last @ ..] = key.words();
        Self {
            kind: LayoutKind::Ipv6,
            ether_type: ether_type::IPV6,
            addresses: [a, b, c, d],
            last,
            has_ports,
        }
    }

    /// `last` are the last two words of the frame's key.
    #[inline(always)]
    fn of_frame(last: [u64; 2], ether_type: u16) -> Self {
        Self {
            kind: LayoutKind::Frame,
            ether_type,
            addresses: [0; 4],
            last,
            has_ports: false,
        }
    }
}

impl LayeredKey {
    /// Reads an IPv4 packet with usual headers; `None` for any other, as [`plain_ipv4`].
    #[inline(always)]
    pub(crate) fn read_ipv4(
        packet: &Packet<'_>,
        selection: LayerSelection,
    ) -> Option<Headers<Self>> {
        if !selection.is_of_ip() {
            return None;
        }
        let headers = plain_ipv4(packet)?;
        let fields = Fields::of_ipv4(&headers.key, true);
        Some(Self::of(packet, selection.layers, &headers, fields))
    }

    /// Reads an IPv6 packet with usual headers; `None` for any other, as [`plain_ipv6`].
    #[inline(always)]
    pub(crate) fn read_ipv6(
        packet: &Packet<'_>,
        selection: LayerSelection,
    ) -> Option<Headers<Self>> {
        if !selection.is_of_ip() {
            return None;
        }
        let headers = plain_ipv6(packet)?;
        let fields = Fields::of_ipv6(&headers.key, true);
        Some(Self::of(packet, selection.layers, &headers, fields))
    }

    /// Reads a packet, whatever headers it has.
    ///
    /// # Errors
    /// It has no key, or only one that was not selected.
    #[inline]
    pub(crate) fn read(
        packet: &Packet<'_>,
        selection: LayerSelection,
    ) -> Result<Headers<Self>, IgnoredReason> {
        let LayerSelection { layers, frames } = selection;
        let is_of_ip = selection.is_of_ip();
        match dissect(packet) {
            Dissection::Ipv4(headers) => {
                let has_ports = headers.key.observed.protocol != u16::from(protocol::ICMP);
                let mut fields = Fields::of_ipv4(&headers.key, has_ports);
                if !is_of_ip {
                    fields = Fields::of_frame(fields.last, ether_type::IPV4);
                }
                Ok(Self::of(packet, layers, &headers, fields))
            }
            Dissection::Ipv6(headers) => {
                let has_ports = headers.key.observed.protocol != u16::from(protocol::ICMPV6);
                let mut fields = Fields::of_ipv6(&headers.key, has_ports);
                if !is_of_ip {
                    fields = Fields::of_frame(fields.last, ether_type::IPV6);
                }
                Ok(Self::of(packet, layers, &headers, fields))
            }
            // A record without layers would have no content.
            Dissection::NonIp(headers) if frames && layers.has(Layers::L2) => {
                let [_, last @ ..] = headers.key.words();
                let fields = Fields::of_frame(last, headers.key.observed.protocol);
                Ok(Self::of(packet, layers, &headers, fields))
            }
            Dissection::NonIp(_) => Err(IgnoredReason::NonIp),
            Dissection::Ignored(reason) => Err(reason),
        }
    }

    /// Returns the key and measures of a packet with these headers. The fields of layers that are
    /// not recorded are zero; so is the VLAN, which no layout has.
    ///
    /// The key is made of whole words: if its fields were written one by one and then read as
    /// words, the processor could not forward them.
    #[inline(always)]
    fn of<K: FlowKey>(
        packet: &Packet<'_>,
        layers: Layers,
        headers: &Headers<K>,
        fields: Fields,
    ) -> Headers<Self> {
        let layout = Layout::new(layers, fields.kind);
        let has_ip = !layout.is(LayoutKind::Frame);
        let mask = |is_recorded: bool| u64::from(is_recorded).wrapping_neg();
        let l2 = mask(layers.has(Layers::L2));
        let l3 = mask(layers.has(Layers::L3) && has_ip);
        let l4 = mask(layers.has(Layers::L4) && has_ip);
        let has_ports = mask(fields.has_ports);
        let [ports, ingress]: [u32; 2] = bytemuck::cast(fields.last[0]);
        let [egress, rest]: [u32; 2] = bytemuck::cast(fields.last[1]);
        let [vlan_and_direction, protocol]: [u16; 2] = bytemuck::cast(rest);
        let is_ethernet = packet.point.link_type == LinkType::Ethernet;
        let macs: &[u8; 12] = match packet.data.first_chunk() {
            Some(macs) if is_ethernet => macs,
            _ => &[0; 12],
        };
        let [first, second, third]: [u32; 3] = bytemuck::pod_read_unaligned(macs);
        let [a, b, c, d] = fields.addresses.map(|word| word & l3);
        let macs: u64 = bytemuck::cast([first, second]);
        let ports = ports & (l4 & has_ports) as u32;
        let third_and_ports = bytemuck::cast([third & l2 as u32, ports]);
        let interfaces = bytemuck::cast([ingress, egress]);
        let last = bytemuck::cast([
            vlan_and_direction & Observed::DIRECTION,
            protocol & (l3 | l4) as u16,
            fields.ether_type & l2 as u16,
            u16::from_ne_bytes([layout.number() as u8, 0]),
        ]);
        let words = [a, b, c, d, macs & l2, third_and_ports, interfaces, last];
        Headers {
            key: bytemuck::cast(words),
            octets: headers.octets,
            packets: headers.packets,
            type_of_service: headers.type_of_service,
            tcp_flags: headers.tcp_flags & l4 as u8,
            attributes: (),
        }
    }
}
