// SPDX-License-Identifier: Apache-2.0
//! Captures with wrong lengths, clocks or flags, each with the right records.

mod support;

use serde_json::{Map, Value};
use support::fault;
use support::replay::Replay;

type Record = Map<String, Value>;

/// Returns the flow records of a capture, sorted by start; `None` if the capture is missing.
fn records(test: &str, name: &str, options: &[&str]) -> Option<Vec<Record>> {
    let replay = Replay::of(&fault(test, name)?, options);
    let summary = replay.summary();
    let mut records = replay.dumped();
    records.retain(|record| record.contains_key("packetDeltaCount"));
    records.sort_by_key(|record| number(record, "flowStartMilliseconds"));
    let packets: u64 = sum(&records, "packetDeltaCount");
    assert_eq!(summary.number("packets"), packets + summary.ignored());
    Some(records)
}

#[track_caller]
fn number(record: &Record, element: &str) -> u64 {
    let value = &record[element];
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{element}: {value}"))
}

fn sum(records: &[Record], element: &str) -> u64 {
    records.iter().map(|record| number(record, element)).sum()
}

/// RFC 791 §3.1, RFC 8200 §3, RFC 2675 §2: headers with lengths beyond the frame.
#[test]
fn lengths_beyond_the_frame() {
    let test = "lengths_beyond_the_frame";
    let Some(records) = records(test, "ip_length_beyond_frame.pcap", &[]) else {
        return;
    };
    let mut octets: Vec<_> = records
        .iter()
        .map(|r| number(r, "octetDeltaCount"))
        .collect();
    octets.sort();
    assert_eq!(octets, [46, 49, 72]);
}

/// RFC 4448: Ethernet pseudowires with MAC addresses that begin like IP headers.
#[test]
fn ethernet_over_mpls() {
    let test = "ethernet_over_mpls";
    let Some(records) = records(test, "eompls.pcap", &["--l2"]) else {
        return;
    };
    let [record] = &records[..] else {
        panic!("{records:?}")
    };
    assert_eq!(record["sourceIPv4Address"], "192.0.2.1");
    assert_eq!(record["destinationIPv4Address"], "192.0.2.2");
    assert_eq!(number(record, "packetDeltaCount"), 7);
    assert_eq!(number(record, "octetDeltaCount"), 7 * 528);
}

/// Returns the duration of a record.
fn duration(record: &Record) -> u64 {
    number(record, "flowEndMilliseconds") - number(record, "flowStartMilliseconds")
}

/// A record contains the times of its packets, in whatever order they arrive.
#[test]
fn packets_out_of_order() {
    let test = "packets_out_of_order";
    let Some(records) = records(test, "out_of_order.pcap", &[]) else {
        return;
    };
    let [record] = &records[..] else {
        panic!("{records:?}")
    };
    let start = number(record, "flowStartMilliseconds");
    assert_eq!((start % 1000, duration(record)), (100, 200));
}

/// A packet each second, with a clock that is set back by an hour.
#[test]
fn a_clock_that_is_set_back() {
    let test = "a_clock_that_is_set_back";
    for workers in ["1", "4"] {
        let options = ["--workers", workers];
        let Some(records) = records(test, "clock_back.pcap", &options) else {
            return;
        };
        assert!((30..=31).contains(&records.len()), "{records:?}");
        assert_eq!(sum(&records, "packetDeltaCount"), 1800);
        assert!(records.iter().all(|record| duration(record) <= 60_000));
    }
}

/// One packet of another flow has the time 0.
#[test]
fn a_stray_time_of_zero() {
    let test = "a_stray_time_of_zero";
    let Some(records) = records(test, "time_zero.pcap", &[]) else {
        return;
    };
    let [stray, record] = &records[..] else {
        panic!("{records:?}")
    };
    assert_eq!(number(stray, "packetDeltaCount"), 1);
    assert_eq!(number(stray, "flowStartMilliseconds"), 0);
    assert_eq!(number(record, "packetDeltaCount"), 30);
    assert_eq!(duration(record), 29_000);
}

/// RFC 9293 §3.3.2: a SYN after FIN is another connection.
#[test]
fn a_port_that_is_used_again() {
    let test = "a_port_that_is_used_again";
    let Some(records) = records(test, "port_reuse.pcap", &[]) else {
        return;
    };
    let packets = records.iter().map(|r| number(r, "packetDeltaCount"));
    assert_eq!(packets.collect::<Vec<_>>(), [4, 4, 4]);
    let reasons = records.iter().map(|r| number(r, "flowEndReason"));
    // The last connection was still open.
    assert_eq!(reasons.collect::<Vec<_>>(), [3, 3, 4]);
}
