// SPDX-License-Identifier: Apache-2.0
//! Captures that are damaged or unusual, and every variant of the formats: packets that can be read are
//! metered, and each problem is reported in one line.

mod support;

use std::path::Path;

use support::capture::{Order, Packet, pcap, pcapng, read_pcap, udp_packet};
use support::flows::{Tally, number, tally};
use support::replay::Replay;
use support::{example, name};

#[test]
fn files_that_are_not_captures_are_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = folder.path().join("text.pcap");
    std::fs::write(&text, "hello, world, this is not a capture\n").expect("a file");
    let empty = folder.path().join("empty.pcap");
    std::fs::write(&empty, "").expect("a file");
    let missing = folder.path().join("missing.pcap");
    for (file, part) in [
        (text.as_path(), "not a pcap or pcapng capture"),
        (&empty, "empty file"),
        (&missing, "No such file or directory"),
        (folder.path(), "directory"),
    ] {
        let replay = Replay::of(file, &[]);
        assert_eq!(replay.finished.code(), Some(1), "{:?}", replay.finished);
        let line = replay.finished.error_line();
        assert!(
            line.starts_with(&format!("flowmeter: {}: ", file.display())),
            "{line}"
        );
        assert!(line.contains(part), "{line}");
        assert_eq!(replay.summary().number("packets"), 0);
    }
}

/// If one cannot be read, the others are read.
#[test]
fn the_captures_after_a_missing_one_are_read() {
    let replay = Replay::of(
        Path::new("/nonexistent.pcap"),
        &[example("dns.pcap").to_str().expect("a name")],
    );
    assert_eq!(replay.finished.code(), Some(1));
    assert!(replay.finished.error_line().contains("/nonexistent.pcap"));
    assert_eq!(replay.summary().number("packets"), 102);
}

/// Unsupported link types are reported by number and name. The exit status is 1 if nothing was
/// metered.
#[test]
fn link_types_that_are_not_supported_are_named() {
    let packets = [udp_packet(0, 1000, b""), udp_packet(1, 1000, b"")];
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("docsis.pcap");
    let mut capture = pcap(&packets, Order::Big, false, 65_535);
    capture[23] = 143;
    std::fs::write(&file, capture).expect("a file");
    let replay = Replay::of(&file, &[]);
    assert_eq!(replay.finished.code(), Some(1), "{:?}", replay.finished);
    let expected = format!(
        "flowmeter: {}: link type 143 (DOCSIS) is not supported: 2 packets ignored",
        file.display()
    );
    assert_eq!(replay.finished.error_line(), expected);
    assert_eq!(replay.summary().ignored_as("unsupported_link_type"), 2);
    // With another capture, which is metered.
    let dns = example("dns.pcap");
    let replay = Replay::of(&file, &[dns.to_str().expect("a name")]);
    assert_eq!(replay.finished.code(), Some(0), "{:?}", replay.finished);
    assert_eq!(replay.finished.error_line(), expected);
    assert_eq!(replay.summary().number("packets"), 104);
}

/// Wherever a capture is cut, the packets before the cut are metered, and the error has its offset.
#[test]
fn packets_before_a_cut_are_metered_and_exported() {
    let packets: Vec<_> = (0..20)
        .map(|number| udp_packet(number, 1000, b"payload"))
        .collect();
    let whole = pcap(&packets, Order::Little, false, 65_535);
    let record = 16 + packets[0].octets.len();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cut.pcap");
    for cut in [1, 8, 16, 17, 40, record - 1] {
        let kept = 24 + 12 * record;
        std::fs::write(&file, &whole[..kept + cut]).expect("a file");
        let replay = Replay::of(&file, &[]);
        assert_eq!(
            replay.finished.code(),
            Some(1),
            "{cut}: {:?}",
            replay.finished
        );
        let line = replay.finished.error_line();
        let place = format!("flowmeter: {}: offset {kept}: ", file.display());
        assert!(line.starts_with(&place), "{cut}: {line}");
        assert_eq!(exported(&replay).packets, 12, "{cut}");
        assert_eq!(replay.summary().number("packets"), 12, "{cut}");
    }
    // A cut between two packets cannot be detected.
    std::fs::write(&file, &whole[..24 + 12 * record]).expect("a file");
    let replay = Replay::of(&file, &[]);
    assert_eq!(
        (replay.finished.code(), exported(&replay).packets),
        (Some(0), 12)
    );
}

#[test]
fn packets_before_damage_in_real_captures_are_metered() {
    let folder = tempfile::tempdir().expect("a folder");
    for capture in ["dns.pcap", "pods.pcapng"] {
        let capture = example(capture);
        let octets = std::fs::read(&capture).expect("the capture");
        let file = folder.path().join(name(&capture));
        std::fs::write(&file, &octets[..octets.len() / 2 + 1]).expect("a file");
        let replay = Replay::of(&file, &["--l2"]);
        assert_eq!(replay.finished.code(), Some(1), "{:?}", replay.finished);
        let line = replay.finished.error_line();
        assert!(
            line.contains(&format!("{}: offset ", file.display())),
            "{line}"
        );
        let observed = replay.summary().observed();
        assert!(observed.packets > 10, "{observed:?}");
        assert_eq!(exported(&replay), observed);
    }
}

#[test]
fn packets_longer_than_the_snap_length_are_metered_and_reported() {
    let packets = [
        udp_packet(0, 1000, &[0; 10]),
        udp_packet(1, 1000, &[0; 200]),
        udp_packet(2, 1000, &[0; 300]),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("long.pcap");
    std::fs::write(&file, pcap(&packets, Order::Little, false, 96)).expect("a file");
    let replay = Replay::of(&file, &[]);
    let line = replay.finished.error_line();
    let offset = 24 + 16 + packets[0].octets.len() + 16;
    assert!(
        line.contains(&format!("{}: offset {offset}: 2 packets", file.display())),
        "{line}"
    );
    assert_eq!(replay.finished.code(), Some(0), "nothing is lost");
    let octets = 3 * 28 + 10 + 200 + 300;
    assert_eq!(exported(&replay), Tally { packets: 3, octets });
}

#[test]
fn every_variant_of_the_formats_gives_the_same_records() {
    use Order::{Big, Little};
    let packets = read_pcap(&example("dns.pcap"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("variant");
    let sorted = |octets: Vec<u8>| {
        std::fs::write(&file, octets).expect("a file");
        let replay = Replay::of(&file, &["--l2"]);
        assert_eq!(replay.finished.code(), Some(0), "{:?}", replay.finished);
        let mut records: Vec<_> = replay
            .decoded()
            .into_iter()
            .map(|record| record.octets)
            .collect();
        records.sort();
        records
    };
    let expected = sorted(std::fs::read(example("dns.pcap")).expect("the capture"));
    assert!(expected.len() > 60);
    for order in [Little, Big] {
        for nanoseconds in [false, true] {
            let variant = sorted(pcap(&packets, order, nanoseconds, 65_535));
            assert_eq!(
                variant, expected,
                "pcap {order:?}, nanoseconds: {nanoseconds}"
            );
        }
        // Records have milliseconds.
        for resolution in [3, 6, 9] {
            let variant = sorted(pcapng(&packets, order, resolution));
            assert_eq!(
                variant, expected,
                "pcapng {order:?}, 10^-{resolution} seconds"
            );
        }
    }
}

/// A clock that is set ends no flow, and no record ends before it starts.
#[test]
fn time_that_steps_back_ends_no_flow() {
    let hour = 3_600_000;
    let times = [hour, hour + 10, 0, 20, hour + 5, 40];
    let packets: Vec<Packet> = times.map(|time| udp_packet(time, 1000, b"payload")).into();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("steps.pcap");
    std::fs::write(&file, pcap(&packets, Order::Little, false, 65_535)).expect("a file");
    // A step forward beyond a timeout cannot be distinguished from a pause, so timeouts are a day
    // here.
    let replay = Replay::of(
        &file,
        &["--active-timeout", "86400", "--idle-timeout", "86400"],
    );
    assert_eq!(replay.finished.code(), Some(0), "{:?}", replay.finished);
    let records = replay.dumped();
    let flows: Vec<_> = records
        .iter()
        .filter(|record| record.contains_key("sourceIPv4Address"))
        .collect();
    assert_eq!(flows.len(), 1, "{flows:?}");
    assert_eq!(tally(flows[0]).packets, 6);

    let replay = Replay::of(&file, &[]);
    assert_eq!(exported(&replay).packets, 6);
    for record in replay.dumped() {
        if record.contains_key("sourceIPv4Address") {
            let start = number(&record, "flowStartMilliseconds");
            let end = number(&record, "flowEndMilliseconds");
            assert!(start <= end, "{record:?}");
        }
    }
}

/// Returns the total of all flow records in the file.
fn exported(replay: &Replay) -> Tally {
    support::ipfix::total(&replay.decoded())
}
