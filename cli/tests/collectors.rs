// SPDX-License-Identifier: Apache-2.0
//! Other projects' collectors receive a replay: they show the same flows, packets and octets as
//! `flowmeter dump` of the file.

mod support;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use support::capture::{Order, pcap, udp_packet};
use support::collectors::{
    address, free_port, integer, read_ipfix_dump, read_nfacctd, read_nfcapd, start_nfacctd,
    start_nfcapd, wait_until_read,
};
use support::datagrams::{accept_one, received};
use support::flows::{Flows, ICMP, ICMPV6, Key, Tally};
use support::ipfix::{DEFAULT_LIMIT, Decoder, Way, flows};
use support::process::{Daemon, run};
use support::replay::Replay;
use support::{example, program};

/// Captures with IPv4 and IPv6, ICMP, fragments, VLANs, and interfaces with names.
const CAPTURES: [&str; 6] = [
    "pods.pcapng",
    "dns.pcap",
    "ping.pcap",
    "iperf3.pcap",
    "vxlan.pcap",
    "vlan.pcap",
];

/// Replays each capture to a collector, and returns the flows of all files.
fn replay_to(collector: &str) -> Flows {
    let mut flows = Flows::default();
    for capture in CAPTURES {
        let replay = Replay::of(&example(capture), &["--collector", collector]);
        assert_eq!(
            replay.finished.code(),
            Some(0),
            "{capture}: {:?}",
            replay.finished
        );
        flows.add_all(&Flows::of_records(&replay.dumped()));
    }
    assert!(!flows.is_empty());
    flows
}

/// Replays to a collector that `start` starts, and compares with what `stop` returns. It is repeated if
/// a busy machine drops datagrams.
fn compare(
    host: &str,
    start: impl Fn(SocketAddr, &Path) -> Daemon,
    stop: impl Fn(Daemon, &Path, Tally) -> Flows,
    known: impl Fn(Key) -> Key,
) {
    for _ in 0..3 {
        let folder = tempfile::tempdir().expect("a folder");
        let collector = free_port(host);
        let daemon = start(collector, folder.path());
        let sent = replay_to(&format!("udp://{collector}"));
        let read_all = wait_until_read(collector);
        let shown = stop(daemon, folder.path(), sent.total());
        if read_all {
            shown.assert_equal(&sent.by(known), host);
            return;
        }
    }
    panic!("this machine drops datagrams again and again");
}

#[test]
fn nfcapd_shows_the_same_flows() {
    let test = "nfcapd_shows_the_same_flows";
    let (Some(nfcapd), Some(nfdump)) = (program(test, "nfcapd"), program(test, "nfdump")) else {
        return;
    };
    for host in ["127.0.0.1", "::1"] {
        let stop = |daemon: Daemon, folder: &Path, _| {
            // It has read everything, but may still process the last datagram.
            std::thread::sleep(Duration::from_millis(100));
            let log = daemon.stop("TERM");
            assert!(log.contains("Bad Packets: 0"), "{log}");
            assert!(!log.contains("rror:"), "{log}");
            read_nfcapd(&nfdump, folder)
        };
        let start = |address, folder: &Path| start_nfcapd(&nfcapd, address, folder);
        compare(host, start, stop, |key| key);
    }
}

#[test]
fn nfacctd_shows_the_same_flows() {
    let test = "nfacctd_shows_the_same_flows";
    let Some(nfacctd) = program(test, "nfacctd") else {
        return;
    };
    let stop = |daemon: Daemon, folder: &Path, sent| {
        // It writes every second. If something is missing at the end, the comparison reports it.
        let deadline = Instant::now() + Duration::from_secs(15);
        while read_nfacctd(folder).total() != sent && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(100));
        }
        daemon.stop("INT");
        read_nfacctd(folder)
    };
    let start = |address, folder: &Path| start_nfacctd(&nfacctd, address, folder);
    compare("127.0.0.1", start, stop, Key::without_icmp);
}

#[test]
fn ipfix_dump_reads_the_same_records_from_a_file() {
    let test = "ipfix_dump_reads_the_same_records_from_a_file";
    let Some(ipfix_dump) = program(test, "ipfixDump") else {
        return;
    };
    for capture in CAPTURES {
        let replay = Replay::of(&example(capture), &[]);
        let mut command = Command::new(&ipfix_dump);
        command.arg("--in").arg(replay.output());
        let finished = run(command).expect_code(0);
        assert_eq!(finished.error, "", "{capture}");

        let (theirs, ours) = (read_ipfix_dump(&finished.out), replay.dumped());
        assert_eq!(theirs.len(), ours.len(), "{capture}: records");
        for (theirs, ours) in theirs.iter().zip(&ours) {
            assert!(
                theirs.keys().eq(ours.keys()),
                "{capture}: {theirs:?}, not {ours:?}"
            );
        }
        let theirs = Flows::of_records(&theirs);
        theirs.assert_equal(&Flows::of_records(&ours), capture);
    }
}

#[test]
fn tshark_dissects_every_datagram_completely() {
    let test = "tshark_dissects_every_datagram_completely";
    let Some(tshark) = program(test, "tshark") else {
        return;
    };
    for capture in CAPTURES {
        let (replay, datagrams) = received("127.0.0.1", |collector| {
            Replay::of(&example(capture), &["--l2", "--collector", collector])
        });
        assert_eq!(replay.finished.code(), Some(0), "{:?}", replay.finished);
        let packets: Vec<_> = (0..)
            .zip(&datagrams)
            .map(|(number, datagram)| udp_packet(number, 40_000, datagram))
            .collect();
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("datagrams.pcap");
        std::fs::write(&file, pcap(&packets, Order::Little, false, 65_535)).expect("a file");

        let tshark = |options: &[&str]| {
            let mut command = Command::new(&tshark);
            command
                .args(["-n", "-d", "udp.port==4739,cflow", "-r"])
                .arg(&file)
                .args(options);
            run(command).expect_code(0).out
        };
        // Expert information reports everything that a dissector finds wrong, such as a missing
        // template.
        let complaints = tshark(&["-Y", "_ws.expert || _ws.malformed"]);
        assert_eq!(complaints, "", "{capture}");
        let text = tshark(&["-V"]);
        for word in [
            "Malformed",
            "Unknown Field",
            "no template",
            "Data (",
            "Enterprise Private",
        ] {
            let lines = text
                .lines()
                .filter(|line| line.contains(word) && !line.contains("FlowSet"));
            assert_eq!(lines.collect::<Vec<_>>(), Vec::<&str>::new(), "{capture}");
        }

        let messages: Vec<Value> = serde_json::from_str(&tshark(&["-T", "json"])).expect("JSON");
        assert_eq!(messages.len(), datagrams.len(), "{capture}: messages");
        let mut shown = Vec::new();
        for message in &messages {
            collect_flows(&message["_source"]["layers"]["cflow"], &mut shown);
        }
        let dumped = replay.dumped();
        assert_eq!(shown.len(), dumped.len(), "{capture}: records");
        let theirs = flows_of_tshark(&shown);
        theirs.assert_equal(&Flows::of_records(&dumped), capture);
    }
}

/// Collects the records of a message that tshark dissected.
fn collect_flows(value: &Value, flows: &mut Vec<Map<String, Value>>) {
    let Value::Object(object) = value else {
        return;
    };
    for (key, value) in object {
        match value {
            Value::Object(flow) if key.starts_with("Flow ") => flows.push(flow.clone()),
            _ => collect_flows(value, flows),
        }
    }
}

/// Returns the IP flows in tshark's records, each of which has every field of its template.
fn flows_of_tshark(records: &[Map<String, Value>]) -> Flows {
    const BOTH: [&str; 17] = [
        "cflow.srcport",
        "cflow.dstport",
        "cflow.protocol",
        "cflow.tos",
        "cflow.tcpflags",
        "cflow.ip_version",
        "cflow.inputint",
        "cflow.outputint",
        "cflow.packets",
        "cflow.octets",
        "cflow.timedelta",
        "cflow.vlanid",
        "cflow.ingress_vrfid",
        "cflow.egress_vrfid",
        "Forwarding Status",
        "cflow.direction",
        "cflow.flow_end_reason",
    ];
    let mut flows = Flows::default();
    for record in records {
        let number = |name: &str| record.get(name).map_or(0, |value| integer(value, name));
        let four = record.contains_key("cflow.srcaddr");
        if !four && !record.contains_key("cflow.srcaddrv6") {
            continue;
        }
        for name in BOTH {
            assert!(record.contains_key(name), "no {name}: {record:?}");
        }
        let (source, destination, icmp, type_code) = if four {
            let type_code = number("cflow.icmp_type_code_ipv4");
            ("cflow.srcaddr", "cflow.dstaddr", ICMP, type_code)
        } else {
            assert!(record.contains_key("cflow.ipv6flowlabel"), "{record:?}");
            let type_code = number("cflow.icmp_ipv6_type") << 8 | number("cflow.icmp_ipv6_code");
            ("cflow.srcaddrv6", "cflow.dstaddrv6", ICMPV6, type_code)
        };
        let protocol = number("cflow.protocol") as u8;
        let port = number("cflow.dstport");
        let key = Key {
            source: address(record.get(source)),
            destination: address(record.get(destination)),
            protocol,
            source_port: number("cflow.srcport") as u16,
            destination_port: if protocol == icmp { type_code } else { port } as u16,
            vlan: number("cflow.vlanid") as u16,
            interface: number("cflow.inputint") as u32,
        };
        let (packets, octets) = (number("cflow.packets"), number("cflow.octets"));
        flows.add(key, Tally { packets, octets });
    }
    flows
}

/// RFC 7011 §10.4: a connection carries messages with nothing between them, as a file does.
#[test]
fn a_connection_carries_the_same_octets_as_a_file() {
    for host in ["127.0.0.1", "::1"] {
        for capture in CAPTURES {
            let listener = TcpListener::bind((host, 0)).expect("a free port");
            let collector = format!("tcp://{}", listener.local_addr().expect("its address"));
            let stream = accept_one(listener);
            let replay = Replay::of(&example(capture), &["--collector", &collector]);
            assert_eq!(replay.finished.code(), Some(0), "{:?}", replay.finished);
            let octets = stream.join().expect("the listener");

            let records = Decoder::new(Way::Stream, DEFAULT_LIMIT).read_stream(&octets);
            flows(&records).assert_equal(&Flows::of_records(&replay.dumped()), capture);
            let file = std::fs::read(replay.output()).expect("the file");
            assert!(octets == file, "{capture}: the file differs");
        }
    }
}
