// SPDX-License-Identifier: Apache-2.0
//! What keys tell apart, and what records say of the packets that were counted.

use std::collections::HashSet;

use super::*;
use crate::observation::{Direction, ObservationPoint, VrfIds};
use crate::time::{Timestamp, Uptime};

/// An observation point in which every number differs, in each of its octets.
const POINT: ObservationPoint = ObservationPoint {
    ingress_interface: 0x0102_0304,
    egress_interface: 0x0506_0708,
    ingress_vrf: VrfIds {
        ipv4: 0x1112_1314,
        ipv6: 0x1516_1718,
    },
    egress_vrf: VrfIds {
        ipv4: 0x2122_2324,
        ipv6: 0x2526_2728,
    },
    vlan: 0,
    direction: Direction::Egress,
    link_type: crate::observation::LinkType::Ethernet,
};

/// Where most flows here begin, on both clocks.
const TIME: u64 = 1_700_000_000_000;
const UPTIME: u32 = 5000;

mod keys {
    use super::*;

    const PORTS: Ports = Ports {
        source: [0x31, 0x32],
        destination: [0x33, 0x34],
    };

    fn observed() -> Observed {
        Observed::new(&POINT, 7, 17)
    }

    fn ipv4() -> Ipv4Key {
        Ipv4Key {
            source: [192, 0, 2, 1],
            destination: [198, 51, 100, 2],
            ports: PORTS,
            observed: observed(),
        }
    }

    #[test]
    fn an_ipv4_key_from_the_wire_has_each_field_in_its_place() {
        let key = ipv4();
        let addresses = bytemuck::cast([key.source, key.destination]);
        let found = Ipv4Key::from_wire(addresses, bytemuck::cast(PORTS), observed());
        assert_eq!(found, key);
    }

    #[test]
    fn an_ipv6_key_from_the_wire_has_each_field_in_its_place() {
        let key = Ipv6Key {
            source: core::array::from_fn(|octet| 0x40 + octet as u8),
            destination: core::array::from_fn(|octet| 0x60 + octet as u8),
            ports: PORTS,
            observed: observed(),
        };
        let addresses = bytemuck::cast([key.source, key.destination]);
        let found = Ipv6Key::from_wire(addresses, bytemuck::cast(PORTS), observed());
        assert_eq!(found, key);
    }

    #[test]
    fn every_bit_of_a_key_counts() {
        let key = ipv4();
        assert!(key.is(&key));
        for bit in 0..8 * size_of::<Ipv4Key>() {
            let mut other = key;
            bytemuck::bytes_of_mut(&mut other)[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.is(&other), "bit {bit}");
            assert_ne!(key.words(), other.words(), "bit {bit}");
        }
    }

    /// A VLAN identifier has 12 bits (IEEE 802.1Q §9.6); the direction is beside it.
    #[test]
    fn vlan_and_direction_do_not_mix() {
        for direction in [Direction::Ingress, Direction::Egress] {
            let point = ObservationPoint { direction, ..POINT };
            for (tag, vlan) in [(0, 0), (0x0fff, 0x0fff), (0xf005, 5)] {
                let observed = Observed::new(&point, tag, 6);
                assert_eq!((observed.vlan(), observed.direction()), (vlan, direction));
            }
        }
    }

    #[test]
    fn the_direction_is_one_bit_of_a_key() {
        let [ingress, egress] = [Direction::Ingress, Direction::Egress].map(|direction| {
            let observed = Observed::new(&ObservationPoint { direction, ..POINT }, 7, 6);
            bytemuck::cast::<_, [u16; 6]>(observed)
        });
        let differ: Vec<_> = ingress.iter().zip(egress).map(|(a, b)| a ^ b).collect();
        assert_eq!(differ, [0, 0, 0, 0, Observed::DIRECTION, 0]);
    }

    #[test]
    fn table_ids_are_those_of_the_ip_version() {
        assert_eq!(Ipv4Key::vrf_ids(&POINT), [0x1112_1314, 0x2122_2324]);
        assert_eq!(Ipv6Key::vrf_ids(&POINT), [0x1516_1718, 0x2526_2728]);
        assert_eq!(L2Key::vrf_ids(&POINT), [0, 0]);
        assert_eq!(LayeredKey::vrf_ids(&POINT), [0, 0]);
    }
}

mod layouts {
    use super::*;

    #[test]
    fn layers_are_three_bits() {
        for bits in 0..=u8::MAX {
            let layers = Layers::from_bits(bits);
            assert_eq!(layers.bits(), bits % 8);
            assert_eq!(layers.has(Layers::L2), bits & 1 != 0);
            assert_eq!(layers.has(Layers::L3), bits & 2 != 0);
            assert_eq!(layers.has(Layers::L4), bits & 4 != 0);
        }
    }

    #[test]
    fn a_layout_is_its_layers_and_its_kind() {
        let kinds = [LayoutKind::Frame, LayoutKind::Ipv4, LayoutKind::Ipv6];
        let mut numbers = HashSet::new();
        for bits in 0..8 {
            for kind in kinds {
                let layout = Layout::new(Layers::from_bits(bits), kind);
                assert_eq!(layout.layers(), Layers::from_bits(bits));
                assert!(
                    kinds
                        .iter()
                        .all(|&other| layout.is(other) == (other == kind))
                );
                assert!(layout.number() < Layout::COUNT && numbers.insert(layout.number()));
                assert_eq!(Layout::from_number(layout.number()), layout);
                assert_eq!(Layout::from_number(layout.number() + Layout::COUNT), layout);
                assert_eq!(LayeredKey::of_layout(layout).layout(), layout);
            }
        }
    }

    /// Without IP addresses and ports, a packet has nothing that its frame has not.
    #[test]
    fn packets_are_distinguished_from_frames_if_one_of_their_layers_is_selected() {
        for bits in 0..8 {
            let layers = Layers::from_bits(bits);
            let is_of_ip = |frames| LayerSelection { layers, frames }.is_of_ip();
            assert!(is_of_ip(false), "{layers:?}");
            assert_eq!(is_of_ip(true), bits >= 2, "{layers:?}");
        }
    }
}

mod measures {
    use super::*;

    const ACTIVE: u32 = 10_000;

    /// A flow that began at [`TIME`] with a packet of 100 octets and SYN.
    fn begun() -> Flow {
        let mut flow = empty(TIME);
        add(&mut flow, 0, 0);
        flow
    }

    fn empty(time: u64) -> Flow {
        let time = Timestamp::from_millis(time);
        Flow::new::<Ipv4Key>(0xb9, &POINT, time, Uptime::from_millis(UPTIME))
    }

    /// So many milliseconds after [`TIME`], and after [`UPTIME`].
    fn at(time: i64, uptime: u32) -> (Timestamp, Uptime) {
        let time = TIME.saturating_add_signed(time);
        (
            Timestamp::from_millis(time),
            Uptime::from_millis(UPTIME.wrapping_add(uptime)),
        )
    }

    fn add(flow: &mut Flow, time: i64, uptime: u32) {
        let (time, uptime) = at(time, uptime);
        flow.add(1, 100, SYN, time, uptime);
    }

    fn record(flow: &Flow) -> FlowRecord<Ipv4Key> {
        let key = bytemuck::Zeroable::zeroed();
        let record = flow.record::<Ipv4Key>(&key, &(), EndReason::IdleTimeout);
        // Whatever the flow has been through, these are its first packet's.
        assert_eq!(record.ingress_vrf, POINT.ingress_vrf.ipv4);
        assert_eq!(record.egress_vrf, POINT.egress_vrf.ipv4);
        assert_eq!(record.type_of_service, 0xb9);
        assert_eq!(record.end_reason, EndReason::IdleTimeout);
        record
    }

    /// Start and end of the record, from [`TIME`].
    fn times(flow: &Flow) -> (i64, i64) {
        let FlowRecord { start, end, .. } = record(flow);
        let from = |time: Timestamp| time.as_millis() as i64 - TIME as i64;
        (from(start), from(end))
    }

    #[test]
    fn a_record_has_the_sums_of_its_packets() {
        let mut flow = empty(TIME);
        let (time, uptime) = at(0, 0);
        flow.add(1, 100, 0x02, time, uptime);
        let (time, uptime) = at(7, 7);
        flow.add(3, u32::MAX, 0x10, time, uptime);
        let found = record(&flow);
        let octets = 100 + u64::from(u32::MAX);
        assert_eq!((found.packets, found.octets), (4, octets));
        assert_eq!(flow.tally(), Tally { packets: 4, octets });
        assert_eq!(found.tcp_flags, 0x12);
        assert_eq!(times(&flow), (0, 7));
        assert_eq!(flow.began().as_millis(), UPTIME);
        assert_eq!(flow.seen().as_millis(), UPTIME + 7);
        assert!(!flow.has_any(Flow::UNUSUAL));
    }

    /// RFC 9293 §3.5 and §3.6: either ends a connection, and nothing else does.
    #[test]
    fn fin_and_rst_end_a_flow_for_all_its_records() {
        for flags in 0..=u8::MAX {
            let mut flow = empty(TIME);
            let (time, uptime) = at(0, 0);
            flow.count(1, 40, flags, uptime);
            assert_eq!(flow.ended(), flags & 0x05 != 0, "{flags:#x}");
            flow.clear();
            flow.resume(time, uptime);
            assert_eq!(flow.ended(), flags & 0x05 != 0, "{flags:#x}");
            assert_eq!(record(&flow).tcp_flags, 0, "{flags:#x}");
            flow.clear();
            assert_eq!(flow.ended(), flags & 0x05 != 0, "{flags:#x}");
        }
    }

    #[test]
    fn the_next_record_begins_with_its_first_packet() {
        let mut flow = begun();
        add(&mut flow, 0, 900);
        flow.clear();
        assert_eq!(flow.tally(), Tally::default());
        assert!(flow.has_any(Flow::UNUSUAL));
        let (time, uptime) = at(60_000, 50_000);
        flow.resume(time, uptime);
        assert!(!flow.has_any(Flow::UNUSUAL));
        assert_eq!((flow.began(), flow.seen()), (uptime, uptime));
        add(&mut flow, 60_000, 50_000);
        let (time, uptime) = at(60_005, 50_005);
        flow.resume(time, uptime);
        add(&mut flow, 60_005, 50_005);
        assert_eq!(times(&flow), (60_000, 60_005));
        let found = record(&flow);
        assert_eq!(
            (found.packets, found.octets, found.tcp_flags),
            (2, 200, SYN)
        );
    }

    #[test]
    fn deferring_changes_nothing_else() {
        let mut flow = begun();
        flow.defer();
        assert!(flow.has_any(Flow::UNUSUAL));
        assert!(!flow.ended());
        flow.undefer();
        assert!(!flow.has_any(Flow::UNUSUAL));
        assert!(!flow.ended());
        assert_eq!(record(&flow).tcp_flags, SYN);
    }

    #[test]
    fn uptime_wraps_around_and_the_record_goes_on() {
        let (time, uptime) = (Timestamp::from_millis(TIME), Uptime::from_millis(u32::MAX));
        let mut flow = Flow::new::<Ipv4Key>(0xb9, &POINT, time, uptime);
        let (time, uptime) = (Timestamp::from_millis(TIME + 5), Uptime::from_millis(4));
        assert!(flow.is_on_line(time, uptime));
        assert!(!flow.is_on_line(time, Uptime::from_millis(5)));
        flow.add(1, 100, SYN, time, uptime);
        assert_eq!(times(&flow), (0, 5));
    }

    /// Time, then uptime, of packets that follow each other; the record's start and end behind each,
    /// and whether the flow can't simply count the next.
    #[test]
    fn a_record_contains_the_times_of_its_packets_on_any_clock() {
        let packets = [
            ((-100, 10), (-100, 0), true),
            ((15, 115), (-100, 15), true),
            ((4000, 120), (-100, 4000), false),
            ((4010, 130), (-100, 4010), false),
            ((3000, 140), (-100, 4010), true),
            ((4015, 150), (-100, 4015), true),
            ((4040, 160), (-100, 4040), false),
        ];
        let mut flow = begun();
        for ((time, uptime), expected, unusual) in packets {
            add(&mut flow, time, uptime);
            assert_eq!(times(&flow), expected, "{time} at {uptime}");
            assert_eq!(flow.has_any(Flow::UNUSUAL), unusual, "{time} at {uptime}");
            assert_eq!(record(&flow).tcp_flags, SYN);
        }
    }

    /// A record has 16 bits for how far its end is behind uptime, and 31 for how long it is.
    #[test]
    fn a_time_without_room_is_that_of_the_uptime() {
        let with = |time, uptime| {
            let mut flow = begun();
            add(&mut flow, time, uptime);
            times(&flow)
        };
        assert_eq!(with(0, 65_535), (0, 0));
        assert_eq!(with(0, 65_536), (0, 65_536));
        let longest = (1 << 31) - 1;
        assert_eq!(with(longest, 3), (0, longest));
        assert_eq!(with(longest + 1, 3), (0, 3));
        assert_eq!(with(-longest, 0), (-longest, 0));
        assert_eq!(with(-longest - 1, 3), (0, 3));
    }

    /// A record's times are less than the active timeout apart.
    #[test]
    fn a_packet_fits_within_the_active_timeout() {
        let fits = |flow: &Flow, time, uptime, active| {
            let (time, uptime) = at(time, uptime);
            flow.fits(time, uptime, active)
        };
        let mut flow = begun();
        assert!(fits(&flow, 9999, 1, ACTIVE));
        assert!(!fits(&flow, 10_000, 1, ACTIVE));
        assert!(fits(&flow, -9999, 1, ACTIVE));
        assert!(!fits(&flow, -10_000, 1, ACTIVE));
        // One that lags behind uptime is as long as its times are apart.
        assert!(fits(&flow, 0, 65_535, ACTIVE));
        assert!(!fits(&flow, 0, 65_536, u32::MAX));
        flow.clear();
        assert!(fits(&flow, 50_000, 1, ACTIVE));
    }

    /// Milliseconds that need more than 48 bits are the latest that 48 bits hold.
    #[test]
    fn the_latest_time_is_in_the_year_10889() {
        let latest = (1 << 48) - 1;
        for (time, expected) in [
            (latest - 1, latest - 1),
            (latest + 1, latest),
            (u64::MAX, latest),
        ] {
            let found = record(&empty(time));
            assert_eq!(found.start.as_millis(), expected);
            assert_eq!(found.end.as_millis(), expected);
        }
    }
}

mod accounts {
    use super::*;

    #[test]
    fn tallies_add_up() {
        let tallies = [(1, 40), (2, 3000), (4, 500_000)];
        let tallies = tallies.map(|(packets, octets)| Tally { packets, octets });
        let sum = Tally {
            packets: 7,
            octets: 503_040,
        };
        assert_eq!(tallies.into_iter().sum::<Tally>(), sum);
        assert_eq!(tallies[0] + tallies[1] + tallies[2], sum);
        let mut total = Tally::packet(40);
        assert_eq!(total, tallies[0]);
        total += tallies[1];
        total += tallies[2];
        assert_eq!(total, sum);
    }

    /// Reports and counters are read by name.
    #[test]
    fn every_reason_has_a_name_of_its_own() {
        let ended = EndReason::ALL.map(EndReason::name);
        let ignored = IgnoredReason::ALL.iter().map(|reason| reason.name());
        let mut names = HashSet::new();
        for name in ended.into_iter().chain(ignored) {
            let is_plain = |octet: u8| octet.is_ascii_lowercase() || b"_4".contains(&octet);
            assert!(!name.is_empty() && name.bytes().all(is_plain), "{name}");
            assert!(names.insert(name), "{name}");
        }
    }
}
