// SPDX-License-Identifier: Apache-2.0
//! One packet of any link type.
//!
//! The input is one octet that chooses the link type, four of the length on the wire, two of the
//! segment size, two of the VLAN that the host knows, one that chooses layers, and the captured
//! octets.

use std::cell::RefCell;

use arbitrary::Unstructured;
use flowmeter::flow::{Ipv4Key, Ipv6Key, L2Key, LayeredKey};
use flowmeter::metering::{Configuration, Export, LayerSelection, Statistics};
use flowmeter::observation::{LinkType, ObservationPoint};
use flowmeter::packet::{Dissection, Headers, Packet, dissect};
use flowmeter::time::{Timestamp, Uptime};

use crate::meter::{Backend, ExportRefused, FlowKey, FlowRecord, Layers, Meter, Seed, Tally};

/// Dissects a packet and meters it with every instruction set.
///
/// - No octets make it panic.
/// - No octets count that were not on the wire behind the link layer's header.
/// - Metered, where the fast path may read it, it is what dissection says.
/// - Every instruction set and both metering processes keep the same accounts, which balance.
pub fn packets(octets: &[u8]) {
    if octets.len() < HEADER {
        return;
    }
    let mut input = Unstructured::new(octets);
    let Ok((link_type, length, segment_size, vlan, layers)) =
        input.arbitrary::<(u8, u32, u16, u16, u8)>()
    else {
        return;
    };
    let packet = Packet {
        data: input.take_rest(),
        point: ObservationPoint {
            link_type: LinkType::ALL[usize::from(link_type) % LinkType::ALL.len()],
            vlan,
            ingress_interface: 3,
            egress_interface: 4,
            ..ObservationPoint::default()
        },
        time: Timestamp::from_millis(1_000_000),
        uptime: Uptime::from_millis(1000),
        length,
        segment_size,
    };
    let dissection = dissect(&packet);
    check_octets(&packet, &dissection);
    METERS.with_borrow_mut(|meters| {
        for meter in &mut meters.flows {
            check_record(&packet, &dissection, meter);
        }
        meters.check_layers(&packet, &dissection, layers);
    });
}

/// Octets before the captured ones.
pub(crate) const HEADER: usize = 10;

thread_local! {
    /// Made once: each has no flows after a packet.
    static METERS: RefCell<Meters> = RefCell::new(Meters::new());
}

struct Meters {
    flows: Vec<Meter>,
    layers: Vec<Meter>,
}

impl Meters {
    fn new() -> Self {
        let of = |selection| {
            let meter = move |backend| {
                let mut configuration = Configuration::new(1, Seed::fixed([1, 2, 3, 4, 5, 6]));
                configuration.l2 = true;
                configuration.backend = backend;
                Meter::new(&configuration, selection).expect("memory")
            };
            Backend::available().map(meter).collect()
        };
        let selection = LayerSelection {
            layers: Layers::default(),
            frames: false,
        };
        Self {
            flows: of(None),
            layers: of(Some(selection)),
        }
    }

    fn check_layers(&mut self, packet: &Packet<'_>, dissection: &Dissection, layers: u8) {
        let of = LayerSelection {
            layers: Layers::from_bits(layers),
            frames: layers & 0x80 != 0,
        };
        let mut expected = None;
        for meter in &mut self.layers {
            if let Meter::Layers(_, selection) = meter {
                *selection = of;
            }
            let (statistics, seen) = meter_once(packet, meter);
            let found = (statistics, seen.record.map(|record| record.1));
            assert_eq!(*expected.get_or_insert(found.clone()), found);
            let (packets, octets) = match dissection {
                Dissection::Ipv4(headers) => (headers.packets, headers.octets),
                Dissection::Ipv6(headers) => (headers.packets, headers.octets),
                _ => (1, on_wire(packet)),
            };
            assert_eq!(statistics.observed, tally(packets, octets));
        }
    }
}

fn on_wire(packet: &Packet<'_>) -> u32 {
    packet.length.max(packet.data.len() as u32)
}

fn tally(packets: u32, octets: u32) -> Tally {
    Tally {
        packets: packets.into(),
        octets: octets.into(),
    }
}

/// The least octets that a link layer has before an IP packet.
fn shortest_header(link_type: LinkType) -> u32 {
    match link_type {
        LinkType::RawIp | LinkType::Unsupported => 0,
        LinkType::Ethernet => 14,
        LinkType::LinuxCooked => 16,
        LinkType::LinuxCooked2 => 20,
        LinkType::BsdNull | LinkType::BsdLoop | LinkType::CiscoHdlc => 4,
        LinkType::Ppp => 1,
        LinkType::Fddi => 13 + 8,
        LinkType::NetfilterLog => 4 + 4,
        LinkType::Ieee80211 => 24 + 8,
        LinkType::Radiotap | LinkType::PacketInformation => 8 + 14,
        other => unreachable!("{other:?} is not in LinkType::ALL"),
    }
}

fn check_octets(packet: &Packet<'_>, dissection: &Dissection) {
    let (packets, octets, ip_header) = match dissection {
        Dissection::Ipv4(headers) => (headers.packets, headers.octets, 20),
        Dissection::Ipv6(headers) => (headers.packets, headers.octets, 40),
        Dissection::NonIp(headers) => {
            assert_eq!((headers.packets, headers.octets), (1, on_wire(packet)));
            return;
        }
        Dissection::Ignored(_) => return,
    };
    let behind_link = on_wire(packet) - shortest_header(packet.point.link_type);
    assert!(packets >= 1 && octets >= ip_header);
    if packet.segment_size == 0 {
        assert_eq!(packets, 1);
        assert!(octets <= behind_link, "{octets} of {behind_link} octets");
    } else {
        // Each segment but the last is full, and none is longer than the packet was.
        let full = u64::from(packets - 1) * u64::from(packet.segment_size);
        assert!(full <= behind_link.into());
        assert!(u64::from(octets) <= u64::from(behind_link) * u64::from(packets));
    }
}

/// Checks that the meter makes of the packet what dissection says.
fn check_record(packet: &Packet<'_>, dissection: &Dissection, meter: &mut Meter) {
    let (statistics, seen) = meter_once(packet, meter);
    let expected = match dissection {
        Dissection::Ipv4(headers) => Some(Seen::expected(headers)),
        Dissection::Ipv6(headers) => Some(Seen::expected(headers)),
        Dissection::NonIp(headers) => Some(Seen::expected(headers)),
        Dissection::Ignored(reason) => {
            let ignored = statistics.ignored[*reason as usize];
            assert_eq!(ignored, tally(1, on_wire(packet)));
            None
        }
    };
    assert_eq!(seen.record, expected);
}

/// The accounts of `packet`, observed once by itself, and its record; leaves the meter empty.
fn meter_once(packet: &Packet<'_>, meter: &mut Meter) -> (Statistics, Seen) {
    let mut seen = Seen::default();
    meter.clear_statistics();
    meter.observe(&[*packet], &mut seen);
    assert!(seen.record.is_none());
    let live = meter.live();
    assert!(meter.statistics().balanced(live.tally));
    assert!(live.records <= 1);
    meter.finish(packet.uptime, &mut seen);
    let statistics = meter.statistics();
    assert!(statistics.balanced(Tally::default()));
    assert_eq!(meter.live_flows(), 0);
    (statistics, seen)
}

/// Takes the one record of a packet: its family, then what it says.
#[derive(Default)]
struct Seen {
    record: Option<(Kind, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ipv4,
    Ipv6,
    L2,
    Layers,
}

trait Family: FlowKey {
    const KIND: Kind;
}

impl Family for Ipv4Key {
    const KIND: Kind = Kind::Ipv4;
}

impl Family for Ipv6Key {
    const KIND: Kind = Kind::Ipv6;
}

impl Family for L2Key {
    const KIND: Kind = Kind::L2;
}

impl Family for LayeredKey {
    const KIND: Kind = Kind::Layers;
}

impl Seen {
    fn expected<K: Family>(headers: &Headers<K>) -> (Kind, String) {
        let Headers {
            key,
            octets,
            packets,
            type_of_service,
            tcp_flags,
            attributes,
        } = headers;
        let text =
            format!("{key:?} {attributes:?} {packets} {octets} {type_of_service} {tcp_flags}");
        (K::KIND, text)
    }
}

impl<K: Family> Export<K> for Seen {
    fn export(&mut self, record: &FlowRecord<K>) -> Result<(), ExportRefused> {
        let headers = Headers {
            key: record.key,
            octets: record.octets.try_into().expect("one packet's octets"),
            packets: record.packets.try_into().expect("one packet's segments"),
            type_of_service: record.type_of_service,
            tcp_flags: record.tcp_flags,
            attributes: record.attributes,
        };
        assert_eq!(record.start, record.end);
        let before = self.record.replace(Self::expected(&headers));
        assert!(before.is_none(), "one packet, two records");
        Ok(())
    }
}
