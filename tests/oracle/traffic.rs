// SPDX-License-Identifier: Apache-2.0
//! Made-up traffic: few flows, many packets, times that jump.

use flowmeter::metering::Timeouts;
use flowmeter::observation::{LinkType, ObservationPoint, VrfIds};
use flowmeter::packet::Packet;
use flowmeter::time::{Timestamp, Uptime};
use proptest::prelude::*;

/// What distinguishes two flows of this traffic.
pub(crate) type Key = (Kind, u16);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Ipv4,
    Ipv6,
    L2,
}

/// One packet that is sent.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) kind: Kind,
    pub(crate) id: u16,
    pub(crate) type_of_service: u8,
    pub(crate) tcp_flags: u8,
    pub(crate) time: u64,
    pub(crate) uptime: u64,
    octets: Vec<u8>,
}

/// Timeouts in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Millis {
    pub(crate) active: u64,
    pub(crate) idle: u64,
}

impl From<Millis> for Timeouts {
    fn from(millis: Millis) -> Self {
        Self::from_millis(millis.active as u32, millis.idle as u32).unwrap()
    }
}

pub(crate) fn timeouts() -> impl Strategy<Value = Millis> {
    let millis = || prop::sample::select(vec![1, 300, 1000, 2500, 15_000, 60_000]);
    (millis(), millis()).prop_map(|(active, idle)| Millis { active, idle })
}

/// Up to `packets` packets of up to `flows` flows.
pub(crate) fn traffic(flows: u16, packets: usize) -> impl Strategy<Value = Vec<Sent>> {
    let kind = prop_oneof![5 => Just(Kind::Ipv4), 3 => Just(Kind::Ipv6), 1 => Just(Kind::L2)];
    // Most packets follow at once; some gaps sit just beside the timeouts.
    let gap = prop_oneof![
        60 => Just(0u64), 20 => 0..20u64, 4 => 290..310u64, 4 => 990..1010u64,
        2 => 2490..2510u64, 1 => 14_990..15_010u64, 1 => 59_990..60_010u64,
    ];
    // Now and then the absolute time runs its own way, back or ahead.
    let step = prop_oneof![
        90 => Just(0i64), 4 => -50..50i64, 1 => -2_000_000..2_000_000i64
    ];
    // And now and then one packet's time is wrong: a little, much, or altogether.
    let stray = prop_oneof![
        80 => Just(None),
        4 => (-50..50i64).prop_map(Some),
        4 => (-100_000..100_000i64).prop_map(Some),
        1 => prop::sample::select(vec![i64::MIN, i64::MAX]).prop_map(Some),
    ];
    let step = (step, stray);
    let flags = prop_oneof![
        20 => Just(0x10u8), 3 => Just(0x02u8), 1 => Just(0x11u8), 1 => Just(0x04u8)
    ];
    let packet = (kind, 0..flows, any::<u8>(), flags, gap, step, 0..200usize);
    prop::collection::vec(packet, 1..packets).prop_map(|packets| {
        let (mut uptime, mut time) = (0, 1_700_000_000_000u64);
        packets
            .into_iter()
            .map(
                |(kind, id, type_of_service, tcp_flags, gap, (step, stray), payload)| {
                    uptime += gap;
                    time = time.saturating_add_signed(gap as i64 + step);
                    let time = time.saturating_add_signed(stray.unwrap_or(0));
                    Sent::new(kind, id, type_of_service, tcp_flags, time, uptime, payload)
                },
            )
            .collect()
    })
}

impl Sent {
    fn new(
        kind: Kind,
        id: u16,
        type_of_service: u8,
        tcp_flags: u8,
        time: u64,
        uptime: u64,
        payload: usize,
    ) -> Self {
        let [high, low] = id.to_be_bytes();
        let mut octets = vec![2, 0, 0, 0, high, low, 2, 0, 0, 0, 0, 0xfe];
        let mut tcp = vec![high, low, 0, 80];
        tcp.extend([
            0, 0, 0, 1, 0, 0, 0, 2, 0x50, tcp_flags, 0xff, 0xff, 0, 0, 0, 0,
        ]);
        tcp.resize(tcp.len() + payload, 0xaa);
        match kind {
            Kind::Ipv4 => {
                let [length_high, length_low] = (20 + tcp.len() as u16).to_be_bytes();
                octets.extend([8, 0, 0x45, type_of_service, length_high, length_low]);
                octets.extend([0, 0, 0, 0, 64, 6, 0, 0, 10, 0, high, low, 10, 1, 0, 1]);
                octets.extend(tcp);
            }
            Kind::Ipv6 => {
                let [length_high, length_low] = (tcp.len() as u16).to_be_bytes();
                octets.extend([
                    0x86,
                    0xdd,
                    0x60 | type_of_service >> 4,
                    type_of_service << 4,
                ]);
                octets.extend([0, 0, length_high, length_low, 6, 64]);
                octets.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, high, low]);
                octets.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 1]);
                octets.extend(tcp);
            }
            Kind::L2 => {
                octets.extend([0x88, 0xb5]);
                octets.resize(octets.len() + 46 + payload, 0);
            }
        }
        let is_ip = kind != Kind::L2;
        Self {
            kind,
            id,
            type_of_service: if is_ip { type_of_service } else { 0 },
            tcp_flags: if is_ip { tcp_flags } else { 0 },
            time,
            uptime,
            octets,
        }
    }

    /// A packet of IPv4 flow `id` at `millis`.
    pub(crate) fn at(id: u16, millis: u64) -> Self {
        Self::new(Kind::Ipv4, id, 0, 0x10, millis, millis, 0)
    }

    /// A packet of IPv4 flow `id` with these TCP flags.
    pub(crate) fn with_flags(id: u16, tcp_flags: u8, time: u64, uptime: u64) -> Self {
        Self::new(Kind::Ipv4, id, 0, tcp_flags, time, uptime, 0)
    }

    /// The packets that it becomes where each may have so many octets of payload; itself where
    /// it is not IP.
    pub(crate) fn segments(&self, size: usize) -> Vec<Self> {
        let headers = match self.kind {
            Kind::Ipv4 => 14 + 20 + 20,
            Kind::Ipv6 => 14 + 40 + 20,
            Kind::L2 => return vec![self.clone()],
        };
        let mut left = self.octets.len() - headers;
        let mut segments = Vec::new();
        while segments.is_empty() || left > 0 {
            let payload = left.min(size);
            left -= payload;
            segments.push(Self::new(
                self.kind,
                self.id,
                self.type_of_service,
                self.tcp_flags,
                self.time,
                self.uptime,
                payload,
            ));
        }
        segments
    }

    pub(crate) fn key(&self) -> Key {
        (self.kind, self.id)
    }

    /// Octets as records count them.
    pub(crate) fn octets(&self) -> u32 {
        let link = if self.kind == Kind::L2 { 0 } else { 14 };
        (self.octets.len() - link) as u32
    }

    pub(crate) fn uptime(&self) -> Uptime {
        // Soon after the start it wraps around.
        Uptime::from_millis((self.uptime as u32).wrapping_sub(5000))
    }

    /// The ingress and the egress table of IPv4; IPv6's are the next ones.
    pub(crate) fn vrf_ids(&self) -> [u32; 2] {
        let id = u32::from(self.id);
        [id + 7, (id + 7).wrapping_mul(0x1234_5679) >> 1]
    }

    pub(crate) fn packet(&self) -> Packet<'_> {
        Packet {
            data: &self.octets,
            point: ObservationPoint {
                link_type: LinkType::Ethernet,
                ingress_vrf: VrfIds {
                    ipv4: self.vrf_ids()[0],
                    ipv6: self.vrf_ids()[0] + 1,
                },
                egress_vrf: VrfIds {
                    ipv4: self.vrf_ids()[1],
                    ipv6: self.vrf_ids()[1] + 1,
                },
                ..ObservationPoint::default()
            },
            time: Timestamp::from_millis(self.time),
            uptime: self.uptime(),
            length: self.octets.len() as u32,
            segment_size: 0,
        }
    }
}

impl std::fmt::Debug for Sent {
    /// Short, because failures print many.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            kind,
            id,
            type_of_service,
            tcp_flags,
            time,
            uptime,
            ..
        } = self;
        write!(
            f,
            "{kind:?}#{id} at {time}, uptime {uptime}, tos {type_of_service}, flags {tcp_flags:#x}"
        )
    }
}
