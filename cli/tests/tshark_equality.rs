// SPDX-License-Identifier: Apache-2.0
//! Compares the flows of a capture with Wireshark's dissection of the same file.
//!
//! tshark prints the fields of each packet's outermost IP header. Their sums by flow must equal the
//! records of a replay, for each instruction set and any number of workers.

mod support;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::capture::{Order, pcap, udp_packet};
use support::flows::{Flows, ICMP, ICMPV6, Key, Tally};
use support::process::{run, run_flowmeter};
use support::replay::Replay;
use support::work::check_all;
use support::{corpus, examples, name, program, say};

const WORKERS: [&str; 3] = ["1", "2", "4"];

#[test]
fn examples_have_the_flows_that_tshark_finds() {
    let test = "examples_have_the_flows_that_tshark_finds";
    if let Some(tshark) = program(test, "tshark") {
        compare_with_tshark(test, &tshark, &examples());
    }
}

#[test]
fn real_traffic_has_the_flows_that_tshark_finds() {
    let test = "real_traffic_has_the_flows_that_tshark_finds";
    if let Some(tshark) = program(test, "tshark")
        && let Some(captures) = corpus(test, "traffic")
    {
        compare_with_tshark(test, &tshark, &captures);
    }
}

/// Link types and encapsulations that are not in the corpus of real traffic.
#[test]
fn every_encapsulation_has_the_flows_that_tshark_finds() {
    let test = "every_encapsulation_has_the_flows_that_tshark_finds";
    let Some(tshark) = program(test, "tshark") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let made = encapsulations().map(|(name, link_type, before)| {
        let mut packet = udp_packet(0, 1000, b"payload");
        packet.octets = [&before[..], &packet.octets[14..]].concat();
        packet.length = packet.octets.len() as u32;
        let mut capture = pcap(&[packet], Order::Little, false, 65_535);
        capture[20..22].copy_from_slice(&u16::to_le_bytes(link_type));
        let file = folder.path().join(format!("{name}.pcap"));
        std::fs::write(&file, capture).expect("a file");
        file
    });
    for file in &made {
        let theirs = Dissected::by_tshark(&tshark, file);
        assert_eq!(theirs.ip_packets, 1, "{}", name(file));
    }
    compare_with_tshark(test, &tshark, &made);
}

/// Valid captures of tcpdump's tests with such link types and encapsulations.
#[test]
fn other_link_types_have_the_flows_that_tshark_finds() {
    let test = "other_link_types_have_the_flows_that_tshark_finds";
    let (Some(tshark), Some(mut captures)) = (program(test, "tshark"), corpus(test, "tcpdump"))
    else {
        return;
    };
    let sound = ["HDLC.pcap", "ieee802.11_htc.pcap", "nflog.pcap", "nsh.pcap"];
    captures.retain(|capture| sound.contains(&&*name(capture)));
    assert_eq!(captures.len(), sound.len(), "{captures:?}");
    compare_with_tshark(test, &tshark, &captures);
}

/// Returns encapsulations: a name, a link type, and the octets before an IPv4 packet.
fn encapsulations() -> [(&'static str, u16, Vec<u8>); 15] {
    const SNAP: [u8; 8] = [0xaa, 0xaa, 0x03, 0, 0, 0, 0x08, 0x00];
    let outer = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    let inner = [2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 4];
    let ethernet = |tag: &[u8]| [&outer[..], tag].concat();
    let within = |tag: &[u8]| [&outer[..], tag, &inner, &[0x08, 0x00]].concat();
    let wireless = |control: u8, flags: u8, rest: &[u8]| {
        let addresses = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 3]];
        let header = [&[control, flags, 0, 0], addresses.as_flattened()].concat();
        [&header[..], &[0x30, 0x12], rest, &SNAP].concat()
    };
    let behind = |header: &[u8], frame: Vec<u8>| [header, &frame].concat();
    [
        ("vn_tag", 1, ethernet(&[0x89, 0x26, 0xc0, 5, 0, 2, 8, 0])),
        (
            "e_tag",
            1,
            ethernet(&[0x89, 0x3f, 0xa0, 0, 1, 0x23, 0, 0, 8, 0]),
        ),
        (
            "802_1ah",
            1,
            within(&[0x88, 0xa8, 0, 7, 0x88, 0xe7, 0, 0x12, 0x34, 0x56]),
        ),
        ("fabric_path", 1, within(&[0x89, 0x03, 0x00, 0x60])),
        (
            "nsh",
            1,
            ethernet(&[0x89, 0x4f, 0x0f, 0xc2, 2, 1, 0, 0, 1, 255]),
        ),
        (
            "nsh_ethernet",
            1,
            within(&[0x89, 0x4f, 0x0f, 0xc2, 2, 3, 0, 0, 1, 255]),
        ),
        ("cisco_hdlc", 104, vec![0x0f, 0, 0x08, 0x00]),
        ("cisco_hdlc_50", 50, vec![0x8f, 0, 0x08, 0x00]),
        ("fddi", 10, [&[0x50], &outer[..], &SNAP].concat()),
        (
            "nflog",
            239,
            vec![2, 0, 0, 1, 8, 0, 1, 0, 8, 0, 1, 0, 39, 0, 9, 0],
        ),
        ("802_11", 105, wireless(0x08, 1, &[])),
        (
            "802_11_qos",
            105,
            wireless(0x88, 3, &[2, 0, 0, 0, 0, 4, 5, 0]),
        ),
        (
            "radiotap",
            127,
            behind(&[0, 0, 10, 0, 6, 0, 0, 0, 0, 2], wireless(0x08, 2, &[])),
        ),
        (
            "radiotap_padded",
            127,
            behind(
                &[0, 0, 10, 0, 6, 0, 0, 0, 0x20, 2],
                wireless(0x88, 1, &[5, 0, 0xee, 0xee]),
            ),
        ),
        (
            "ppi",
            192,
            behind(&[0, 0, 8, 0, 105, 0, 0, 0], wireless(0x08, 1, &[])),
        ),
    ]
}

#[test]
fn examples_have_the_same_records_with_every_backend() {
    let test = "examples_have_the_same_records_with_every_backend";
    compare_records(test, &examples());
}

#[test]
fn real_traffic_has_the_same_records_with_every_backend() {
    let test = "real_traffic_has_the_same_records_with_every_backend";
    if let Some(captures) = corpus(test, "traffic") {
        compare_records(test, &captures);
    }
}

fn compare_with_tshark(test: &str, tshark: &Path, captures: &[PathBuf]) {
    let backends = backends(test);
    check_all(
        captures,
        |capture| name(capture),
        |capture| {
            let theirs = Dissected::by_tshark(tshark, capture);
            for backend in &backends {
                for workers in WORKERS {
                    let what = format!("{} --backend {backend} --workers {workers}", name(capture));
                    let replay = Replay::of(capture, &["--backend", backend, "--workers", workers]);
                    let summary = replay.summary();
                    let ours = Flows::of_records(&replay.dumped());
                    ours.assert_equal(&theirs.flows, &what);

                    assert_eq!(summary.number("packets"), theirs.packets, "{what}: packets");
                    let metered = ours.total().packets;
                    assert_eq!(metered, theirs.ip_packets, "{what}: IP packets");
                    let ignored = summary.ignored();
                    assert_eq!(
                        metered + ignored,
                        theirs.packets,
                        "{what}: metered and ignored"
                    );
                }
            }
        },
    );
}

/// Compares records with short timeouts, so that a flow has many. Their ends must not depend on the
/// instruction set or the number of workers.
fn compare_records(test: &str, captures: &[PathBuf]) {
    let backends = backends(test);
    check_all(
        captures,
        |capture| name(capture),
        |capture| {
            for timeouts in [["60", "15"], ["1", "1"]] {
                let [active, idle] = timeouts;
                let mut first: Option<Vec<String>> = None;
                for backend in &backends {
                    for workers in WORKERS {
                        let mut options = vec!["--l2", "--backend", backend, "--workers", workers];
                        options.extend(["--active-timeout", active, "--idle-timeout", idle]);
                        let replay = Replay::of(capture, &options);
                        let records = sorted_records(&replay);
                        let what = format!(
                            "{} --backend {backend} --workers {workers}, timeouts {timeouts:?}",
                            name(capture)
                        );
                        match &first {
                            None => first = Some(records),
                            Some(first) => assert_same(first, &records, &what),
                        }
                    }
                }
            }
        },
    );
}

/// Compares two lists of records; fails with those that are in one of them.
fn assert_same(first: &[String], records: &[String], what: &str) {
    if first == records {
        return;
    }
    let missing = first.iter().filter(|record| !records.contains(record));
    let added = records.iter().filter(|record| !first.contains(record));
    let missing: Vec<_> = missing.take(3).collect();
    let added: Vec<_> = added.take(3).collect();
    panic!(
        "{what}: {} records, not {}\nmissing: {missing:#?}\nadded: {added:#?}",
        records.len(),
        first.len()
    );
}

/// Returns the instruction sets of this machine, and reports the others as skipped.
fn backends(test: &str) -> Vec<String> {
    let refused = run_flowmeter(["replay", "--backend", "none", "-"]).expect_code(2);
    let (_, names) = refused
        .error
        .split_once("expected one of ")
        .expect("a list");
    let names = names.lines().next().expect("a line").split(", ");
    let available: Vec<String> = names.map(str::to_owned).collect();
    assert!(
        available.iter().any(|name| name == "generic"),
        "{available:?}"
    );
    for backend in ["sse2", "avx2", "avx512"] {
        if !available.iter().any(|name| name == backend) {
            // No machine has all instruction sets, so this is no failure in CI.
            say(&format!(
                "skipped: {test} with {backend}: needs a machine that has it"
            ));
        }
    }
    available
}

/// Returns the flow records that `flowmeter dump --json` shows, as sorted lines.
fn sorted_records(replay: &Replay) -> Vec<String> {
    let records = replay.dumped();
    let flows = records.iter();
    let flows = flows.filter(|record| !record.contains_key("observationDomainId"));
    let mut texts: Vec<_> = flows
        .map(|record| serde_json::to_string(record).expect("JSON"))
        .collect();
    texts.sort();
    texts
}

/// Tshark's dissection of a capture.
struct Dissected {
    packets: u64,
    ip_packets: u64,
    flows: Flows,
}

/// The fields that tshark prints.
const FIELDS: [&str; 31] = [
    "frame.protocols",
    "frame.interface_id",
    "vlan.id",
    "ieee8021ad.id",
    "ip.src",
    "ip.dst",
    "ip.len",
    "ip.proto",
    "ip.frag_offset",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.plen",
    "ipv6.nxt",
    "ipv6.hopopts.nxt",
    "ipv6.routing.nxt",
    "ipv6.fraghdr.nxt",
    "ipv6.fraghdr.offset",
    "ipv6.dstopts.nxt",
    "tcp.srcport",
    "tcp.dstport",
    "udp.srcport",
    "udp.dstport",
    "sctp.srcport",
    "sctp.dstport",
    "dccp.srcport",
    "dccp.dstport",
    "icmp.type",
    "icmp.code",
    "icmpv6.type",
    "icmpv6.code",
    "frame.number",
];

impl Dissected {
    fn by_tshark(tshark: &Path, capture: &Path) -> Self {
        let mut command = Command::new(tshark);
        command.args(["-n", "-r"]).arg(capture);
        // Without reassembly: each packet alone.
        for preference in [
            "ip.defragment:FALSE",
            "ipv6.defragment:FALSE",
            "tcp.desegment_tcp_streams:FALSE",
        ] {
            command.args(["-o", preference]);
        }
        command.args(["-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,"]);
        for field in FIELDS {
            command.args(["-e", field]);
        }
        let finished = run(command).expect_code(0);
        assert!(!finished.out.is_empty(), "{}", name(capture));
        let mut dissected = Self {
            packets: 0,
            ip_packets: 0,
            flows: Flows::default(),
        };
        for line in finished.out.lines() {
            dissected.packets += 1;
            if let Some((key, tally)) = Frame::new(line).flow() {
                dissected.ip_packets += 1;
                dissected.flows.add(key, tally);
            }
        }
        dissected
    }
}

/// The fields of a packet, with all occurrences of each, the outermost first.
struct Frame<'a>(HashMap<&'static str, Vec<&'a str>>);

impl<'a> Frame<'a> {
    fn new(line: &'a str) -> Self {
        let values: Vec<_> = line.split('\t').collect();
        assert_eq!(values.len(), FIELDS.len(), "{line}");
        let occurrences = values.into_iter().map(|value| {
            let occurrences = value.split(',').filter(|value| !value.is_empty());
            occurrences.collect()
        });
        Self(FIELDS.into_iter().zip(occurrences).collect())
    }

    /// Returns the flow of the outermost IP header.
    fn flow(&self) -> Option<(Key, Tally)> {
        let protocols = self.text("frame.protocols")?;
        let mut protocols = protocols.split(':');
        let is_ip = |protocol: &&str| matches!(*protocol, "ip" | "ipv6");
        let before: Vec<_> = protocols.by_ref().take_while(|name| !is_ip(name)).collect();
        // `take_while` has consumed the first IP header, which is found again by its index.
        let version = self.text("frame.protocols")?.split(':').nth(before.len())?;
        let tag = before
            .iter()
            .find(|name| matches!(**name, "vlan" | "ieee8021ad"));
        let vlan = tag.map_or(0, |tag| self.number(&format!("{tag}.id")));
        let (source, destination, protocol, octets, later) = if version == "ip" {
            let octets = self.number("ip.len");
            assert!(octets > 0, "{:?}", self.0);
            let later = self.number("ip.frag_offset") > 0;
            ("ip.src", "ip.dst", self.number("ip.proto"), octets, later)
        } else {
            let octets = 40 + self.number("ipv6.plen");
            assert!(octets > 40, "{:?}", self.0);
            let (protocol, later) = self.upper_layer();
            ("ipv6.src", "ipv6.dst", protocol, octets, later)
        };
        let protocol = u8::try_from(protocol).expect("8 bits");
        let (source_port, destination_port) = if later { (0, 0) } else { self.ports(protocol) };
        let address = |field| {
            self.text(field)
                .expect("an address")
                .parse()
                .expect("an address")
        };
        let key = Key {
            source: address(source),
            destination: address(destination),
            protocol,
            source_port,
            destination_port,
            vlan: vlan as u16,
            interface: self.number("frame.interface_id") as u32,
        };
        Some((key, Tally { packets: 1, octets }))
    }

    /// Returns the protocol after the extension headers of the outermost IPv6 header, and whether the
    /// packet is a later fragment. The first occurrences of each field are those of that header.
    fn upper_layer(&self) -> (u64, bool) {
        let mut next = self.number("ipv6.nxt");
        let mut read: HashMap<u64, usize> = HashMap::new();
        loop {
            let field = match next {
                0 => "ipv6.hopopts.nxt",
                43 => "ipv6.routing.nxt",
                44 => "ipv6.fraghdr.nxt",
                60 => "ipv6.dstopts.nxt",
                _ => return (next, false),
            };
            let occurrence = read.entry(next).or_default();
            let followed_by = self.0[field].get(*occurrence);
            let later = next == 44
                && self.0["ipv6.fraghdr.offset"]
                    .get(*occurrence)
                    .is_some_and(|offset| *offset != "0");
            *occurrence += 1;
            let Some(followed_by) = followed_by else {
                return (next, false);
            };
            next = integer(followed_by);
            if later {
                return (next, true);
            }
        }
    }

    /// Returns ports, or type and code, after the outermost IP header. The first occurrence is that
    /// one; those inside a tunnel or an ICMP error are later.
    fn ports(&self, protocol: u8) -> (u16, u16) {
        let name = match protocol {
            6 => "tcp",
            17 | 136 => "udp",
            33 => "dccp",
            132 => "sctp",
            ICMP => return (0, self.type_and_code("icmp")),
            ICMPV6 => return (0, self.type_and_code("icmpv6")),
            _ => return (0, 0),
        };
        let port = |end| self.number(&format!("{name}.{end}port")) as u16;
        (port("src"), port("dst"))
    }

    fn type_and_code(&self, name: &str) -> u16 {
        let octet = |part| self.number(&format!("{name}.{part}")) as u16;
        octet("type") << 8 | octet("code")
    }

    fn text(&self, field: &str) -> Option<&'a str> {
        self.0[field].first().copied()
    }

    /// Returns 0 if the packet does not have the field.
    fn number(&self, field: &str) -> u64 {
        self.text(field).map_or(0, integer)
    }
}

fn integer(text: &str) -> u64 {
    let digits = text.strip_prefix("0x");
    let parsed = digits.map_or_else(|| text.parse(), |digits| u64::from_str_radix(digits, 16));
    parsed.unwrap_or_else(|error| panic!("{text}: {error}"))
}
