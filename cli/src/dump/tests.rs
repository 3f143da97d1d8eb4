// SPDX-License-Identifier: Apache-2.0
//! What the engine encodes is read back by a decoder that is not ours, and whatever is not
//! such a file is refused with the place where it goes wrong.

use std::io::{self, Write};

use flowmeter::exporting::{ExportingProcess, Interface, Interfaces, Message, Transport};
use flowmeter::flow::{Ipv4Key, Ipv6Key, L2Key, Observed, Ports};
use flowmeter::metering::{EndReason, Export, FlowKey, FlowRecord};
use flowmeter::observation::{Direction, ObservationDomainId, ObservationPoint};
use flowmeter::time::{Timestamp, Uptime};
use netflow_parser::variable_versions::ipfix::FlowSetBody;
use netflow_parser::variable_versions::ipfix::lookup::IPFixField;
use netflow_parser::{FieldValue, NetflowPacket, NetflowParser};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::records::{DOMAINS, Records, TEMPLATE_FIELDS};
use super::{dump, read_records, run};
use crate::arguments::Dump;

/// Keeps messages one after the other, as a file has them (RFC 5655 §5).
#[derive(Default)]
struct Messages {
    octets: Vec<u8>,
    /// Where each begins.
    offsets: Vec<usize>,
}

impl Transport for Messages {
    type Buffer = Vec<u8>;

    fn buffer(&mut self) -> Option<Vec<u8>> {
        Some(vec![0; 512])
    }

    fn send(&mut self, message: Message<Vec<u8>>) {
        self.offsets.push(self.octets.len());
        self.octets.extend(&message.buffer[..message.length]);
    }
}

fn exporter() -> ExportingProcess<Messages> {
    let mut exporter = ExportingProcess::new(Messages::default(), ObservationDomainId(1));
    let interfaces = Interfaces::default().update(vec![Interface {
        number: 7,
        name: "GigabitEthernet7".into(),
        description: "Übergang".into(),
    }]);
    exporter.set_interfaces(&interfaces.unwrap());
    exporter.tick(Timestamp::from_millis(START), Uptime::default());
    exporter
}

/// 2024-05-01 12:00:00.123 UTC.
const START: u64 = 1_714_564_800_123;

fn record<K: FlowKey>(key: K, attributes: K::Attributes) -> FlowRecord<K> {
    FlowRecord {
        key,
        attributes,
        packets: 3,
        octets: 1_000_000_000_000,
        start: Timestamp::from_millis(START),
        end: Timestamp::from_millis(START + 1500),
        ingress_vrf: 9,
        egress_vrf: 0x000a_000b,
        type_of_service: 0xb8,
        tcp_flags: 0x1b,
        end_reason: EndReason::EndOfFlow,
    }
}

fn observed(payload: u16) -> Observed {
    let point = ObservationPoint {
        ingress_interface: 7,
        egress_interface: 8,
        direction: Direction::Egress,
        ..ObservationPoint::default()
    };
    Observed::new(&point, 100, payload)
}

fn tcp() -> FlowRecord<Ipv4Key> {
    let key = Ipv4Key {
        source: [192, 0, 2, 1],
        destination: [198, 51, 100, 2],
        ports: Ports {
            source: 49152u16.to_be_bytes(),
            destination: 443u16.to_be_bytes(),
        },
        observed: observed(6),
    };
    record(key, ())
}

fn icmpv6() -> FlowRecord<Ipv6Key> {
    let mut source = [0; 16];
    source[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    let mut destination = source;
    destination[15] = 1;
    let key = Ipv6Key {
        source,
        destination,
        ports: Ports {
            source: [0; 2],
            destination: [135, 0],
        },
        observed: observed(58),
    };
    record(key, 0xabcde)
}

fn arp() -> FlowRecord<L2Key> {
    let key = L2Key {
        source: [2, 0, 0, 0, 0, 0x0a],
        destination: [0xff; 6],
        observed: observed(0x0806),
    };
    record(key, ())
}

/// Templates, interface and sampling options, a TCP flow, an ICMPv6 flow and an ARP flow.
fn file() -> Messages {
    let mut exporter = exporter();
    exporter.export(&tcp()).unwrap();
    exporter.export(&icmpv6()).unwrap();
    exporter.export(&arp()).unwrap();
    exporter.flush();
    std::mem::take(exporter.transport())
}

/// What [`file`] holds, in order.
fn objects() -> [Value; 5] {
    [
        json!({
            "observationDomainId": 1,
            "ingressInterface": 7,
            "interfaceName": "GigabitEthernet7",
            "interfaceDescription": "Übergang",
        }),
        json!({ "observationDomainId": 1, "samplingInterval": 1 }),
        json!({
            "sourceIPv4Address": "192.0.2.1",
            "destinationIPv4Address": "198.51.100.2",
            "sourceTransportPort": 49152,
            "destinationTransportPort": 443,
            "protocolIdentifier": 6,
            "ipClassOfService": 0xb8,
            "tcpControlBits": 0x1b,
            "ipVersion": 4,
            "ingressInterface": 7,
            "egressInterface": 8,
            "packetDeltaCount": 3,
            "octetDeltaCount": 1_000_000_000_000u64,
            "flowStartMilliseconds": START,
            "flowEndMilliseconds": START + 1500,
            "icmpTypeCodeIPv4": 0,
            "vlanId": 100,
            "ingressVRFID": 9,
            "egressVRFID": 0x000a_000b,
            "forwardingStatus": 64,
            "flowDirection": 1,
            "flowEndReason": 3,
        }),
        json!({
            "sourceIPv6Address": "2001:db8::",
            "destinationIPv6Address": "2001:db8::1",
            "sourceTransportPort": 0,
            "destinationTransportPort": 0,
            "protocolIdentifier": 58,
            "ipClassOfService": 0xb8,
            "tcpControlBits": 0x1b,
            "ipVersion": 6,
            "ingressInterface": 7,
            "egressInterface": 8,
            "packetDeltaCount": 3,
            "octetDeltaCount": 1_000_000_000_000u64,
            "flowStartMilliseconds": START,
            "flowEndMilliseconds": START + 1500,
            "icmpTypeCodeIPv6": 135 << 8,
            "vlanId": 100,
            "ingressVRFID": 9,
            "egressVRFID": 0x000a_000b,
            "forwardingStatus": 64,
            "flowDirection": 1,
            "flowEndReason": 3,
            "flowLabelIPv6": 0xabcde,
        }),
        json!({
            "sourceMacAddress": "02:00:00:00:00:0a",
            "destinationMacAddress": "ff:ff:ff:ff:ff:ff",
            "ethernetType": 0x0806,
            "vlanId": 100,
            "ingressInterface": 7,
            "egressInterface": 8,
            "packetDeltaCount": 3,
            "octetDeltaCount": 1_000_000_000_000u64,
            "flowStartMilliseconds": START,
            "flowEndMilliseconds": START + 1500,
            "flowDirection": 1,
            "flowEndReason": 3,
        }),
    ]
}

/// What is read of `octets`: objects, then problems.
fn read(octets: &[u8]) -> (Vec<Value>, Vec<String>) {
    let mut objects = Vec::new();
    let mut problems = Vec::new();
    for record in read_records(octets) {
        match record {
            Ok(object) if problems.is_empty() => objects.push(object.into()),
            Ok(object) => panic!("a record after a problem: {object:?}"),
            Err(problem) => problems.push(problem.to_string()),
        }
    }
    (objects, problems)
}

fn problems(octets: &[u8]) -> Vec<String> {
    read(octets).1
}

fn dumped(octets: &[u8], json: bool) -> String {
    let mut out = Vec::new();
    dump(octets, json, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// A message of `sets`, each an id and its octets.
fn message(domain: u32, sequence: u32, sets: &[(u16, &[u8])]) -> Vec<u8> {
    let mut octets = vec![0, 10, 0, 0, 0, 0, 0, 0];
    octets.extend(sequence.to_be_bytes());
    octets.extend(domain.to_be_bytes());
    for (id, content) in sets {
        octets.extend(id.to_be_bytes());
        octets.extend((content.len() as u16 + 4).to_be_bytes());
        octets.extend(*content);
    }
    let length = octets.len() as u16;
    octets[2..4].copy_from_slice(&length.to_be_bytes());
    octets
}

/// A Template Record; an Options Template Record where `scope` says so.
fn template(id: u16, scope: Option<u16>, fields: &[[u16; 2]]) -> Vec<u8> {
    [id, fields.len() as u16]
        .into_iter()
        .chain(scope)
        .chain(fields.iter().flatten().copied())
        .flat_map(u16::to_be_bytes)
        .collect()
}

#[test]
fn records_come_back_as_they_were() {
    let (records, problems) = read(&file().octets);
    assert_eq!(records, objects());
    assert_eq!(problems, [""; 0]);
}

#[test]
fn json_is_one_object_a_line_in_the_order_of_the_template() {
    let text = dumped(&file().octets, true);
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, objects());
    let second = text.lines().nth(1);
    assert_eq!(
        second,
        Some(r#"{"observationDomainId":1,"samplingInterval":1}"#)
    );
}

#[test]
fn table_shows_flow_records_and_counts() {
    let expected = "\
start (UTC)               seconds  protocol  source             destination          packets         octets  flags     end reason
2024-05-01T12:00:00.123Z    1.500  TCP       192.0.2.1:49152    198.51.100.2:443           3  1000000000000  FS.PA...  end of flow
2024-05-01T12:00:00.123Z    1.500  ICMPv6    2001:db8::         [2001:db8::1]:135/0        3  1000000000000  -         end of flow
2024-05-01T12:00:00.123Z    1.500  0x0806    02:00:00:00:00:0a  ff:ff:ff:ff:ff:ff          3  1000000000000  -         end of flow
messages: 3, templates: 5, flow records: 3, options records: 2, packets: 9, octets: 3000000000000
";
    assert_eq!(dumped(&file().octets, false), expected);
}

#[test]
fn a_file_without_records_has_only_counts() {
    let text = dumped(&message(1, 0, &[]), false);
    assert!(text.starts_with("messages: 1, templates: 0, "), "{text}");
    assert_eq!(problems(&message(1, 0, &[])), [""; 0]);
}

/// Wherever a file is cut, the records of its whole sets are read and the octets that are
/// missing are told.
#[test]
fn cut_files_say_what_is_missing() {
    let Messages { octets, offsets } = file();
    assert_eq!(problems(&[]), ["empty"]);
    for cut in 1..octets.len() {
        let (records, problems) = read(&octets[..cut]);
        assert_eq!(records, objects()[..records.len()]);
        if offsets.contains(&cut) {
            assert_eq!(problems, [""; 0], "cut at {cut}");
            continue;
        }
        let start = offsets.iter().rev().find(|start| **start < cut).unwrap();
        let end = offsets.iter().find(|start| **start > cut);
        let missing = if cut - start < 4 {
            16 - (cut - start)
        } else {
            end.unwrap_or(&octets.len()) - cut
        };
        let expected =
            format!("offset {start}: the file ends inside a message (needs {missing} more octets)");
        assert_eq!(problems, [expected], "cut at {cut}");
    }
}

#[test]
fn other_versions_are_refused() {
    let Messages {
        mut octets,
        offsets,
    } = file();
    octets[offsets[1] + 1] = 9;
    let (records, problems) = read(&octets);
    assert!(records.is_empty());
    let expected = format!("offset {}: version 9 where IPFIX has 10", offsets[1]);
    assert_eq!(problems, [expected]);
    assert_eq!(
        read(b"hi\n").1,
        ["offset 0: version 26729 where IPFIX has 10"]
    );
}

#[test]
fn a_message_shorter_than_its_header_is_refused() {
    let mut octets = message(1, 0, &[]);
    octets[3] = 15;
    assert_eq!(
        problems(&octets),
        ["offset 0: a message of 15 octets, where its header alone has 16"]
    );
}

#[test]
fn data_before_its_template_is_skipped() {
    let Messages { octets, offsets } = file();
    let (records, problems) = read(&octets[offsets[1]..]);
    assert!(records.is_empty());
    assert_eq!(
        problems,
        ["5 sets skipped, the first at offset 16: no template 512 before it"]
    );
    // RFC 7011 §3.1: templates are of one domain.
    let known = message(1, 0, &[(2, &template(300, None, &[[2, 8]]))]);
    let other = message(2, 0, &[(300, &[0; 8])]);
    let expected = format!(
        "1 set skipped, at offset {}: no template 300 before it",
        known.len() + 16
    );
    assert_eq!(read(&[known, other].concat()).1, [expected]);
}

/// RFC 7011 §8 and §9: what a collector does not know does not keep it from the rest. How many
/// records were skipped is not known, so the sequence says nothing of the next message.
#[test]
fn what_surrounds_an_unknown_set_is_read() {
    let fields = template(300, None, &[[2, 8]]);
    let octets = |count: u8| [0, 0, 0, 0, 0, 0, 0, count];
    let file = [
        message(
            1,
            0,
            &[
                (2, &fields),
                (300, &octets(5)),
                (301, &[1; 40]),
                (300, &octets(6)),
            ],
        ),
        message(1, 9, &[(300, &octets(7)), (1, &[]), (255, &[2; 3])]),
        message(1, 10, &[(300, &octets(8))]),
    ];
    let (records, problems) = read(&file.concat());
    let expected = [5, 6, 7, 8].map(|count| json!({ "packetDeltaCount": count }));
    assert_eq!(records, expected);
    assert_eq!(
        problems,
        ["3 sets skipped, the first at offset 40: no template 301 before it"]
    );
    // What goes wrong later comes first, as it ends the file.
    let cut = [&file[0][..], &file[1][..20]].concat();
    let (records, problems) = read(&cut);
    assert_eq!(records, expected[..2]);
    assert_eq!(problems.len(), 2);
    assert!(
        problems[0].contains("ends inside a message"),
        "{problems:?}"
    );
    assert!(problems[1].starts_with("1 set skipped"), "{problems:?}");
}

#[test]
fn malformed_sets_are_refused() {
    let string = template(300, None, &[[82, 65535]]);
    let number = template(300, None, &[[2, 4]]);
    type Sets<'a> = &'a [(u16, &'a [u8])];
    let sets: [(Sets<'_>, &str); 11] = [
        (
            &[(1, &[])],
            "1 set skipped, at offset 16: set id 1 is reserved",
        ),
        (
            &[(2, &number[..6])],
            "offset 16: in set 2: it ends inside a template",
        ),
        (
            &[(2, &template(255, None, &[[2, 4]]))],
            "offset 16: in set 2: a template 255, where the least is 256",
        ),
        (
            &[(3, &template(300, Some(0), &[[2, 4]]))],
            "offset 16: in set 3: options template 300 has no valid scope",
        ),
        (
            &[(3, &template(300, Some(2), &[[2, 4]]))],
            "offset 16: in set 3: options template 300 has no valid scope",
        ),
        (
            &[(2, &[&number[..], &[1]].concat())],
            "offset 16: in set 2: 1 octets after the last record are no padding",
        ),
        (
            &[(2, &number), (300, &[0, 0, 0, 1, 2, 0])],
            "offset 36: in set 300: 2 octets after the last record are no padding",
        ),
        (
            &[(2, &string), (300, &[1, b'a', 2, b'b'])],
            "offset 34: in set 300: it ends inside a record",
        ),
        (
            &[(2, &string), (300, &[255, 1])],
            "offset 32: in set 300: it ends inside a record",
        ),
        // Padding (RFC 7011 §3.3.1).
        (&[(2, &number), (300, &[0, 0, 0, 1, 0, 0, 0])], ""),
        (&[(2, &[&number[..], &[0, 0, 0]].concat())], ""),
    ];
    for (sets, problem) in sets {
        let found = problems(&message(1, 0, sets)).join("\n");
        assert_eq!(found, problem);
    }

    let mut octets = message(1, 0, &[(2, &number)]);
    for (length, problem) in [
        (3, "offset 16: in set 2: a length of 3, which cannot be"),
        (13, "offset 16: in set 2: a length of 13, which cannot be"),
    ] {
        octets[19] = length;
        assert_eq!(problems(&octets), [problem]);
    }
    let mut octets = message(1, 0, &[]);
    octets[3] = 18;
    octets.extend([0, 0]);
    assert_eq!(problems(&octets), ["offset 16: 2 octets that are no set"]);
}

/// What we cut into records, netflow_parser cuts in the same way, and finds the same in them.
#[test]
fn another_implementation_reads_the_same() {
    let octets = file().octets;
    let theirs = NetflowParser::default().parse_bytes(&octets);
    assert!(theirs.is_ok());
    let theirs = theirs.packets.into_iter().flat_map(|packet| match packet {
        NetflowPacket::IPFix(message) => message.flowsets,
        _ => panic!("not IPFIX"),
    });
    let theirs = theirs.flat_map(|set| match set.body {
        FlowSetBody::Data(data) => data.fields,
        FlowSetBody::OptionsData(data) => data.fields,
        FlowSetBody::NoTemplate(_) | FlowSetBody::Empty => panic!("skipped"),
        _ => Vec::new(),
    });
    let octets_of = |value: &FieldValue| {
        let mut octets = Vec::new();
        value.write_be_bytes(&mut octets).unwrap();
        octets
    };
    let theirs: Vec<Vec<_>> = theirs
        .map(|record| {
            let fields = record.iter();
            fields.map(|(id, value)| (*id, octets_of(value))).collect()
        })
        .collect();
    let ours: Vec<Vec<_>> = Records::new(&octets[..])
        .map(|record| {
            let record = record.unwrap();
            let fields = record.fields();
            fields
                .map(|(element, value)| {
                    let iana = element.iana.expect("IANA has it");
                    (IPFixField::new(iana.number(), None), octets_of(value))
                })
                .collect()
        })
        .collect();
    assert_eq!(ours.len(), 5);
    assert_eq!(ours, theirs);
}

/// RFC 7011 §3.1: sequence numbers count Data Records, options among them.
#[test]
fn gaps_in_the_sequence_are_told() {
    let Messages { octets, offsets } = file();
    // Without the message of options records.
    let without = [&octets[..offsets[1]], &octets[offsets[2]..]].concat();
    let (records, problems) = read(&without);
    assert_eq!(records, objects()[2..]);
    let expected = format!(
        "domain 1: 2 data records missing before offset {}",
        offsets[1]
    );
    assert_eq!(problems, [expected]);
    // Twice the same.
    let twice = [&octets[..], &octets[..]].concat();
    let expected = format!(
        "domain 1: the sequence number steps back at offset {}",
        octets.len()
    );
    assert_eq!(read(&twice).1, [expected]);
}

#[test]
fn sequences_wrap_and_are_of_one_domain() {
    let fields = template(300, None, &[[4, 1]]);
    let file = [
        message(1, u32::MAX, &[(2, &fields), (300, &[6, 17])]),
        message(2, 77, &[]),
        message(1, 1, &[(300, &[6])]),
        message(2, 78, &[]),
        message(2, 80, &[]),
        message(1, 2, &[]),
    ];
    assert_eq!(
        problems(&file.concat()),
        ["domain 2: 3 data records missing in 2 places, the first before offset 71"]
    );
}

/// Two small messages could else ask for gigabytes: records of one octet with 16,000 fields.
#[test]
fn fields_of_no_octets_are_refused() {
    let mut fields = vec![[82, 0]; 8000];
    fields.push([4, 1]);
    let fields = template(300, None, &fields);
    let octets = message(1, 0, &[(2, &fields), (300, &[0; 30_000])]);
    assert_eq!(
        problems(&octets),
        ["offset 16: template 300 has a field of no octets"]
    );
}

#[test]
fn templates_are_withdrawn() {
    let file = [
        message(1, 0, &[(2, &template(300, None, &[[4, 1]])), (300, &[6])]),
        message(1, 1, &[(2, &template(300, None, &[])), (300, &[6])]),
    ];
    let (records, problems) = read(&file.concat());
    assert_eq!(records, [json!({ "protocolIdentifier": 6 })]);
    let offset = file[0].len() + 16 + 8;
    assert_eq!(
        problems,
        [format!(
            "1 set skipped, at offset {offset}: no template 300 before it"
        )]
    );
}

/// RFC 7011 §8.1: the set's own id stands for all templates of its kind.
#[test]
fn all_templates_of_a_kind_are_withdrawn() {
    let data = template(300, None, &[[4, 1]]);
    let options = template(301, Some(1), &[[4, 1]]);
    let known = message(1, 0, &[(2, &data), (3, &options)]);
    for (set, kept, withdrawn) in [(2u16, 301, 300), (3, 300, 301)] {
        let all = template(set, None, &[]);
        let left = message(1, 0, &[(set, &all), (kept, &[6])]);
        let gone = message(1, 1, &[(withdrawn, &[6])]);
        let offset = known.len() + left.len() + 16;
        let (records, problems) = read(&[&known[..], &left, &gone].concat());
        assert_eq!(records, [json!({ "protocolIdentifier": 6 })]);
        assert_eq!(
            problems,
            [format!(
                "1 set skipped, at offset {offset}: no template {withdrawn} before it"
            )]
        );
    }
}

#[test]
fn templates_and_domains_are_bounded() {
    let fields = vec![[4, 1]; 1023];
    let messages = |ids: usize| -> Vec<u8> {
        (0..ids)
            .flat_map(|id| message(1, 0, &[(2, &template(256 + id as u16, None, &fields))]))
            .collect()
    };
    let most = TEMPLATE_FIELDS / 1024;
    // Announced again they are not counted again.
    assert_eq!(
        problems(&[messages(most), messages(most)].concat()),
        [""; 0]
    );
    assert!(problems(&messages(most + 1))[0].ends_with("more than 262144 fields in all"));

    let domains = |count: usize| -> Vec<u8> {
        (0..count)
            .flat_map(|domain| message(domain as u32, 0, &[]))
            .collect()
    };
    assert_eq!(problems(&domains(DOMAINS)), [""; 0]);
    assert!(problems(&domains(DOMAINS + 1))[0].ends_with("more than 4096 observation domains"));
}

/// Elements of every data type, beyond those that we export.
#[test]
fn every_data_type_has_a_value() {
    let elements: [([u16; 2], &[u8], Value); 27] = [
        ([1, 3], &[1, 0, 0], json!({ "octetDeltaCount": 65536 })),
        (
            [1, 5],
            &[1, 0, 0, 0, 0],
            json!({ "octetDeltaCount": 1u64 << 32 }),
        ),
        ([1, 8], &[0xff; 8], json!({ "octetDeltaCount": u64::MAX })),
        ([4, 1], &[253], json!({ "protocolIdentifier": 253 })),
        ([6, 2], &[0, 2], json!({ "tcpControlBits": 2 })),
        // netflow_parser's own types keep nine bits of this, and three of the next.
        ([6, 2], &[0xff, 2], json!({ "tcpControlBits": 0xff02 })),
        ([203, 1], &[0xff], json!({ "mplsTopLabelExp": 0xff })),
        ([89, 4], &[0, 0, 0, 64], json!({ "forwardingStatus": 64 })),
        ([136, 1], &[200], json!({ "flowEndReason": 200 })),
        (
            [70, 3],
            &[0, 1, 0],
            json!({ "mplsTopLabelStackSection": "000100" }),
        ),
        (
            [82, 65535],
            &[2, b'e', b'0'],
            json!({ "interfaceName": "e0" }),
        ),
        // RFC 7011 §7: nothing forbids an empty value.
        ([82, 65535], &[0], json!({ "interfaceName": "" })),
        (
            [82, 65535],
            &[255, 0, 2, b'e', b'\n'],
            json!({ "interfaceName": "e\n" }),
        ),
        ([96, 4], b"ab\0\0", json!({ "applicationName": "ab" })),
        ([95, 2], &[0xab, 1], json!({ "applicationId": "ab01" })),
        (
            [435, 2],
            b"ab",
            json!({ "mibObjectValueOctetString": "6162" }),
        ),
        ([150, 4], &[0, 0, 0, 9], json!({ "flowStartSeconds": 9 })),
        (
            // 2208988800 seconds and a half after 1900 (RFC 7011 §6.1.9).
            [154, 8],
            &[0x83, 0xaa, 0x7e, 0x80, 0x80, 0, 0, 0],
            json!({ "flowStartMicroseconds": 500_000 }),
        ),
        (
            [156, 8],
            &[0x83, 0xaa, 0x7e, 0x81, 0, 0, 0, 0],
            json!({ "flowStartNanoseconds": 1_000_000_000 }),
        ),
        ([276, 1], &[1], json!({ "dataRecordsReliability": true })),
        ([276, 1], &[2], json!({ "dataRecordsReliability": false })),
        (
            [311, 8],
            &[0x3f, 0xe0, 0, 0, 0, 0, 0, 0],
            json!({ "samplingProbability": 0.5 }),
        ),
        (
            [311, 4],
            &[0x3f, 0, 0, 0],
            json!({ "samplingProbability": 0.5 }),
        ),
        (
            [311, 8],
            &[0x7f, 0xf0, 0, 0, 0, 0, 0, 0],
            json!({ "samplingProbability": null }),
        ),
        ([434, 4], &[0xff; 4], json!({ "mibObjectValueInteger": -1 })),
        (
            [434, 5],
            &[0xff, 0xff, 0xff, 0xff, 0xfe],
            json!({ "mibObjectValueInteger": -2 }),
        ),
        ([291, 2], &[3, 1], json!({ "basicList": "0301" })),
    ];
    for (field, octets, object) in elements {
        let fields = template(300, None, &[field]);
        let (records, problems) = read(&message(1, 0, &[(2, &fields), (300, octets)]));
        assert_eq!((records, problems), (vec![object], vec![]));
    }
}

#[test]
fn elements_of_enterprises_keep_their_numbers_and_repeated_ones_all_values() {
    // Element 5 of enterprise 9999, octets; then protocolIdentifier three times.
    let fields = template(300, None, &[[0x8005, 2], [0, 9999], [4, 1], [4, 1], [4, 1]]);
    let fields = [&300u16.to_be_bytes()[..], &[0, 4], &fields[4..]].concat();
    let (records, problems) = read(&message(1, 0, &[(2, &fields), (300, &[1, 2, 6, 17, 1])]));
    let object = json!({ "9999/5": "0102", "protocolIdentifier": [6, 17, 1] });
    assert_eq!((records, problems), (vec![object], vec![]));

    // octetDeltaCount in the reverse direction (RFC 5103 §6.1), which the table does not add.
    let fields = template(300, None, &[[0x8001, 4], [0, 29305]]);
    let fields = [&300u16.to_be_bytes()[..], &[0, 1], &fields[4..]].concat();
    let octets = message(1, 0, &[(2, &fields), (300, &[0, 0, 0, 9])]);
    let object = json!({ "reverseOctetDeltaCount": 9 });
    assert_eq!(read(&octets), (vec![object], vec![]));
    assert!(dumped(&octets, false).ends_with("octets: 0\n"));
}

#[test]
fn a_table_is_written_in_blocks() {
    let mut exporter = exporter();
    for _ in 0..2500 {
        exporter.export(&tcp()).unwrap();
    }
    exporter.flush();
    let text = dumped(&exporter.transport().octets, false);
    assert_eq!(text.lines().count(), 1 + 2500 + 1);
    assert!(text.ends_with("octets: 2500000000000000\n"));
}

#[test]
fn errors_name_the_file() {
    let options = Dump {
        file: "no such/file.ipfix".into(),
        json: true,
    };
    let error = run(&options, &mut Vec::new()).unwrap_err().to_string();
    assert!(error.starts_with("no such/file.ipfix: cannot be opened: "));

    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&message(1, 0, &[(300, &[])])).unwrap();
    let options = Dump {
        file: file.path().to_owned(),
        json: false,
    };
    let mut out = Vec::new();
    let error = run(&options, &mut out).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{}: 1 set skipped, at offset 16: no template 300 before it",
            file.path().display()
        )
    );
    assert!(out.starts_with(b"messages: 1, "));
    // A reader that has gone is no error; a full disk is one.
    for (kind, fails) in [
        (io::ErrorKind::BrokenPipe, false),
        (io::ErrorKind::StorageFull, true),
    ] {
        assert_eq!(run(&options, &mut Broken(kind)).is_err(), fails);
    }
}

/// Takes nothing.
struct Broken(io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(self.0.into())
    }
}

/// Reads and shows `octets` both ways; nothing to check but that it comes back.
fn survives(octets: &[u8]) {
    let json = dumped(octets, true);
    let table = dumped(octets, false);
    assert!(table.ends_with('\n'));
    let records = Records::new(octets).filter(Result::is_ok).count();
    assert_eq!(json.lines().count(), records);
}

proptest! {
    #[test]
    fn random_octets(octets in prop::collection::vec(any::<u8>(), 0..2000)) {
        survives(&octets);
    }

    /// Sets of random octets behind templates with random fields, so that data is decoded.
    #[test]
    fn random_templates_and_data(
        scope in prop::option::of(0u16..3),
        fields in prop::collection::vec((1u16..540, prop_oneof![0u16..20, Just(65535)]), 1..6),
        data in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let fields: Vec<_> = fields.into_iter().map(|(element, length)| [element, length]).collect();
        let set = if scope.is_some() { 3 } else { 2 };
        survives(&message(1, 0, &[(set, &template(300, scope, &fields)), (300, &data)]));
    }

    /// Each field alone has a valid template far more often.
    #[test]
    fn random_values(element in 1u16..540, length in 1usize..33, data in any::<[u8; 64]>()) {
        let fields = template(300, None, &[[element, length as u16]]);
        survives(&message(1, 0, &[(2, &fields), (300, &data[..length])]));
    }

    #[test]
    fn mutated_files(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..10),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut octets = file().octets;
        for (index, octet) in changes {
            *index.get_mut(&mut octets[..]) = octet;
        }
        survives(&octets);
        octets.truncate(cut.index(octets.len()));
        survives(&octets);
    }
}
