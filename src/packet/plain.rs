// SPDX-License-Identifier: Apache-2.0
//! The fast path for the headers that most packets have.
//!
//! It returns what [`dissect`](crate::packet::dissect()) returns, or `None`: then the packet is
//! for `dissect`, as are packets whose length field exceeds the frame.

use super::{Headers, Packet};
use crate::flow::{Ipv4Key, Ipv6Key, Observed};
use crate::number::ether_type::{IPV4, IPV6, VLAN};
use crate::number::protocol;
use crate::observation::LinkType;

/// Offsets in an IPv4 header without options (RFC 791 §3.1) and in the TCP header (RFC 9293
/// §3.1) or UDP header behind it.
mod ipv4 {
    pub(super) const TYPE_OF_SERVICE: usize = 1;
    pub(super) const TOTAL_LENGTH: usize = 2;
    pub(super) const PROTOCOL: usize = 9;
    pub(super) const SOURCE: usize = 12;
    pub(super) const PORTS: usize = 20;
    pub(super) const TCP_FLAGS: usize = 33;
    /// Octets of the header itself.
    pub(super) const HEADER: u32 = 20;
    /// Octets that are read.
    pub(super) const END: usize = 34;
    /// Mask of version, header length and fragment offset in the first eight octets.
    pub(super) const CHECKED: u64 = u64::from_ne_bytes([0xff, 0, 0, 0, 0, 0, 0x1f, 0xff]);
    /// Version 4, no options, no later fragment.
    pub(super) const EXPECTED: u64 = u64::from_ne_bytes([0x45, 0, 0, 0, 0, 0, 0, 0]);
}

/// Offsets in an IPv6 header (RFC 8200 §3) and in the header behind it.
mod ipv6 {
    pub(super) const PAYLOAD_LENGTH: usize = 4;
    pub(super) const NEXT_HEADER: usize = 6;
    pub(super) const SOURCE: usize = 8;
    pub(super) const PORTS: usize = 40;
    pub(super) const TCP_FLAGS: usize = 53;
    /// Octets of the header itself.
    pub(super) const HEADER: u32 = 40;
    /// Octets that are read.
    pub(super) const END: usize = 54;
}

/// Offsets in an Ethernet header (IEEE 802.3 §3.1.1), untagged and with one tag (IEEE 802.1Q
/// §9.3).
mod ethernet {
    pub(super) const TYPE: usize = 12;
    pub(super) const TAG: usize = 14;
    pub(super) const TAGGED_TYPE: usize = 16;
    pub(super) const UNTAGGED_END: usize = 14;
    pub(super) const TAGGED_END: usize = 18;
}

const VLAN_IDENTIFIER: u16 = 0x0fff;

/// A transport protocol: the least length of its packets, and whether they have TCP flags. Both
/// are in one number, so that there is one load and not two.
#[derive(Clone, Copy)]
struct PlainProtocol(u32);

impl PlainProtocol {
    const fn new(least: u32, flags: u8) -> Self {
        Self(least | (flags as u32) << 24)
    }

    /// All protocols, by number.
    const ALL: [Self; 256] = {
        let mut all = [Self::new(1 << 17, 0); 256];
        all[protocol::TCP as usize] = Self::new(34, 0xff);
        all[protocol::UDP as usize] = Self::new(24, 0);
        all
    };

    /// Returns how many octets a packet with an IPv4 header needs for ports and flags to be inside
    /// it and not in Ethernet's padding. For protocols that are not read here, it is more than any
    /// packet has.
    #[inline(always)]
    fn least_length(self) -> u32 {
        self.0 & 0x00ff_ffff
    }

    /// Returns the octet where TCP has its flags; 0 for other protocols. It is a mask because a
    /// branch would be mispredicted if TCP and UDP mix.
    #[inline(always)]
    fn flags(self, octet: u8) -> u8 {
        octet & (self.0 >> 24) as u8
    }
}

/// Returns the first `N` octets of an IP packet, its VLAN, and how many octets are before it. It
/// is raw IP, or has an Ethernet header with at most one VLAN tag and with this EtherType. A packet
/// that is yet to be segmented has none.
#[inline(always)]
fn behind_link<'a, const N: usize>(
    packet: &Packet<'a>,
    ether_type: u16,
) -> Option<(&'a [u8; N], u16, u32)> {
    if packet.segment_size > 0 {
        return None;
    }
    let data = packet.data;
    let vlan = packet.point.vlan;
    match packet.point.link_type {
        LinkType::RawIp => Some((data.first_chunk()?, vlan, 0)),
        LinkType::Ethernet => {
            let octets: &[u8; ethernet::TAGGED_END] = data.first_chunk()?;
            let pair = |offset: usize| u16::from_be_bytes([octets[offset], octets[offset + 1]]);
            let outer = pair(ethernet::TYPE);
            if outer == ether_type {
                let ip = data[ethernet::UNTAGGED_END..].first_chunk()?;
                return Some((ip, vlan, ethernet::UNTAGGED_END as u32));
            }
            if outer != VLAN || pair(ethernet::TAGGED_TYPE) != ether_type {
                return None;
            }
            let tag = pair(ethernet::TAG) & VLAN_IDENTIFIER;
            let vlan = if vlan == 0 { tag } else { vlan };
            let ip = data[ethernet::TAGGED_END..].first_chunk()?;
            Some((ip, vlan, ethernet::TAGGED_END as u32))
        }
        _ => None,
    }
}

/// Reads the headers of a packet that carries TCP or UDP in IPv4 without options and not in a later
/// fragment, behind a link layer that [`behind_link`] reads; `None` for any other.
#[inline(always)]
pub(crate) fn plain_ipv4(packet: &Packet<'_>) -> Option<Headers<Ipv4Key>> {
    let (ip, vlan, link) = behind_link::<{ ipv4::END }>(packet, IPV4)?;
    let pair = |offset: usize| [ip[offset], ip[offset + 1]];

    let octets = u32::from(u16::from_be_bytes(pair(ipv4::TOTAL_LENGTH)));
    let [first] = words(ip, 0);
    let protocol = ip[ipv4::PROTOCOL];
    let transport = PlainProtocol::ALL[usize::from(protocol)];
    if first & ipv4::CHECKED != ipv4::EXPECTED
        || octets < transport.least_length()
        || link + octets > packet.length
    {
        return None;
    }
    let observed = Observed::new(&packet.point, vlan, u16::from(protocol));
    Some(Headers {
        key: Ipv4Key::from_wire(words(ip, ipv4::SOURCE), word(ip, ipv4::PORTS), observed),
        octets,
        packets: 1,
        type_of_service: ip[ipv4::TYPE_OF_SERVICE],
        tcp_flags: transport.flags(ip[ipv4::TCP_FLAGS]),
        attributes: (),
    })
}

/// Reads the headers of a packet that carries TCP or UDP in IPv6 without extension headers, behind
/// a link layer that [`behind_link`] reads; `None` for any other.
#[inline(always)]
pub(crate) fn plain_ipv6(packet: &Packet<'_>) -> Option<Headers<Ipv6Key>> {
    let (ip, vlan, link) = behind_link::<{ ipv6::END }>(packet, IPV6)?;
    let version_class_and_label = u32::from_be(word(ip, 0));
    let pair = |offset: usize| [ip[offset], ip[offset + 1]];
    let payload = u32::from(u16::from_be_bytes(pair(ipv6::PAYLOAD_LENGTH)));
    let octets = ipv6::HEADER + payload;
    let protocol = ip[ipv6::NEXT_HEADER];
    let transport = PlainProtocol::ALL[usize::from(protocol)];
    if version_class_and_label >> 28 != 6
        || payload + ipv4::HEADER < transport.least_length()
        || link + octets > packet.length
    {
        return None;
    }
    let observed = Observed::new(&packet.point, vlan, u16::from(protocol));
    Some(Headers {
        key: Ipv6Key::from_wire(words(ip, ipv6::SOURCE), word(ip, ipv6::PORTS), observed),
        octets,
        packets: 1,
        type_of_service: (version_class_and_label >> 20) as u8,
        tcp_flags: transport.flags(ip[ipv6::TCP_FLAGS]),
        attributes: version_class_and_label & 0x000f_ffff,
    })
}

/// Returns four octets as they are on the wire. They are read at once: the compiler does not always
/// join reads of single octets.
#[inline(always)]
fn word(octets: &[u8], offset: usize) -> u32 {
    bytemuck::pod_read_unaligned(&octets[offset..offset + 4])
}

/// Returns words of eight octets each as they are on the wire.
#[inline(always)]
fn words<const N: usize>(octets: &[u8], offset: usize) -> [u64; N] {
    core::array::from_fn(|word| {
        let offset = offset + 8 * word;
        bytemuck::pod_read_unaligned(&octets[offset..offset + 8])
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::flow::{LayerSelection, LayeredKey, Layers};
    use crate::observation::ObservationPoint;
    use crate::packet::{Dissection, dissect};

    const ETHERNET: [u8; 14] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00];
    const IPV4: [u8; 20] = [
        0x45, 0x28, 0, 60, 1, 2, 0x40, 0, 64, 6, 0, 0, 10, 1, 2, 3, 10, 4, 5, 6,
    ];
    const IPV6: [u8; 8] = [0x62, 0x81, 0x23, 0x45, 0, 40, 6, 64];

    /// A packet with nothing unusual, its link type, and where its IP header begins.
    fn usual() -> impl Strategy<Value = (LinkType, usize, Vec<u8>)> {
        let protocol = prop::sample::select(vec![6u8, 17]);
        (0..3usize, any::<bool>(), protocol, vec(any::<u8>(), 80)).prop_map(
            |(link, is_ipv4, protocol, rest)| {
                let (mut octets, ether_type) = match link {
                    0 => (vec![], 0),
                    1 => (ETHERNET.to_vec(), 12),
                    _ => ([&ETHERNET[..12], &[0x81, 0, 0x20, 7, 8, 0]].concat(), 16),
                };
                if link > 0 && !is_ipv4 {
                    octets[ether_type..ether_type + 2].copy_from_slice(&[0x86, 0xdd]);
                }
                let ip = octets.len();
                octets.extend_from_slice(if is_ipv4 { &IPV4 } else { &IPV6 });
                octets[ip + if is_ipv4 { 9 } else { 6 }] = protocol;
                octets.extend(rest);
                let link_type = if link == 0 {
                    LinkType::RawIp
                } else {
                    LinkType::Ethernet
                };
                (link_type, ip, octets)
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

        /// Usual headers are read here, and whatever is read here equals what `dissect` reads,
        /// whatever is changed or missing.
        #[test]
        fn it_reads_as_dissect_does(
            (link_type, ip, mut octets) in usual(),
            changes in vec((0..64usize, any::<u8>()), 0..4),
            cut in 0..200usize,
            beyond in prop_oneof![3 => Just(0), 1 => -80..80i32, 1 => Just(70_000)],
            vlan in prop::sample::select(vec![0u16, 9, 0xffff]),
            segment_size in prop_oneof![9 => Just(0), 1 => any::<u16>()],
            layers in 0..8u8,
            frames in any::<bool>(),
        ) {
            for &(place, octet) in &changes {
                octets[place] = octet;
            }
            octets.truncate(cut);
            let packet = Packet {
                data: &octets,
                point: ObservationPoint {
                    link_type,
                    vlan,
                    ingress_interface: 3,
                    egress_interface: 4,
                    ..ObservationPoint::default()
                },
                length: (octets.len() as u32).saturating_add_signed(beyond),
                segment_size,
                ..Packet::default()
            };
            let (ipv4, ipv6) = (plain_ipv4(&packet), plain_ipv6(&packet));
            if changes.is_empty() && octets.len() >= ip + 80 && beyond >= 0 && segment_size == 0 {
                prop_assert!(ipv4.is_some() != ipv6.is_some());
            }
            let selection = LayerSelection {
                layers: Layers::from_bits(layers),
                frames,
            };
            let layered = LayeredKey::read_ipv4(&packet, selection)
                .or_else(|| LayeredKey::read_ipv6(&packet, selection));
            prop_assert_eq!(
                layered.is_some(),
                (ipv4.is_some() || ipv6.is_some()) && (!frames || layers > 1)
            );
            if let Some(headers) = layered {
                prop_assert_eq!(Ok(headers), LayeredKey::read(&packet, selection));
            }
            if let Some(headers) = ipv4 {
                prop_assert_eq!(Dissection::Ipv4(headers), dissect(&packet));
            }
            if let Some(headers) = ipv6 {
                prop_assert_eq!(Dissection::Ipv6(headers), dissect(&packet));
            }
        }
    }
}
