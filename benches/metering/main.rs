// SPDX-License-Identifier: Apache-2.0
//! Clocks per packet of the metering process and per record of the encoder.
//!
//! Beside the engine stand, in the same run, a hash map from the same key to the same
//! counters, which is what one would write without it, and what the memory allows: a
//! prefetched read-modify-write of one random cache line in a table of the same size.
//! `cargo bench --bench metering`; results are kept under `benches/record/`.

mod clocks;
mod host;
mod traffic;

use std::hint::black_box;

use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use flowmeter::exporting::{ExportingProcess, Message, Transport};
use flowmeter::flow::Ipv4Key;
use flowmeter::metering::{
    Backend, Configuration, EndReason, Export, ExportRefused, Family, FlowKey, FlowRecord,
    MeteringProcess, STARTER_FLOWS, Seed, Table, Timeouts,
};
use flowmeter::observation::ObservationDomainId;
use flowmeter::packet::{Dissection, Packet, dissect};
use flowmeter::time::{Timestamp, Uptime};
use hashbrown::HashMap;

use self::clocks::{Clocks, now};
use self::host::{Host, points};
use self::traffic::{FRAME, IPV4, IPV6, Kind, Traffic, VLAN};

const FLOWS: [usize; 4] = [1_000, 100_000, 1_000_000, 10_000_000];

/// A transport that forgets messages.
struct Forget(Vec<u8>);

impl Transport for Forget {
    type Buffer = Vec<u8>;

    fn buffer(&mut self) -> Option<Vec<u8>> {
        Some(core::mem::take(&mut self.0))
    }

    fn send(&mut self, message: Message<Vec<u8>>) {
        self.0 = message.buffer;
    }
}

fn exporter() -> ExportingProcess<Forget> {
    ExportingProcess::new(Forget(vec![0; 1372]), ObservationDomainId(1))
}

/// No flow ends by itself.
fn metering(flows: usize, backend: Backend) -> MeteringProcess {
    let mut configuration = Configuration::new(flows, Seed::random().unwrap());
    configuration.backend = backend;
    configuration.timeouts =
        Timeouts::from_millis(Timeouts::MAX_MILLIS, Timeouts::MAX_MILLIS).unwrap();
    MeteringProcess::new(&configuration).unwrap()
}

/// The clocks that `work` takes.
fn clocks(work: impl FnOnce()) -> u64 {
    let before = now();
    work();
    now() - before
}

/// The clocks of so many packets, from those of the median frame: a frame in which the system
/// took the processor away counts no more than another.
fn typical(packets: u64, frame: impl FnMut() -> u64) -> u64 {
    let frames = packets.div_ceil(FRAME as u64) as usize;
    let mut clocks: Vec<u64> = core::iter::repeat_with(frame).take(frames).collect();
    let (_, median, _) = clocks.select_nth_unstable(frames / 2);
    *median * packets / FRAME as u64
}

/// Measures `meter`, which tells its clocks, over frames of random flows, after each flow has
/// been seen.
fn bench_frames(
    group: &mut BenchmarkGroup<'_, Clocks>,
    name: &str,
    flows: usize,
    kind: Kind,
    mut meter: impl FnMut(&[Packet<'_>]) -> u64,
) {
    let mut traffic = Traffic::new(kind);
    let mut next = 0;
    while next < flows as u64 {
        meter(&traffic.frame(|_| {
            next += 1;
            (next - 1) % flows as u64
        }));
    }
    group.bench_function(format!("{name}/{flows}"), |bencher| {
        // An iteration is one packet, and frames are whole.
        bencher.iter_custom(|packets| {
            typical(packets, || {
                let frame = traffic.frame(|traffic| traffic.random(flows as u64));
                meter(black_box(&frame))
            })
        });
    });
}

fn observe(criterion: &mut Criterion<Clocks>) {
    let mut group = criterion.benchmark_group("observe");
    for flows in FLOWS {
        for backend in Backend::available() {
            let mut process = metering(flows, backend);
            let mut exporter = exporter();
            let name = format!("flowmeter-{}", backend.name());
            bench_frames(&mut group, &name, flows, IPV4, |packets| {
                clocks(|| process.observe(packets, &mut exporter))
            });
        }
        for (name, kind) in [("ipv6", IPV6), ("vlan", VLAN)] {
            let mut process = metering(flows, Backend::detect());
            let mut exporter = exporter();
            bench_frames(&mut group, name, flows, kind, |packets| {
                clocks(|| process.observe(packets, &mut exporter))
            });
        }
        for (name, kind) in [("host-ipv4", IPV4), ("host-ipv6", IPV6)] {
            let mut process = metering(flows, Backend::detect());
            let mut exporter = exporter();
            let points = points();
            bench_frames(&mut group, name, flows, kind, |packets| {
                let host = Host::new(packets, &points);
                clocks(|| process.observe(black_box(&host), &mut exporter))
            });
        }

        let mut map: HashMap<Ipv4Key, [u64; 5]> = HashMap::with_capacity(flows);
        bench_frames(&mut group, "hashbrown", flows, IPV4, |packets| {
            clocks(|| {
                for packet in packets {
                    let Dissection::Ipv4(headers) = dissect(packet) else {
                        continue;
                    };
                    let time = packet.time.as_millis();
                    let counters = map.entry(headers.key).or_insert([0, 0, time, time, 0]);
                    counters[0] += 1;
                    counters[1] += u64::from(headers.octets);
                    counters[3] = time;
                    counters[4] |= u64::from(headers.tcp_flags);
                }
            })
        });

        let mut lines = memmap2::MmapMut::map_anon(flows * 118 / 100 * 64).unwrap();
        #[cfg(target_os = "linux")]
        lines.advise(memmap2::Advice::HugePage).unwrap();
        let lines: &mut [[u64; 8]] = bytemuck::cast_slice_mut(&mut lines);
        bench_frames(&mut group, "roofline", flows, IPV4, |packets| {
            clocks(|| {
                let mut indices = [0; FRAME];
                for (index, packet) in indices.iter_mut().zip(packets) {
                    let key = u64::from_ne_bytes(packet.data[26..34].try_into().unwrap());
                    let hash = u128::from(key.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                    *index = ((hash * lines.len() as u128) >> 64) as usize;
                    prefetch(&lines[*index]);
                }
                for index in indices {
                    lines[index][0] += 1;
                }
            })
        });
    }
    group.finish();
}

fn prefetch<T>(line: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching reads no memory.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(line.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    black_box(line);
}

/// Records go nowhere, as where there is no way to a collector.
struct Closed(Option<ExportRefused>);

impl<K: FlowKey> Export<K> for Closed {
    fn closed(&self) -> Option<ExportRefused> {
        self.0
    }

    fn export(&mut self, _: &FlowRecord<K>) -> Result<(), ExportRefused> {
        Err(ExportRefused::CollectorUnreachable)
    }
}

/// What flows past their active timeout cost while no record is taken: with an exporter that
/// says so beforehand, with one that does not, and beside them flows of which none is due.
fn gate(criterion: &mut Criterion<Clocks>) {
    const FLOWS: usize = 1000;

    let mut group = criterion.benchmark_group("gate");
    let closed = Some(ExportRefused::CollectorUnreachable);
    for (name, active, closed) in [
        ("open", Timeouts::MAX_MILLIS, None),
        ("closed", 1, closed),
        ("refusing", 1, None),
    ] {
        let mut process = metering(FLOWS, Backend::detect());
        process.set_timeouts(Timeouts::from_millis(active, Timeouts::MAX_MILLIS).unwrap());
        let mut export = Closed(closed);
        bench_frames(&mut group, name, FLOWS, IPV4, |packets| {
            clocks(|| {
                process.observe(packets, &mut export);
                process.expire(packets[FRAME - 1].uptime, 8, &mut export);
            })
        });
    }
    group.finish();
}

/// Every packet is of a new flow, and the table is full: each begins a flow, ends another
/// and exports it; the sweep runs along.
fn churn(criterion: &mut Criterion<Clocks>) {
    let mut group = criterion.benchmark_group("churn");
    for flows in [1_000, 100_000, 1_000_000] {
        let mut process = metering(flows, Backend::detect());
        let mut exporter = exporter();
        let mut traffic = Traffic::new(IPV4);
        let mut flow = 0;
        let mut frame = move || {
            let packets = traffic.frame(|_| {
                flow += 1;
                flow
            });
            let last = packets[FRAME - 1];
            let before = now();
            exporter.tick(last.time, last.uptime);
            process.observe(black_box(packets.as_slice()), &mut exporter);
            process.expire(last.uptime, 32, &mut exporter);
            now() - before
        };
        for _ in 0..flows / 50 {
            frame();
        }
        group.bench_function(flows.to_string(), |bencher| {
            bencher.iter_custom(|packets| typical(packets, &mut frame));
        });
    }
    group.finish();
}

/// A record becomes a Data Record in a message, messages included.
fn encode(criterion: &mut Criterion<Clocks>) {
    let key: Ipv4Key = bytemuck::cast([1u64, 2, 3]);
    let mut exporter = exporter();
    criterion.bench_function("encode/ipv4", |bencher| {
        let mut record = record(key);
        bencher.iter(|| {
            record.packets += 1;
            exporter.export(black_box(&record)).unwrap();
        });
    });
}

fn record<K: FlowKey<Attributes = ()>>(key: K) -> FlowRecord<K> {
    FlowRecord {
        key,
        attributes: (),
        packets: 1,
        octets: 2,
        start: Timestamp::from_millis(3),
        end: Timestamp::from_millis(4),
        ingress_vrf: 5,
        egress_vrf: 6,
        type_of_service: 6,
        tcp_flags: 7,
        end_reason: EndReason::IdleTimeout,
    }
}

/// All flows of a full starter table move into another.
fn adopt(criterion: &mut Criterion<Clocks>) {
    criterion.bench_function("adopt/a_full_starter_table", |bencher| {
        bencher.iter_custom(|times| {
            let (mut traffic, mut exporter) = (Traffic::new(IPV4), exporter());
            let one = || {
                let mut process = metering(STARTER_FLOWS, Backend::detect());
                let mut uptime = Uptime::default();
                for start in (0..STARTER_FLOWS as u64).step_by(FRAME) {
                    let mut flow = start;
                    let packets = traffic.frame(|_| {
                        flow += 1;
                        flow
                    });
                    uptime = packets[FRAME - 1].uptime;
                    process.observe(packets.as_slice(), &mut exporter);
                }
                let mut full = Table::new(Family::Ipv4, 131_072).unwrap();
                full.populate();
                let before = now();
                let _ = black_box(process.adopt(full, uptime, &mut exporter));
                now() - before
            };
            let mut clocks: Vec<u64> = core::iter::repeat_with(one).take(15).collect();
            let (_, median, _) = clocks.select_nth_unstable(7);
            *median * times
        });
    });
}

/// Not a time, but it belongs beside them.
fn memory(_: &mut Criterion<Clocks>) {
    let flows = 1_000_000;
    let octets = Family::Ipv4.octets_for(flows);
    println!(
        "memory: {:.1} octets for each of {flows} live IPv4 flows",
        octets as f64 / flows as f64
    );
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .with_measurement(Clocks)
        .sample_size(20)
        .without_plots()
        .warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(2));
    targets = memory, encode, adopt, churn, gate, observe
}
criterion_main!(benches);
