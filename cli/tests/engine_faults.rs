// SPDX-License-Identifier: Apache-2.0
//! Captures whose lengths, clocks or flags lie, each with its right records.

mod support;

use serde_json::{Map, Value};
use support::fault;
use support::replay::Replay;

type Record = Map<String, Value>;

/// The flow records of a capture, by their start; `None` where it is missing.
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

/// RFC 791 §3.1, RFC 8200 §3, RFC 2675 §2: what a header claims and the frame does not have.
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

/// RFC 4448: Ethernet pseudowires to stations whose addresses begin as IP headers do.
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
