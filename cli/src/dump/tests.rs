// SPDX-License-Identifier: Apache-2.0
//! Files of the engine's messages, and of messages made by hand, for the tests in this room.

mod damage;
mod domains;
mod output;
mod random;
mod values;

use flowmeter::exporting::{ExportingProcess, Interface, Interfaces, Message, Transport};
use flowmeter::flow::{Ipv4Key, Ipv6Key, L2Key, Observed, Ports};
use flowmeter::metering::{EndReason, Export, FlowKey, FlowRecord};
use flowmeter::observation::{Direction, ObservationDomainId, ObservationPoint};
use flowmeter::time::{Timestamp, Uptime};
use serde_json::{Value, json};

use super::{dump, read_records};

/// A transport that keeps messages in sequence, as in a file (RFC 5655 §5).
#[derive(Default)]
struct Messages {
    octets: Vec<u8>,
    /// The offset of each message.
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

/// The records of [`file`], in order.
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

/// Reads `octets`: objects, then problems.
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

/// A Template Record, or an Options Template Record if `scope` is given.
fn template(id: u16, scope: Option<u16>, fields: &[[u16; 2]]) -> Vec<u8> {
    [id, fields.len() as u16]
        .into_iter()
        .chain(scope)
        .chain(fields.iter().flatten().copied())
        .flat_map(u16::to_be_bytes)
        .collect()
}
