// SPDX-License-Identifier: Apache-2.0
//! Small inputs that gave wrong results once, in this meter or in another, with the right results.
//!
//! There is a test for each file of `shared/faults`; its README has the reports.

mod support;

use support::fault;
use support::flows::{Flows, Tally, number};
use support::ipfix::exported_at;
use support::process::run_flowmeter;
use support::replay::Replay;

/// An idle flow is exported at its timeout, while another flow continues for half an hour, and also by
/// a worker that has no more packets.
#[test]
fn an_idle_flow_beside_one_that_continues() {
    let test = "an_idle_flow_beside_one_that_continues";
    let Some(file) = fault(test, "late.pcap") else {
        return;
    };
    let start = 1_700_000_000;
    for workers in ["1", "2", "3", "4"] {
        let replay = Replay::of(&file, &["--workers", workers]);
        assert_eq!(replay.finished.code(), Some(0), "{:?}", replay.finished);
        let exported = exported_at(&std::fs::read(replay.output()).expect("the file"));
        let of_port = |port: u64| -> Vec<u32> {
            let records = exported
                .iter()
                .filter(|(_, record)| record.number(7) == port);
            records.map(|(time, _)| time - start).collect()
        };
        let idle = of_port(53);
        assert!(matches!(idle[..], [15..=17]), "{workers} workers: {idle:?}");
        // One record per minute, each at the end of the minute, and the last at the end.
        let continuing = of_port(9);
        assert_eq!(continuing.len(), 30, "{workers} workers");
        for (minute, time) in (1..30).zip(&continuing) {
            let late = time - minute * 60;
            assert!(late <= 2, "{workers} workers: {continuing:?}");
        }
        assert_eq!(continuing[29], 1799, "{workers} workers");
    }
}

/// Returns addresses and ports, packets and octets of each flow record, in order.
fn flows(replay: &Replay) -> Vec<(String, u64, u64)> {
    let records = replay.dumped();
    let flows = records
        .iter()
        .filter(|record| record.contains_key("packetDeltaCount"));
    let mut flows: Vec<_> = flows
        .map(|record| {
            let address = |element| record[element].as_str().expect("an address").to_owned();
            let flow = format!(
                "{}:{} > {}:{}",
                address("sourceIPv4Address"),
                number(record, "sourceTransportPort"),
                address("destinationIPv4Address"),
                number(record, "destinationTransportPort"),
            );
            let tally = support::flows::tally(record);
            (flow, tally.packets, tally.octets)
        })
        .collect();
    flows.sort();
    flows
}

/// Interface numbers are local to a section; interfaces of two files are identified by name.
#[test]
fn two_files_of_two_interfaces() {
    let test = "two_files_of_two_interfaces";
    let (Some(first), Some(second)) = (
        fault(test, "two_files_eth0.pcapng"),
        fault(test, "two_files_eth1.pcapng"),
    ) else {
        return;
    };
    for workers in ["1", "3"] {
        let second = second.to_str().expect("a path of text");
        let replay = Replay::of(&first, &[second, "--workers", workers]);
        assert_eq!(replay.finished.code(), Some(0), "{:?}", replay.finished);
        let records = replay.dumped();
        let ours = Flows::of_records(&records);
        assert_eq!(
            ours.total(),
            Tally {
                packets: 4,
                octets: ours.total().octets
            }
        );
        let mut interfaces: Vec<_> = records
            .iter()
            .filter(|record| record.contains_key("packetDeltaCount"))
            .map(|record| {
                let packets = number(record, "packetDeltaCount");
                (number(record, "ingressInterface"), packets)
            })
            .collect();
        interfaces.sort();
        assert_eq!(interfaces, [(0, 2), (1, 2)]);
        let mut names: Vec<_> = records
            .iter()
            .filter_map(|record| {
                let name = record.get("interfaceName")?.as_str()?;
                Some((number(record, "ingressInterface"), name.to_owned()))
            })
            .collect();
        names.sort();
        names.dedup();
        assert_eq!(names, [(0, "eth0".to_owned()), (1, "eth1".to_owned())]);
    }
}

/// Linux cooked capture v2 (`tcpdump -i any`) has the interface and direction of each packet.
#[test]
fn any_interface_of_linux() {
    let Some(file) = fault("any_interface_of_linux", "any_sll2.pcap") else {
        return;
    };
    let replay = Replay::of(&file, &[]);
    assert_eq!(replay.finished.code(), Some(0), "{:?}", replay.finished);
    let records = replay.dumped();
    let mut flows: Vec<_> = records
        .iter()
        .filter(|record| record.contains_key("packetDeltaCount"))
        .map(|record| {
            [
                "flowDirection",
                "ingressInterface",
                "egressInterface",
                "packetDeltaCount",
            ]
            .map(|element| number(record, element))
        })
        .collect();
    flows.sort();
    assert_eq!(flows, [[0, 2, 0, 2], [1, 0, 3, 2]]);
}

/// A set without a template is skipped and reported; the records after it are shown.
#[test]
fn dump_of_an_unknown_template() {
    let Some(file) = fault("dump_of_an_unknown_template", "dump_unknown_template.ipfix") else {
        return;
    };
    let dump = run_flowmeter(["dump".as_ref(), file.as_os_str(), "--json".as_ref()]);
    let dump = dump.expect_code(1);
    assert_eq!(dump.out.lines().count(), 3, "{dump:?}");
    let skipped = "1 set skipped, at offset 16: no template 300 before it";
    assert!(dump.error.contains(skipped), "{dump:?}");
    let dump = run_flowmeter(["dump".as_ref(), file.as_os_str()]).expect_code(1);
    assert!(dump.out.contains("flow records: 3"), "{dump:?}");
    assert!(dump.error.contains(skipped), "{dump:?}");
}

/// LINKTYPE_PPP_HDLC has Cisco's framing if the first octet is 0x0f or 0x8f.
#[test]
fn cisco_framing_within_ppp_hdlc() {
    let test = "cisco_framing_within_ppp_hdlc";
    let Some(file) = fault(test, "ppp-hdlc-dlt50-cisco.pcap") else {
        return;
    };
    let replay = Replay::of(&file, &[]);
    assert_eq!(replay.finished.code(), Some(0), "{:?}", replay.finished);
    let flow = "100.16.1.2:18324 > 100.16.1.1:179".to_owned();
    assert_eq!(flows(&replay), [(flow, 1, 44)]);
}

/// All pcap versions that libpcap reads are supported.
#[test]
fn pcap_version_2_1() {
    let Some(file) = fault("pcap_version_2_1", "pcap-version-2.1.pcap") else {
        return;
    };
    let replay = Replay::of(&file, &[]);
    assert_eq!(replay.finished.code(), Some(0), "{:?}", replay.finished);
    let flow = "139.25.22.2:3289 > 139.25.22.102:111".to_owned();
    assert_eq!(flows(&replay), [(flow, 1, 92)]);
}
