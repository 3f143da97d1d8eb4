// SPDX-License-Identifier: Apache-2.0
//! What VPP's flowprobe gets wrong, each a test that the engine passes.
//!
//! Only defects that are not about VPP itself; those of parsing are in
//! `src/packet/tests/regressions.rs`.

mod wire;

use flowmeter::exporting::{ExportingProcess, Interface, Interfaces, MessageKind};
use flowmeter::metering::{
    Configuration, ExportRefused, Family, Flush, MeteringProcess, Seed, Swept, Tally,
};
use flowmeter::observation::{Direction, LinkType, ObservationDomainId, ObservationPoint, VrfIds};
use flowmeter::packet::Packet;
use flowmeter::time::{Timestamp, Uptime};

use self::wire::{Collector, Wire, number, take};

/// The metering and the exporting process of one worker.
struct Meter {
    metering: MeteringProcess,
    exporting: ExportingProcess<Wire>,
}

const START: u64 = 1_700_000_000_000;
const MTU_PAYLOAD: usize = 1372;

impl Meter {
    fn new(flows: usize) -> Self {
        let seed = Seed::fixed(
            [11, 22, 33, 44, 55, 66].map(|word: u64| (word << 57) | (word * 0x9e37_79b9)),
        );
        let mut configuration = Configuration::new(flows, seed);
        configuration.l2 = true;
        let wire = Wire::new(MTU_PAYLOAD);
        Self {
            metering: MeteringProcess::new(&configuration).unwrap(),
            exporting: ExportingProcess::new(wire, ObservationDomainId(7)),
        }
    }

    fn at(&mut self, millis: u64) -> Uptime {
        let uptime = Uptime::from_millis(millis as u32);
        self.exporting
            .tick(Timestamp::from_millis(START + millis), uptime);
        uptime
    }

    fn observe(&mut self, millis: u64, octets: &[u8]) {
        self.observe_at(millis, octets, ObservationPoint::default());
    }

    fn observe_at(&mut self, millis: u64, octets: &[u8], point: ObservationPoint) {
        let uptime = self.at(millis);
        let packet = Packet {
            data: octets,
            point,
            time: Timestamp::from_millis(START + millis),
            uptime,
            length: octets.len() as u32,
            segment_size: 0,
        };
        self.metering.observe(&[packet][..], &mut self.exporting);
        self.check();
    }

    fn expire(&mut self, millis: u64) {
        let uptime = self.at(millis);
        self.metering
            .expire(uptime, usize::MAX, &mut self.exporting);
        self.check();
    }

    fn check(&self) {
        let live = self.metering.live_tally();
        assert!(self.metering.statistics().balanced(live));
    }

    /// Ends all flows; what a collector has read then.
    fn finish(mut self, millis: u64) -> Collector {
        let uptime = self.at(millis);
        let swept = self.metering.flush(
            &mut Flush::default(),
            uptime,
            usize::MAX,
            |_| true,
            &mut self.exporting,
        );
        assert_eq!(swept, Swept::Done);
        assert_eq!(self.metering.live_flows(), 0);
        self.exporting.flush();
        self.read()
    }

    fn read(&mut self) -> Collector {
        let mut collector = Collector::default();
        for (_, message) in &self.exporting.transport().messages {
            collector.read(message);
        }
        collector
    }
}

fn udp(id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    let mut octets = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    octets.extend([
        0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, high, low, 10, 1, 0, 1,
    ]);
    octets.extend([high, low, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4]);
    octets
}

fn udp6(id: u16) -> Vec<u8> {
    let mut octets = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd];
    octets.extend([0x60, 0, 0, 0, 0, 12, 17, 64]);
    octets.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    octets.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    octets.extend(id.to_be_bytes());
    octets.extend([0, 53, 0, 12, 0, 0, 1, 2, 3, 4]);
    octets
}

fn arp() -> Vec<u8> {
    let mut octets = vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 2, 8, 6];
    octets.resize(60, 0);
    octets
}

fn flow_records(collector: &Collector) -> impl Iterator<Item = &wire::Record> {
    collector.records.iter().filter(|(id, _)| *id < 512)
}

/// Defect 1: the sequence number counted messages. RFC 7011 §3.1 counts Data Records, for
/// each observation domain; `Collector::read` checks every message.
#[test]
fn defect_01_the_sequence_number_counts_data_records() {
    let mut meter = Meter::new(1000);
    for id in 0..200 {
        meter.observe(u64::from(id), &udp(id));
    }
    meter.expire(40_000);
    meter.observe(40_100, &udp(1));
    let collector = meter.finish(80_000);
    assert_eq!(flow_records(&collector).count(), 201);
}

/// Defect 2: times were written in units that their elements do not have, and the start
/// stayed where it was after an active timeout.
#[test]
fn defect_02_times_are_milliseconds_and_start_advances_after_an_active_timeout() {
    let mut meter = Meter::new(1000);
    for second in 0..=100 {
        meter.observe(second * 1000, &udp(1));
    }
    let collector = meter.finish(100_001);
    let times: Vec<(u64, u64, u64, u64)> = flow_records(&collector)
        .map(|(_, record)| {
            let [start, end, packets, reason] = [152, 153, 2, 136].map(|id| number(&record[&id]));
            (start - START, end - START, packets, reason)
        })
        .collect();
    assert_eq!(times, [(0, 59_000, 60, 2), (60_000, 100_000, 41, 4)]);
}

/// Defect 3: IPv4 and IPv6 shared a template id.
#[test]
fn defect_03_ipv4_and_ipv6_are_metered_at_once_each_with_its_template() {
    let mut meter = Meter::new(1000);
    for id in 0..50 {
        meter.observe(0, &udp(id));
        meter.observe(0, &udp6(id));
    }
    let collector = meter.finish(1);
    for template in [256, 257] {
        let records = flow_records(&collector).filter(|(id, _)| *id == template);
        assert_eq!(records.count(), 50);
    }
    assert!(collector.templates[&256].fields.contains(&(8, 4)));
    assert!(collector.templates[&257].fields.contains(&(27, 16)));
}

/// Defect 4: L2 flows were sent in sets with the id 0; `take` refuses ids below 256.
#[test]
fn defect_04_l2_flows_are_sent_under_their_template() {
    let mut meter = Meter::new(1000);
    meter.observe(0, &arp());
    meter.observe(5, &arp());
    let collector = meter.finish(10);
    let records: Vec<_> = flow_records(&collector).collect();
    let [(258, record)] = records[..] else {
        panic!("one record of template 258")
    };
    assert_eq!(record[&56], [2, 0, 0, 0, 0, 2]);
    assert_eq!(record[&80], [0xff; 6]);
    assert_eq!(record[&256], [8, 6]);
    assert_eq!((number(&record[&2]), number(&record[&1])), (2, 120));
}

/// Defect 5: messages could pass the path MTU. Whatever the room, none is longer, and all
/// records arrive.
#[test]
fn defect_05_no_message_is_longer_than_its_buffer() {
    for room in (512..700).chain([1232, 1352, 1372, 8972, 70_000]) {
        let mut meter = Meter::new(1000);
        meter.exporting.transport().buffer_octets = room;
        for id in 0..300 {
            meter.observe(0, &udp(id));
            meter.observe(0, &udp6(id));
        }
        meter.observe(0, &arp());
        let collector = meter.finish(1);
        assert_eq!(flow_records(&collector).count(), 601, "{room}");
    }
}

/// Defect 6: no options templates, every template in a message of its own, a fixed domain.
#[test]
fn defect_06_options_and_all_templates_travel_together_in_the_domain_that_was_set() {
    let mut meter = Meter::new(1000);
    let interfaces = Interfaces::default().update(vec![Interface {
        number: 3,
        name: "tap0".into(),
        description: "é".repeat(40),
    }]);
    meter.exporting.set_interfaces(&interfaces.unwrap());
    meter.observe(0, &udp(1));
    let collector = meter.finish(1);
    assert_eq!(collector.templates.len(), 5);
    assert_eq!(collector.templates[&512].scope_fields, 1);
    assert_eq!(collector.templates[&513].scope_fields, 1);
    let options: Vec<_> = collector
        .records
        .iter()
        .filter(|(id, _)| *id >= 512)
        .collect();
    let [(512, interface), (513, sampling)] = &options[..] else {
        panic!("one record of each options template")
    };
    assert_eq!(number(&interface[&149]), 7);
    assert_eq!(number(&interface[&10]), 3);
    assert_eq!(interface[&82], [&b"tap0"[..], &[0; 60]].concat());
    // 32 characters of two octets each: none is cut in half.
    assert_eq!(interface[&83], "é".repeat(32).into_bytes());
    assert_eq!(number(&sampling[&34]), 1);
}

/// Still defect 6: templates are announced again, for collectors that restart, and when an
/// interface changes; those repetitions are marked, because streams do without.
#[test]
fn defect_06_templates_are_repeated() {
    let mut meter = Meter::new(1000);
    for second in 0..200 {
        meter.observe(second * 1000, &udp(1));
    }
    meter.exporting.set_interfaces(&Interfaces::default());
    meter.exporting.flush();
    let announced: Vec<(MessageKind, u32)> = meter
        .exporting
        .transport()
        .messages
        .iter()
        .filter(|(kind, _)| !matches!(kind, MessageKind::Options | MessageKind::Data))
        .map(|(kind, message)| (*kind, take(message).export_time - (START / 1000) as u32))
        .collect();
    let (first, repeated) = announced.split_first().unwrap();
    assert_eq!(first.0, MessageKind::Templates);
    assert!(repeated.len() >= 4, "{announced:?}");
    for pair in announced.windows(2) {
        assert_eq!(pair[1].0, MessageKind::RepeatedTemplates);
        let pause = pair[1].1 - pair[0].1;
        assert!(
            (30..=60).contains(&pause),
            "{pause} s between announcements"
        );
    }
    assert_eq!(meter.read().templates.len(), 5);
}

/// Defect 10: records of received packets carried an egress interface that does not exist.
#[test]
fn defect_10_interfaces_are_what_the_host_says() {
    let mut meter = Meter::new(1000);
    let ingress = ObservationPoint {
        ingress_interface: 5,
        ingress_vrf: VrfIds { ipv4: 9, ipv6: 0 },
        ..ObservationPoint::default()
    };
    let egress = ObservationPoint {
        egress_interface: 6,
        egress_vrf: VrfIds {
            ipv4: u32::MAX - 2,
            ipv6: 0,
        },
        direction: Direction::Egress,
        ..ingress
    };
    meter.observe_at(0, &udp(1), ingress);
    meter.observe_at(0, &udp(1), egress);
    let collector = meter.finish(1);
    let mut seen: Vec<_> = flow_records(&collector)
        .map(|(_, record)| [10, 14, 61, 234, 235, 89].map(|id| number(&record[&id])))
        .collect();
    seen.sort();
    // At each observation point once; forwarded is only known of what leaves.
    assert_eq!(
        seen,
        [
            [5, 0, 0, 9, 0, 0],
            [5, 6, 1, 9, u64::from(u32::MAX - 2), 0b0100_0000]
        ]
    );
}

/// Defect 11: a hash collision exported and overwrote a live flow. While there is room no
/// flow is evicted, and none is split.
#[test]
fn defect_11_flows_do_not_collide() {
    let mut meter = Meter::new(60_000);
    for round in 0..3 {
        for id in 0..60_000 {
            let uptime = meter.at(round);
            let octets = udp(id);
            let packet = Packet {
                data: &octets,
                time: Timestamp::from_millis(START + round),
                uptime,
                length: octets.len() as u32,
                segment_size: 0,
                ..Packet::default()
            };
            meter.metering.observe(&[packet][..], &mut meter.exporting);
        }
    }
    assert_eq!(meter.metering.live_flows(), 60_000);
    let collector = meter.finish(3);
    assert!(flow_records(&collector).all(|(_, record)| number(&record[&2]) == 3));
    assert_eq!(flow_records(&collector).count(), 60_000);
}

/// Defect 12: 31 MiB for each thread, whatever the load. The size follows the capacity.
#[test]
fn defect_12_memory_follows_the_number_of_flows() {
    let octets = |flows: usize| Family::Ipv4.octets_for(flows);
    assert!(octets(1000) < 96 * 1000);
    assert!(octets(1_000_000) < 96 * 1_000_000);
}

/// Defect 13: without a buffer, a flow's counts were credited to the one that took its place.
#[test]
fn defect_13_an_evicted_flow_without_a_buffer_is_lost_and_counted() {
    let mut meter = Meter::new(1);
    meter.exporting.transport().buffers = 0;
    for id in 0..40 {
        meter.observe(0, &udp(id));
        meter.observe(0, &udp(id));
    }
    let lost = meter.metering.statistics().lost();
    assert_eq!(lost.records, 40 - 16);
    assert_eq!(
        lost.tally,
        Tally {
            packets: 48,
            octets: 48 * 32
        }
    );
    meter.exporting.transport().buffers = usize::MAX;
    let collector = meter.finish(1);
    assert_eq!(flow_records(&collector).count(), 16);
    assert!(flow_records(&collector).all(|(_, record)| number(&record[&2]) == 2));
}

/// Defect 14: the active timeout was checked only when a packet came.
#[test]
fn defect_14_the_active_timeout_needs_no_packet() {
    let mut meter = Meter::new(1000);
    for second in 0..60 {
        meter.observe(second * 1000, &udp(1));
        meter.expire(second * 1000);
    }
    meter.observe(59_500, &udp(1));
    assert_eq!(meter.metering.statistics().exported().records, 0);
    for millis in (60_000..=61_000).step_by(10) {
        meter.expire(millis);
    }
    let statistics = meter.metering.statistics();
    assert_eq!(
        statistics.exported().records,
        1,
        "within a second of the timeout"
    );
    assert_eq!(meter.metering.live_flows(), 1, "and the flow goes on");
}

/// Defect 15: expiry could delete a flow without exporting it. Without a buffer it stays.
#[test]
fn defect_15_a_flow_leaves_only_when_its_record_is_in_a_message() {
    let mut meter = Meter::new(1000);
    meter.observe(0, &udp(1));
    meter.exporting.transport().buffers = 0;
    meter.expire(0);
    let now = meter.at(20_000);
    let swept = meter.metering.expire(now, usize::MAX, &mut meter.exporting);
    assert_eq!(swept, Swept::Refused(ExportRefused::NoBuffer));
    assert_eq!(meter.metering.live_flows(), 1);
    meter.check();
    meter.exporting.transport().buffers = usize::MAX;
    for millis in (20_000..=21_000).step_by(100) {
        meter.expire(millis);
    }
    assert_eq!(meter.metering.live_flows(), 0);
    let collector = meter.finish(21_000);
    assert_eq!(flow_records(&collector).count(), 1);
}

/// Defect 16: the cap on what one call exports never acted. A call visits no more groups
/// than it may, and says that there is more.
#[test]
fn defect_16_one_call_does_no_more_than_its_budget() {
    let mut meter = Meter::new(100_000);
    for id in 0..20_000 {
        let octets = udp(id);
        let packet = Packet {
            data: &octets,
            length: octets.len() as u32,
            segment_size: 0,
            ..Packet::default()
        };
        meter.metering.observe(&[packet][..], &mut meter.exporting);
    }
    meter.expire(0);
    let now = meter.at(60_000);
    let mut calls = 0;
    loop {
        let before = meter.metering.statistics().exported().records;
        let swept = meter.metering.expire(now, 64, &mut meter.exporting);
        let exported = meter.metering.statistics().exported().records - before;
        assert!(exported <= 64 * 16 * 2, "{exported} records in one call");
        calls += 1;
        if swept == Swept::Done {
            break;
        }
    }
    assert!(calls > 100, "{calls} calls");
    assert_eq!(meter.metering.live_flows(), 0);
}

/// Defect 18: disabling dropped live flows. What is flushed is exported, with reason 4, and
/// only what was chosen.
#[test]
fn defect_18_flushing_an_interface_exports_its_flows() {
    let mut meter = Meter::new(1000);
    for interface in 1..=2 {
        let point = ObservationPoint {
            ingress_interface: interface,
            link_type: LinkType::Ethernet,
            ..ObservationPoint::default()
        };
        for id in 0..10 {
            meter.observe_at(0, &udp(id), point);
        }
    }
    let now = meter.at(1);
    let gone = meter.metering.flush(
        &mut Flush::default(),
        now,
        usize::MAX,
        |observed| observed.ingress_interface == 1,
        &mut meter.exporting,
    );
    assert_eq!(gone, Swept::Done);
    meter.check();
    assert_eq!(meter.metering.live_flows(), 10);
    meter.exporting.flush();
    let collector = meter.read();
    assert_eq!(flow_records(&collector).count(), 10);
    for (_, record) in flow_records(&collector) {
        assert_eq!([10, 136].map(|id| number(&record[&id])), [1, 4]);
    }
}

/// A collector that takes over from another has heard nothing: it gets templates first, and a
/// sequence that begins at 0 (RFC 7011 §3.1, §8). The one before gets what was begun for it.
#[test]
fn a_restart_begins_a_session() {
    let mut meter = Meter::new(1000);
    meter.observe(0, &udp(1));
    meter.expire(1);
    meter.expire(16_000);
    meter.exporting.restart();
    let before = core::mem::take(&mut meter.exporting.transport().messages);
    let mut collector = Collector::default();
    for (_, message) in &before {
        collector.read(message);
    }
    assert_eq!(flow_records(&collector).count(), 1);
    meter.observe(17_000, &udp(2));
    // Its collector is a new one: it would refuse records without templates, or a sequence that
    // does not begin at 0.
    let collector = meter.finish(18_000);
    assert_eq!(flow_records(&collector).count(), 1);
}

/// Accounts that begin anew still balance: what lives was observed.
#[test]
fn accounts_begin_anew_with_what_lives() {
    let mut meter = Meter::new(1000);
    meter.observe(0, &udp(1));
    meter.observe(0, &arp());
    meter.expire(1);
    meter.expire(16_000);
    meter.observe(17_000, &udp(1));
    meter.observe(17_000, &udp(1));
    meter.metering.clear_statistics();
    meter.check();
    let statistics = *meter.metering.statistics();
    assert_eq!(
        statistics.observed,
        Tally {
            packets: 2,
            octets: 64
        }
    );
    assert_eq!(statistics.exported().records, 0);
    assert_eq!(statistics.flows, 1);
    meter.observe(17_000, &udp(2));
    meter.finish(18_000);
}

/// Interfaces called tap1, tap2, ….
fn taps(numbers: core::ops::Range<u32>) -> Vec<Interface> {
    numbers
        .map(|number| Interface {
            number,
            name: format!("tap{number}"),
            description: String::new(),
        })
        .collect()
}

fn named(interfaces: Vec<Interface>) -> Interfaces {
    Interfaces::default().update(interfaces).unwrap()
}

/// The interfaces that options have named since the call before, and in how many messages.
fn announced(meter: &mut Meter, collector: &mut Collector) -> (Vec<u64>, usize) {
    let messages = core::mem::take(&mut meter.exporting.transport().messages);
    for (_, message) in &messages {
        collector.read(message);
    }
    let records = core::mem::take(&mut collector.records);
    let options = records.iter().filter(|(id, _)| *id == 512);
    let numbers = options.map(|(_, record)| number(&record[&10]));
    (numbers.collect(), messages.len())
}

/// Thousands of interfaces are announced over many calls of a few messages each, all of them in
/// each interval and, in between, only what has changed.
#[test]
fn interfaces_are_announced_a_few_messages_at_a_time() {
    let mut meter = Meter::new(1000);
    let all = named(taps(0..4000));
    meter.exporting.set_interfaces(&all);
    meter.observe(0, &udp(1));
    meter.expire(1);
    meter.expire(16_000);
    let mut collector = Collector::default();
    let mut numbers = Vec::new();
    let mut millis = 16_000;
    while numbers.len() < 4000 {
        let (some, messages) = announced(&mut meter, &mut collector);
        assert!(messages <= 12, "{messages} messages in one call");
        numbers.extend(some);
        millis += 10;
        assert!(millis < 26_000, "{} announced", numbers.len());
        meter.expire(millis);
    }
    let in_order: Vec<u64> = (0..4000).collect();
    assert_eq!(numbers, in_order);

    let mut renamed = taps(0..4001);
    renamed[7].name = "uplink".into();
    meter
        .exporting
        .set_interfaces(&all.update(renamed).unwrap());
    meter.expire(millis + 10);
    let (numbers, messages) = announced(&mut meter, &mut collector);
    assert_eq!((numbers, messages), (vec![7, 4000], 1));
}

/// One buffer at a time is enough for templates, options and records, whatever their order:
/// an announcement that runs out of buffers goes on where it was.
#[test]
fn one_buffer_at_a_time_is_enough() {
    let mut meter = Meter::new(1000);
    meter.exporting.transport().buffer_octets = 200;
    let interfaces = taps(1..6);
    meter.exporting.set_interfaces(&named(interfaces));
    meter.exporting.transport().buffers = 0;
    for id in 0..20 {
        meter.observe(0, &udp(id));
    }
    meter.expire(1);
    for turn in 0..40 {
        meter.exporting.transport().buffers = 1;
        meter.expire(16_000 + turn * 1000);
    }
    assert_eq!(meter.metering.live_flows(), 0);
    meter.exporting.transport().buffers = 1;
    let collector = meter.finish(60_000);
    assert_eq!(flow_records(&collector).count(), 20);
}
