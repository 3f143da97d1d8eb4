// SPDX-License-Identifier: Apache-2.0
//! Messages on the wire: their length, and what is repeated.

mod support;

use support::capture::{Order, pcap, udp_packet};
use support::datagrams::received;
use support::ipfix::{Decoder, Way, total};
use support::replay::Replay;

/// Octets of an IPv4 flow's record (template 256), and of a set header.
const RECORD: usize = 71;
const SET_HEADER: usize = 4;

/// RFC 7011 §10.3.3: datagrams never exceed the path MTU, and are full if there are enough records.
#[test]
fn datagrams_fill_the_path_mtu_and_never_exceed_it() {
    let packets: Vec<_> = (0..500).map(|port| udp_packet(0, port, b"")).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("flows.pcap");
    std::fs::write(&file, pcap(&packets, Order::Little, false, 65_535)).expect("a file");
    for (host, headers) in [("127.0.0.1", 28), ("::1", 48)] {
        for (options, mtu) in [
            (&[][..], 1400),
            (&["--path-mtu", "576"], 576),
            (&["--path-mtu", "9000"], 9000),
        ] {
            let (replay, datagrams) = received(host, |collector| {
                Replay::of(&file, &[&["--collector", collector], options].concat())
            });
            let what = format!("{host} {options:?}");
            assert_eq!(
                replay.finished.code(),
                Some(0),
                "{what}: {:?}",
                replay.finished
            );
            let limit = mtu - headers;
            let mut decoder = Decoder::new(Way::Datagrams, limit);
            let records: Vec<_> = datagrams
                .iter()
                .flat_map(|datagram| decoder.read(datagram))
                .collect();
            assert_eq!(total(&records).packets, 500, "{what}");
            let longest = datagrams.iter().map(Vec::len).max().expect("datagrams");
            assert!(
                longest + RECORD > limit,
                "{what}: {longest} octets leave room for a record"
            );
            let full = datagrams
                .iter()
                .filter(|datagram| datagram.len() == longest)
                .count();
            let each = (limit - 16 - SET_HEADER) / RECORD;
            assert_eq!(full, 500 / each, "{what}: full messages");
        }
    }
}

/// RFC 7011 §8.4: over UDP templates are repeated, here at least every 60 seconds, and options with
/// them. A file loses nothing and has each once.
#[test]
fn templates_are_repeated_in_datagrams_only() {
    // A flow of twenty packets each second, for ten minutes.
    let packets: Vec<_> = (0..12_000)
        .map(|number| udp_packet(number * 50, 1000 + (number / 20) as u16, b""))
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("long.pcap");
    std::fs::write(&file, pcap(&packets, Order::Little, false, 65_535)).expect("a file");
    let (replay, datagrams) = received("127.0.0.1", |collector| {
        Replay::of(&file, &["--collector", collector])
    });

    let mut decoder = Decoder::new(Way::Datagrams, support::ipfix::DEFAULT_LIMIT);
    let mut announced = Vec::new();
    let mut records = Vec::new();
    for datagram in &datagrams {
        let set = u16::from_be_bytes([datagram[16], datagram[17]]);
        if set == 2 {
            let time = [datagram[4], datagram[5], datagram[6], datagram[7]];
            announced.push(u32::from_be_bytes(time));
        }
        records.extend(decoder.read(datagram));
    }
    assert_eq!(total(&records).packets, 12_000);
    assert!(
        announced.len() >= 9,
        "announced {} times in ten minutes",
        announced.len()
    );
    let longest = announced.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(
        longest.is_some_and(|seconds| seconds <= 60),
        "{announced:?}"
    );

    // The decoder fails if a stream repeats a template, or if a sequence number is wrong.
    let (options, flows): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|record| record.is_options);
    assert!(options.len() >= 9, "{}", options.len());
    let (options_in_file, flows_in_file): (Vec<_>, Vec<_>) = replay
        .decoded()
        .into_iter()
        .partition(|record| record.is_options);
    assert_eq!(options_in_file.len(), 1);
    assert_eq!(flows_in_file, flows);
}
