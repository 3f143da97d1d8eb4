// SPDX-License-Identifier: Apache-2.0
//! Instructions of the packet path, the sweep and encoding, counted by Callgrind.
//!
//! Counts hardly depend on the machine: Valgrind emulates one kind of processor (AVX2, no VAES), so
//! they guard against regressions where times are too noisy. They say nothing of caches;
//! `benches/metering` and `benches/vpp` measure clocks. Each count may exceed the recorded one by
//! 1 %. A change that improves a count, or a new compiler, changes the record in this file.

#![allow(
    missing_docs,
    reason = "the macros of gungraun make public items without documentation"
)]

use std::hint::black_box;

use flowmeter::exporting::{ExportingProcess, Message, Transport};
use flowmeter::metering::{Configuration, MeteringProcess, Seed, Swept};
use flowmeter::observation::{LinkType, ObservationDomainId, ObservationPoint};
use flowmeter::packet::{Dissection, Packet, dissect};
use flowmeter::time::{Timestamp, Uptime};
use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};

/// Packets in a frame, and in each bench.
const FRAME: usize = 256;
const PACKETS: u64 = 16_384;

/// The hash's key: the same flows share groups in each run.
const SEED: [u64; 6] = [
    0x9e37_79b9_7f4a_7c15,
    0xbf58_476d_1ce4_e5b9,
    0x94d0_49bb_1331_11eb,
    0xd6e8_feb8_6659_fd93,
    0xa076_1d64_78bd_642f,
    0xe703_7ed1_a0b4_28db,
];

/// Flows of the packets that hit.
const FLOWS: u32 = 1000;

/// A limit of 1 % above `hundredths` of an instruction for each of so many things.
fn limit(things: u64, hundredths: u64) -> LibraryBenchmarkConfig {
    let most = things * hundredths * 101 / 10_000;
    let mut callgrind = Callgrind::with_args(["--cache-sim=no"]);
    callgrind.hard_limits([(EventKind::Ir, most)]);
    LibraryBenchmarkConfig::default().tool(callgrind).clone()
}

/// A packet without its addresses.
#[derive(Clone, Copy)]
struct Kind {
    link_type: LinkType,
    octets: &'static [u8],
    /// Where the source address ends.
    source_end: usize,
}

const IPV4: [u8; 60] = {
    let mut octets = [0; 60];
    copy(&mut octets, 12, &[8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 6]);
    copy(&mut octets, 34, &[0x34, 0x12, 0x01, 0xbb]);
    copy(&mut octets, 46, &[0x50, 0x10]);
    octets
};

const VLAN: [u8; 64] = {
    let mut octets = [0; 64];
    copy(
        &mut octets,
        12,
        &[0x81, 0, 0, 5, 8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17],
    );
    copy(&mut octets, 38, &[0x34, 0x12, 0x01, 0xbb]);
    octets
};

const IPV6: [u8; 74] = {
    let mut octets = [0; 74];
    copy(&mut octets, 12, &[0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64]);
    copy(&mut octets, 54, &[0x34, 0x12, 0x01, 0xbb]);
    copy(&mut octets, 66, &[0x50, 0x10]);
    octets
};

/// ICMP behind two VLAN tags: read by the slow path.
const SLOW: [u8; 64] = {
    let mut octets = [0; 64];
    let tags_and_ip = [
        0x88, 0xa8, 0, 9, 0x81, 0, 0, 5, 8, 0, 0x45, 0, 0, 42, 0, 0, 0, 0, 64, 1,
    ];
    copy(&mut octets, 12, &tags_and_ip);
    copy(&mut octets, 42, &[8, 0]);
    octets
};

const fn copy(octets: &mut [u8], at: usize, from: &[u8]) {
    let mut number = 0;
    while number < from.len() {
        octets[at + number] = from[number];
        number += 1;
    }
}

const fn ethernet(octets: &'static [u8], source_end: usize) -> Kind {
    Kind {
        link_type: LinkType::Ethernet,
        octets,
        source_end,
    }
}

/// As VPP hands over packets at ip4: without a link layer.
const BARE: Kind = Kind {
    link_type: LinkType::RawIp,
    octets: IPV4.split_at(14).1,
    source_end: 16,
};

/// Packets of flows in pseudo-random order, which stay for the length of the program.
fn packets(kind: Kind, flows: u32, time: u32) -> Vec<Packet<'static>> {
    let mut random = 88_172_645_463_325_252_u64;
    (0..PACKETS)
        .map(|number| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // Each flow once, if there are as many flows as packets.
            let flow = if u64::from(flows) == PACKETS {
                number
            } else {
                random % u64::from(flows)
            };
            let mut octets = kind.octets.to_vec();
            octets[kind.source_end - 4..kind.source_end]
                .copy_from_slice(&(flow as u32).to_be_bytes());
            let data = octets.leak();
            Packet {
                data,
                point: ObservationPoint {
                    link_type: kind.link_type,
                    ..ObservationPoint::default()
                },
                time: Timestamp::from_millis(1_700_000_000_000 + u64::from(time)),
                uptime: Uptime::from_millis(time),
                length: data.len() as u32,
                segment_size: 0,
            }
        })
        .collect()
}

/// Counts messages and keeps nothing.
struct Discard(Vec<u8>);

impl Transport for Discard {
    type Buffer = Vec<u8>;

    fn buffer(&mut self) -> Option<Vec<u8>> {
        Some(core::mem::take(&mut self.0))
    }

    fn send(&mut self, message: Message<Vec<u8>>) {
        self.0 = message.buffer;
    }
}

struct Meter {
    process: MeteringProcess,
    exporter: ExportingProcess<Discard>,
    packets: Vec<Packet<'static>>,
}

impl Meter {
    fn new(packets: Vec<Packet<'static>>) -> Self {
        let mut configuration = Configuration::new(100_000, Seed::fixed(SEED));
        configuration.l2 = true;
        let mut exporter = ExportingProcess::new(Discard(vec![0; 1400]), ObservationDomainId(1));
        exporter.tick(packets[0].time, packets[0].uptime);
        Self {
            process: MeteringProcess::new(&configuration).unwrap(),
            exporter,
            packets,
        }
    }

    fn observe(mut self) -> Self {
        for frame in self.packets.chunks(FRAME) {
            self.process.observe(frame, &mut self.exporter);
        }
        self
    }
}

/// Packets of known flows.
fn known(kind: Kind) -> Meter {
    Meter::new(packets(kind, FLOWS, 1000)).observe()
}

/// Packets of new flows.
fn new(kind: Kind) -> Meter {
    Meter::new(packets(kind, PACKETS as u32, 1000))
}

#[library_benchmark(setup = known)]
#[bench::bare_ipv4(args = (BARE), config = limit(PACKETS, 19_538))]
#[bench::ethernet_ipv4(args = (ethernet(&IPV4, 30)), config = limit(PACKETS, 20_338))]
#[bench::vlan_ipv4(args = (ethernet(&VLAN, 34)), config = limit(PACKETS, 21_327))]
#[bench::ethernet_ipv6(args = (ethernet(&IPV6, 38)), config = limit(PACKETS, 22_234))]
#[bench::slow_path(args = (ethernet(&SLOW, 38)), config = limit(PACKETS, 62_012))]
fn known_flows(meter: Meter) -> Meter {
    black_box(meter.observe())
}

#[library_benchmark(setup = new)]
#[bench::ipv4(args = (ethernet(&IPV4, 30)), config = limit(PACKETS, 39_009))]
#[bench::ipv6(args = (ethernet(&IPV6, 38)), config = limit(PACKETS, 40_716))]
fn new_flows(meter: Meter) -> Meter {
    black_box(meter.observe())
}

// Headers alone, on the slow path.
#[library_benchmark(setup = packets)]
#[bench::ipv4(args = (ethernet(&IPV4, 30), FLOWS, 0), config = limit(PACKETS, 12_101))]
#[bench::tags_and_icmp(args = (ethernet(&SLOW, 38), FLOWS, 0), config = limit(PACKETS, 21_101))]
fn headers(packets: Vec<Packet<'static>>) -> u64 {
    let octets = |packet| match dissect(packet) {
        Dissection::Ipv4(headers) => u64::from(headers.octets),
        other => panic!("{other:?}"),
    };
    black_box(packets.iter().map(octets).sum())
}

/// Live flows, none of which is due or all of which are.
fn live(kind: Kind) -> Meter {
    new(kind).observe()
}

#[library_benchmark(setup = live)]
#[bench::ipv4(args = (ethernet(&IPV4, 30)), config = limit(PACKETS, 13_629))]
fn sweep_without_records(mut meter: Meter) -> Meter {
    sweep(&mut meter, [2000, 3000]);
    assert_eq!(meter.process.live_flows() as u64, PACKETS);
    black_box(meter)
}

#[library_benchmark(setup = live)]
#[bench::ipv4(args = (ethernet(&IPV4, 30)), config = limit(PACKETS, 32_053))]
#[bench::ipv6(args = (ethernet(&IPV6, 38)), config = limit(PACKETS, 33_325))]
fn sweep_with_records(mut meter: Meter) -> Meter {
    sweep(&mut meter, [20_000, 21_000]);
    assert_eq!(meter.process.live_flows(), 0);
    black_box(meter)
}

/// One round of the sweep.
fn sweep(meter: &mut Meter, times: [u32; 2]) {
    for millis in times {
        let uptime = Uptime::from_millis(millis);
        let swept = meter
            .process
            .expire(uptime, usize::MAX, &mut meter.exporter);
        assert_eq!(swept, Swept::Done);
    }
}

library_benchmark_group!(
    name = engine,
    benchmarks = [
        known_flows,
        new_flows,
        headers,
        sweep_without_records,
        sweep_with_records
    ]
);

main!(library_benchmark_groups = engine);
