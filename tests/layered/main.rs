// SPDX-License-Identifier: Apache-2.0
//! The layered process: which packets make one flow, what its records say, and that its accounts
//! balance whatever is taken of it.

use std::collections::BTreeMap;

use flowmeter::metering::{
    Configuration, Export, ExportRefused, FlowRecord, Flush, IgnoredReason, LayerSelection,
    Layered, LayeredKey, Layers, MeteringProcess, Seed, Swept, Tally, Timeouts,
};
use flowmeter::observation::ObservationPoint;
use flowmeter::packet::Packet;
use flowmeter::time::{Timestamp, Uptime};

/// Keeps records, and takes none while it is full.
#[derive(Default)]
struct Collected {
    records: Vec<FlowRecord<LayeredKey>>,
    closed: bool,
    full: bool,
}

impl Export<LayeredKey> for Collected {
    fn closed(&self) -> Option<ExportRefused> {
        self.closed.then_some(ExportRefused::NoCollector)
    }

    fn export(&mut self, record: &FlowRecord<LayeredKey>) -> Result<(), ExportRefused> {
        assert!(!self.closed, "no flow is evicted here");
        assert!(record.packets > 0, "no record is empty: {record:?}");
        if self.full {
            return Err(ExportRefused::NoBuffer);
        }
        self.records.push(*record);
        Ok(())
    }
}

/// A frame with an IPv4 UDP packet, or with an unassigned EtherType.
fn frame(station: u8, vlan: bool, host: u8, port: u8, is_ip: bool) -> Vec<u8> {
    let mut octets = vec![2, 0, 0, 0, 0, station, 2, 0, 0, 0, 1, station];
    if vlan {
        octets.extend([0x81, 0, 0, 7]);
    }
    if !is_ip {
        octets.extend([0x88, 0xb5, 0, 0, 0, 0]);
        return octets;
    }
    octets.extend([8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0]);
    octets.extend([10, 0, 0, host, 10, 0, 1, 1, 4, port, 0, 53, 0, 8, 0, 0]);
    octets
}

struct Meter {
    process: MeteringProcess<Layered>,
    collected: Collected,
    selection: LayerSelection,
    now: u32,
}

impl Meter {
    fn new(layers: u8, timeouts: Timeouts) -> Self {
        let mut configuration = Configuration::new(100, Seed::random().unwrap());
        configuration.timeouts = timeouts;
        Self {
            process: MeteringProcess::layered(&configuration).unwrap(),
            collected: Collected::default(),
            selection: LayerSelection {
                layers: Layers::from_bits(layers),
                frames: true,
            },
            now: 0,
        }
    }

    fn observe(&mut self, frames: &[Vec<u8>]) {
        let packets: Vec<_> = frames
            .iter()
            .map(|data| Packet {
                data,
                point: ObservationPoint::default(),
                time: Timestamp::from_millis(1000 + u64::from(self.now)),
                uptime: Uptime::from_millis(self.now),
                length: data.len() as u32,
                segment_size: 0,
            })
            .collect();
        self.process
            .observe_layers(&packets[..], self.selection, &mut self.collected);
        self.check();
    }

    fn expire(&mut self, now: u32) {
        self.now = now;
        let uptime = Uptime::from_millis(now);
        self.process.expire(uptime, 1000, &mut self.collected);
        self.check();
    }

    fn flush(&mut self) -> Swept {
        let uptime = Uptime::from_millis(self.now);
        let mut flush = Flush::default();
        let swept = self
            .process
            .flush(&mut flush, uptime, 1000, |_| true, &mut self.collected);
        self.check();
        swept
    }

    /// Observed = metered + ignored, and metered = in records + in live flows + lost.
    fn check(&self) {
        let mut live = Collected::default();
        self.process.list(0..self.process.groups(), &mut live);
        let in_flows = live.records.iter().map(|record| Tally {
            packets: record.packets,
            octets: record.octets,
        });
        assert!(self.process.statistics().balanced(in_flows.sum()));
    }

    fn packets(&self) -> Vec<u64> {
        let records = self.collected.records.iter();
        records.map(|record| record.packets).collect()
    }
}

fn timeouts() -> Timeouts {
    Timeouts::from_millis(10_000, 5000).unwrap()
}

#[test]
fn layers_that_are_not_selected_distinguish_no_flows() {
    let frames: Vec<_> = (0..16)
        .map(|n| frame(n & 1, n & 2 != 0, n >> 2 & 1, n >> 3, true))
        .collect();
    // No layout has a VLAN, so it distinguishes none.
    for (layers, flows) in [(1, 2), (2, 2), (4, 2), (3, 4), (6, 4), (7, 8)] {
        let mut meter = Meter::new(layers, timeouts());
        meter.observe(&frames);
        assert_eq!(meter.process.live_flows(), flows, "layers {layers}");
        assert_eq!(meter.flush(), Swept::Done);
        assert_eq!(meter.packets(), vec![16 / flows as u64; flows]);
    }
}

#[test]
fn frames_that_are_not_ip_are_recorded_with_their_link_layer_or_not_at_all() {
    for (layers, records) in [(1, 1), (7, 1), (2, 0), (6, 0)] {
        let mut meter = Meter::new(layers, timeouts());
        meter.observe(&[frame(0, false, 0, 0, false)]);
        meter.flush();
        assert_eq!(meter.packets().len(), records, "layers {layers}");
        let ignored = meter.process.statistics().ignored[IgnoredReason::NonIp as usize];
        assert_eq!(ignored.packets, 1 - records as u64);
    }
}

#[test]
fn a_routed_packet_without_ethernet_has_no_addresses_of_it() {
    let mut meter = Meter::new(7, timeouts());
    meter.selection.frames = false;
    let octets = frame(1, false, 0, 0, true);
    for (data, link_type) in [
        (&octets[..], flowmeter::observation::LinkType::Ethernet),
        (&octets[14..], flowmeter::observation::LinkType::RawIp),
    ] {
        let packet = Packet {
            data,
            point: ObservationPoint {
                link_type,
                ..ObservationPoint::default()
            },
            length: data.len() as u32,
            ..Packet::default()
        };
        meter
            .process
            .observe_layers(&[packet][..], meter.selection, &mut meter.collected);
    }
    meter.flush();
    let keys: BTreeMap<_, _> = meter
        .collected
        .records
        .iter()
        .map(|record| (record.key.source_mac, record.key.ether_type))
        .collect();
    let expected = [([0; 6], 0x0800), ([2, 0, 0, 0, 1, 1], 0x0800)];
    assert_eq!(keys, BTreeMap::from(expected));
}

#[test]
fn every_packet_leaves_a_record_at_once_and_in_order() {
    let mut meter = Meter::new(7, Timeouts::EVERY_PACKET);
    let frames: Vec<_> = (0..100).map(|n| frame(0, false, 0, n % 3, true)).collect();
    meter.observe(&frames);
    assert_eq!(meter.packets(), [1; 100]);
    assert_eq!(meter.process.live_flows(), 0);
    let ports = meter.collected.records.iter();
    let ports: Vec<_> = ports.map(|record| record.key.ports.source[1]).collect();
    assert!((0..100).zip(ports).all(|(n, port)| port == n % 3));
}

#[test]
fn packets_whose_records_are_refused_stay_as_flows() {
    let mut meter = Meter::new(7, Timeouts::EVERY_PACKET);
    meter.collected.full = true;
    let frames: Vec<_> = (0..90).map(|n| frame(0, false, 0, n % 3, true)).collect();
    meter.observe(&frames);
    assert_eq!(meter.process.live_flows(), 3);
    meter.expire(1);
    meter.expire(2000);
    meter.collected.full = false;
    meter.expire(4000);
    assert_eq!(meter.packets(), [30; 3]);
    assert_eq!(meter.process.live_flows(), 0);
}

#[test]
fn a_superframe_counts_as_its_segments() {
    let mut octets = frame(0, false, 0, 0, true);
    octets.resize(14 + 28 + 2500, 0);
    for timeouts in [timeouts(), Timeouts::EVERY_PACKET] {
        let mut meter = Meter::new(7, timeouts);
        let packet = Packet {
            data: &octets,
            length: octets.len() as u32,
            segment_size: 1000,
            ..Packet::default()
        };
        let packets = [packet, packet];
        meter
            .process
            .observe_layers(&packets[..], meter.selection, &mut meter.collected);
        meter.check();
        meter.flush();
        let records = meter.collected.records.iter();
        let sums = records.map(|record| (record.packets, record.octets));
        let sum = sums.fold((0, 0), |sum, (p, o)| (sum.0 + p, sum.1 + o));
        assert_eq!(sum, (6, 2 * (2500 + 3 * 28)));
    }
}

#[test]
fn a_closed_gate_is_offered_nothing_and_loses_nothing() {
    for timeouts in [timeouts(), Timeouts::EVERY_PACKET] {
        let mut meter = Meter::new(7, timeouts);
        meter.collected.closed = true;
        for second in 0..40 {
            meter.now = second * 1000;
            meter.observe(&[frame(0, false, 0, 0, true), frame(0, false, 0, 1, true)]);
            meter.expire(second * 1000);
        }
        meter.collected.closed = false;
        meter.expire(50_000);
        assert_eq!(meter.packets(), [40; 2]);
        assert_eq!(meter.process.live_flows(), 0);
    }
}

#[test]
fn flows_expire_as_in_other_processes() {
    let mut meter = Meter::new(7, timeouts());
    for second in 0..12 {
        meter.expire(second * 1000);
        meter.observe(&[frame(0, false, 0, 0, true)]);
    }
    assert_eq!(meter.packets(), [10], "the active timeout");
    meter.expire(30_000);
    meter.expire(40_000);
    assert_eq!(meter.packets(), [10, 2], "the idle timeout");
    assert_eq!(meter.process.live_flows(), 0);
}
