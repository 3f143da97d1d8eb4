// SPDX-License-Identifier: Apache-2.0
//! Other projects' collectors: how each is started, and how its output is read.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::datagrams::socket_state;
use super::flows::{Flows, ICMP, ICMPV6, Key, Tally};
use super::process::{Daemon, run};

/// Returns a port of `host` without a listener.
pub(crate) fn free_port(host: &str) -> SocketAddr {
    let socket = UdpSocket::bind((host, 0)).expect("a free port");
    socket.local_addr().expect("its address")
}

/// Waits until a collector at `address` has read all datagrams; returns `false` if the system dropped
/// some.
pub(crate) fn wait_until_read(address: SocketAddr) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let state = socket_state(address).expect("the collector listens");
        if state.unread == 0 || Instant::now() > deadline {
            return state.dropped == 0;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Starts nfcapd, which writes files to `folder`.
pub(crate) fn start_nfcapd(program: &Path, address: SocketAddr, folder: &Path) -> Daemon {
    let files = folder.join("nfcapd");
    std::fs::create_dir(&files).expect("a folder");
    let mut command = Command::new(program);
    command.args([
        "-p",
        &address.port().to_string(),
        "-b",
        &address.ip().to_string(),
    ]);
    if address.is_ipv6() {
        command.arg("-6");
    }
    command.arg("-w").arg(&files);
    let mut daemon = Daemon::start(command, &folder.join("nfcapd.log"));
    daemon.wait_until("socket of nfcapd", |daemon| {
        daemon.log().contains("Startup") && socket_state(address).is_some()
    });
    daemon
}

/// Returns the flows that nfdump shows of nfcapd's files in `folder`.
pub(crate) fn read_nfcapd(nfdump: &Path, folder: &Path) -> Flows {
    let mut command = Command::new(nfdump);
    command
        .args(["-o", "json", "-R"])
        .arg(folder.join("nfcapd"));
    let finished = run(command).expect_code(0);
    let records: Vec<Map<String, Value>> =
        serde_json::from_str(&finished.out).expect("nfdump's JSON");
    let mut flows = Flows::default();
    for record in records {
        let number = |name| record.get(name).map_or(0, |value| integer(value, name));
        let address = |four, six| address(record.get(four).or_else(|| record.get(six)));
        let protocol = number("proto") as u8;
        let destination_port = match protocol {
            ICMP | ICMPV6 => number("icmp_type") << 8 | number("icmp_code"),
            _ => number("dst_port"),
        };
        let key = Key {
            source: address("src4_addr", "src6_addr"),
            destination: address("dst4_addr", "dst6_addr"),
            protocol,
            source_port: number("src_port") as u16,
            destination_port: destination_port as u16,
            vlan: number("src_vlan") as u16,
            interface: number("input_snmp") as u32,
        };
        let (packets, octets) = (number("in_packets"), number("in_bytes"));
        flows.add(key, Tally { packets, octets });
    }
    flows
}

/// Starts nfacctd, which appends to a file in `folder` every second.
pub(crate) fn start_nfacctd(program: &Path, address: SocketAddr, folder: &Path) -> Daemon {
    let configuration = folder.join("nfacctd.conf");
    let lines = [
        "daemonize: false".to_owned(),
        format!("nfacctd_ip: {}", address.ip()),
        format!("nfacctd_port: {}", address.port()),
        "plugins: print".to_owned(),
        "aggregate: src_host, dst_host, src_port, dst_port, proto, vlan, in_iface".to_owned(),
        "print_output: json".to_owned(),
        format!(
            "print_output_file: {}",
            folder.join(NFACCTD_FLOWS).display()
        ),
        "print_output_file_append: true".to_owned(),
        "print_refresh_time: 1".to_owned(),
    ];
    std::fs::write(&configuration, lines.map(|line| line + "\n").concat()).expect("a file");
    let mut command = Command::new(program);
    command.arg("-f").arg(&configuration);
    let mut daemon = Daemon::start(command, &folder.join("nfacctd.log"));
    daemon.wait_until("socket of nfacctd", |daemon| {
        daemon.log().contains("waiting for NetFlow/IPFIX data") && socket_state(address).is_some()
    });
    daemon
}

const NFACCTD_FLOWS: &str = "nfacctd.json";

/// Returns the flows that nfacctd has written so far. It has no ICMP types.
pub(crate) fn read_nfacctd(folder: &Path) -> Flows {
    let text = std::fs::read_to_string(folder.join(NFACCTD_FLOWS)).unwrap_or_default();
    let mut flows = Flows::default();
    for line in text.lines() {
        // The last line may be incomplete.
        let Ok(record) = serde_json::from_str::<Map<String, Value>>(line) else {
            continue;
        };
        let number = |name| record.get(name).map_or(0, |value| integer(value, name));
        let key = Key {
            source: address(record.get("ip_src")),
            destination: address(record.get("ip_dst")),
            protocol: protocol(&record["ip_proto"]),
            source_port: number("port_src") as u16,
            destination_port: number("port_dst") as u16,
            vlan: number("vlan") as u16,
            interface: number("iface_in") as u32,
        };
        let (packets, octets) = (number("packets"), number("bytes"));
        flows.add(key, Tally { packets, octets });
    }
    flows
}

/// Returns the number of a protocol that nfacctd names.
fn protocol(name: &Value) -> u8 {
    match name.as_str() {
        Some("icmp") => ICMP,
        Some("tcp") => 6,
        Some("udp") => 17,
        Some("ipv6-icmp") => ICMPV6,
        _ => panic!("protocol {name}"),
    }
}

/// Returns the flow records in the output of `ipfixDump`, in the form of `flowmeter dump --json`.
pub(crate) fn read_ipfix_dump(text: &str) -> Vec<Map<String, Value>> {
    let mut records: Vec<Map<String, Value>> = Vec::new();
    for line in text.lines() {
        if line.starts_with("--- data record") {
            records.push(Map::new());
        }
        let Some(record) = records.last_mut() else {
            continue;
        };
        // "	(8)                    sourceIPv4Address : 10.244.1.10"
        if let Some((name, value)) = line.trim_start().split_once(" : ")
            && let Some((_, name)) = name.split_once(')')
        {
            let name = name.trim().trim_start_matches("(S)").trim_start();
            let value = value.trim();
            let value = value
                .parse::<u64>()
                .map_or_else(|_| json!(value), |number| json!(number));
            let earlier = record.insert(name.to_owned(), value);
            assert_eq!(earlier, None, "{name} twice in a record");
        }
    }
    records
}

/// Parses a number, or a text with one: decimal or, with `0x`, hexadecimal.
pub(crate) fn integer(value: &Value, name: &str) -> u64 {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let digits = text.strip_prefix("0x");
    let number = digits.map_or_else(|| text.parse(), |digits| u64::from_str_radix(digits, 16));
    number.unwrap_or_else(|error| panic!("{name} is {value}: {error}"))
}

/// Parses an address in the output of a collector.
pub(crate) fn address(value: Option<&Value>) -> IpAddr {
    let text = value.and_then(Value::as_str).expect("an address");
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}
