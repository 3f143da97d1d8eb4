// SPDX-License-Identifier: Apache-2.0
//! Captures with thousands of interfaces: each is announced once, in whatever order descriptions and
//! packets are.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;

use support::capture::{Order, block, udp_packet};
use support::datagrams::{accept_one, received};
use support::flows::number;
use support::ipfix::{DEFAULT_LIMIT, Decoder, Record, Way};
use support::replay::Replay;

const INTERFACES: u32 = 20_000;

/// A smaller number, for captures in which time passes between interfaces: repeating all names each time would be far too much.
const FEWER: u32 = 1_000;

/// The lengths of an IPv4 flow record (template 256) and an interface record (512).
const FLOW: u64 = 71;
const INTERFACE: u64 = 136;

fn section() -> Vec<u8> {
    let order = Order::Little;
    let mut body = order.u32(0x1a2b_3c4d).to_vec();
    body.extend([order.u16(1), order.u16(0)].concat());
    body.extend([0xff; 8]);
    block(order, 0x0a0d_0d0a, &body)
}

/// Describes an Ethernet interface with a name of nine octets.
fn description(index: u32) -> Vec<u8> {
    let order = Order::Little;
    let mut body = [order.u16(1), order.u16(0)].concat();
    body.extend(order.u32(0));
    body.extend([order.u16(2), order.u16(9)].concat());
    body.extend(format!("veth{index:05}").as_bytes());
    body.extend([0; 3]);
    body.extend([0; 4]);
    block(order, 1, &body)
}

/// Returns a packet of an interface, this many milliseconds after the beginning of 2026.
fn packet(interface: u32, milliseconds: u64) -> Vec<u8> {
    let order = Order::Little;
    let packet = udp_packet(milliseconds, 1000, b"");
    let (high, low) = ((packet.time >> 32) as u32, packet.time as u32);
    let numbers = [interface, high, low, packet.length, packet.length];
    let mut body: Vec<u8> = numbers.into_iter().flat_map(|n| order.u32(n)).collect();
    body.extend(&packet.octets);
    block(order, 6, &body)
}

/// Returns a capture of interfaces, each described before its packet, with this time between packets.
fn one_by_one(interfaces: u32, milliseconds: u64) -> Vec<u8> {
    let mut capture = section();
    for index in 0..interfaces {
        capture.extend(description(index));
        capture.extend(packet(index, milliseconds * u64::from(index)));
    }
    capture
}

/// Checks that the file has each name once, and at most three times the octets of flows and names.
fn check(what: &str, capture: &[u8], interfaces: u32, workers: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("many.pcapng");
    std::fs::write(&file, capture).expect("a file");
    let replay = Replay::of(&file, &["--workers", workers, "--active-timeout", "3600"]);
    assert_eq!(
        replay.finished.code(),
        Some(0),
        "{what}: {:?}",
        replay.finished
    );

    let mut names: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    let mut flows = BTreeSet::new();
    for record in replay.dumped() {
        if let Some(name) = record.get("interfaceName") {
            let name = name.as_str().expect("a text").to_owned();
            let number = number(&record, "ingressInterface");
            names.entry(number).or_default().insert(name);
        } else if record.contains_key("packetDeltaCount") {
            flows.insert(number(&record, "ingressInterface"));
        }
    }
    assert_eq!(flows.len(), interfaces as usize, "{what}");
    assert_eq!(names.len(), interfaces as usize, "{what}");
    assert!(names.values().all(|names| names.len() == 1), "{what}");
    let all: BTreeSet<_> = names.values().flatten().collect();
    assert_eq!(all.len(), interfaces as usize, "{what}");

    let written = std::fs::metadata(replay.output()).expect("the file").len();
    let records = replay.summary().number("records");
    let own = records * FLOW + u64::from(interfaces) * INTERFACE;
    assert!(written <= 3 * own, "{what}: {written} octets of {own}");
}

/// All are described at the beginning.
#[test]
fn interfaces_of_one_section() {
    let mut capture = section();
    for index in 0..INTERFACES {
        capture.extend(description(index));
    }
    for index in 0..INTERFACES {
        capture.extend(packet(index, 0));
    }
    check("one section", &capture, INTERFACES, "1");
}

/// Each is described before its packet, and time passes: between two packets templates and
/// options could be repeated over UDP. A file does not need that.
#[test]
fn interfaces_that_come_one_by_one() {
    for (milliseconds, interfaces) in [(1, INTERFACES), (31_000, FEWER)] {
        check(
            &format!("{milliseconds} ms between two"),
            &one_by_one(interfaces, milliseconds),
            interfaces,
            "2",
        );
    }
}

/// Each has a section of its own with the number 0, and the first hundred occur again.
#[test]
fn interfaces_of_sections_of_their_own() {
    for (milliseconds, interfaces) in [(0, INTERFACES), (31_000, FEWER)] {
        let mut capture = Vec::new();
        for index in (0..interfaces).chain(0..100) {
            capture.extend(section());
            capture.extend(description(index));
            capture.extend(packet(0, milliseconds * u64::from(index)));
        }
        check(
            &format!("sections, {milliseconds} ms"),
            &capture,
            interfaces,
            "1",
        );
    }
}

/// Collectors: a TCP connection has each name once; datagrams repeat names, but within the same
/// limit as files.
#[test]
fn interfaces_in_sessions() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("many.pcapng");
    std::fs::write(&file, one_by_one(FEWER, 31_000)).expect("a file");
    let ((replay, stream), datagrams) = received("127.0.0.1", |udp| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let tcp = format!("tcp://{}", listener.local_addr().expect("its address"));
        let stream = accept_one(listener);
        let replay = Replay::of(&file, &["--collector", udp, "--collector", &tcp]);
        (replay, stream.join().expect("the collector"))
    });
    let records = replay.summary().number("records");
    let own = records * FLOW + u64::from(FEWER) * INTERFACE;

    let mut names = Vec::new();
    let mut decoder = Decoder::new(Way::Stream, DEFAULT_LIMIT);
    names.extend(interface_records(&decoder.read_stream(&stream)));
    assert_eq!(names.len(), FEWER as usize);
    let sent = stream.len() as u64;
    assert!(sent <= 3 * own, "TCP: {sent} octets of {own}");

    let mut decoder = Decoder::new(Way::Datagrams, DEFAULT_LIMIT);
    let mut repeated = Vec::new();
    for datagram in &datagrams {
        repeated.extend(interface_records(&decoder.read(datagram)));
    }
    assert!(repeated.len() > names.len(), "none is repeated");
    for all in [&mut names, &mut repeated] {
        all.sort_unstable();
        all.dedup();
    }
    assert_eq!(repeated, names);
    let sent: usize = datagrams.iter().map(Vec::len).sum();
    assert!(sent as u64 <= 3 * own, "UDP: {sent} octets of {own}");
}

fn interface_records(records: &[Record]) -> Vec<Vec<u8>> {
    let options = records.iter().filter(|record| record.template == 512);
    options.map(|record| record.octets.clone()).collect()
}
