// SPDX-License-Identifier: Apache-2.0
//! The octets of every record, and when messages are sent.

use super::information_element::SOURCE_IPV4_ADDRESS;
use super::*;
use crate::flow::{EndReason, FlowKey, FlowRecord, Ipv4Key, Ipv6Key, L2Key, Observed, Ports};
use crate::metering::{Export, ExportRefused};
use crate::observation::{Direction, ObservationDomainId, ObservationPoint};
use crate::time::{Timestamp, Uptime};

pub(super) fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A record of `key` in which every other field has a value of its own.
pub(super) fn record<K: FlowKey>(key: K, attributes: K::Attributes) -> FlowRecord<K> {
    FlowRecord {
        key,
        attributes,
        packets: 0x1112_1314_1516_1718,
        octets: 0x2122_2324_2526_2728,
        start: Timestamp::from_millis(1_700_000_000_123),
        end: Timestamp::from_millis(1_700_000_001_124),
        ingress_vrf: 0x3132_3334,
        egress_vrf: 0x4142_4344,
        type_of_service: 0xb8,
        tcp_flags: 0x12,
        end_reason: EndReason::ForcedEnd,
    }
}

fn observed(direction: Direction, protocol: u16) -> Observed {
    let point = ObservationPoint {
        ingress_interface: 0x0102_0304,
        egress_interface: 0x0506_0708,
        direction,
        ..ObservationPoint::default()
    };
    Observed::new(&point, 0x0abc, protocol)
}

pub(super) fn ipv4(direction: Direction, protocol: u16) -> FlowRecord<Ipv4Key> {
    let key = Ipv4Key {
        source: [192, 0, 2, 1],
        destination: [198, 51, 100, 2],
        ports: Ports {
            source: [0x12, 0x34],
            destination: [0x03, 0x01],
        },
        observed: observed(direction, protocol),
    };
    record(key, ())
}

fn ipv6(protocol: u16) -> FlowRecord<Ipv6Key> {
    let key = Ipv6Key {
        source: core::array::from_fn(|octet| 0x50 + octet as u8),
        destination: core::array::from_fn(|octet| 0x60 + octet as u8),
        ports: Ports {
            source: [0x12, 0x34],
            destination: [0x80, 0x00],
        },
        observed: observed(Direction::Egress, protocol),
    };
    record(key, 0x000f_1234)
}

/// Numbers of elements, and the octets of their values in hexadecimal.
type Fields<'a> = Vec<(u16, &'a str)>;

/// The fields that all IP records share.
const COUNTS_AND_TIMES: [(u16, &str); 6] = [
    (10, "01020304"),
    (14, "05060708"),
    (2, "1112131415161718"),
    (1, "2122232425262728"),
    (152, "0000018bcfe5687b"),
    (153, "0000018bcfe56c64"),
];

fn check<K: FlowTemplate>(record: &FlowRecord<K>, id: u16, expected: &Fields<'_>) {
    let template = K::TEMPLATE;
    assert_eq!(
        (template.id, template.is_options()),
        (TemplateId(id), false)
    );
    let octets = K::encode(record);
    let mut rest = octets.as_ref();
    assert_eq!(rest.len(), template.record_length());
    let mut found = Vec::new();
    for field in template.fields {
        let (value, others) = rest.split_at(field.length().into());
        found.push((field.element().number(), hexadecimal(value)));
        rest = others;
    }
    let found: Fields<'_> = found
        .iter()
        .map(|(number, value)| (*number, &value[..]))
        .collect();
    assert_eq!(&found, expected);
}

mod records {
    use super::*;

    #[test]
    fn an_ipv4_record_has_the_octets_of_its_elements() {
        let fields = |[source, destination, protocol, icmp, forwarding, direction]: [_; 6]| {
            let mut fields = vec![(8, "c0000201"), (12, "c6336402"), (7, source)];
            fields.extend([
                (11, destination),
                (4, protocol),
                (5, "b8"),
                (6, "12"),
                (60, "04"),
            ]);
            fields.extend(COUNTS_AND_TIMES);
            fields.extend([
                (32, icmp),
                (58, "0abc"),
                (234, "31323334"),
                (235, "41424344"),
            ]);
            fields.extend([(89, forwarding), (61, direction), (136, "04")]);
            fields
        };
        let tcp = fields(["1234", "0301", "06", "0000", "40", "01"]);
        check(&ipv4(Direction::Egress, 6), 256, &tcp);
        // RFC 792: type 3, code 1. What comes in has not been forwarded yet (RFC 7270 §4.12).
        let icmp = fields(["1234", "0000", "01", "0301", "00", "00"]);
        check(&ipv4(Direction::Ingress, 1), 256, &icmp);
    }

    #[test]
    fn an_ipv6_record_has_the_octets_of_its_elements() {
        let source = "505152535455565758595a5b5c5d5e5f";
        let destination = "606162636465666768696a6b6c6d6e6f";
        let fields = |[port, protocol, icmp]: [_; 3]| {
            let mut fields = vec![(27, source), (28, destination), (7, "1234"), (11, port)];
            fields.extend([(4, protocol), (5, "b8"), (6, "12"), (60, "06")]);
            fields.extend(COUNTS_AND_TIMES);
            fields.extend([
                (139, icmp),
                (58, "0abc"),
                (234, "31323334"),
                (235, "41424344"),
            ]);
            fields.extend([(89, "40"), (61, "01"), (136, "04"), (31, "000f1234")]);
            fields
        };
        check(&ipv6(17), 257, &fields(["8000", "11", "0000"]));
        // RFC 4443 §4.1: an echo request has type 128.
        check(&ipv6(58), 257, &fields(["0000", "3a", "8000"]));
    }

    #[test]
    fn a_record_of_frames_has_the_octets_of_its_elements() {
        let key = L2Key {
            source: [2, 0, 0, 0, 0, 0x55],
            destination: [2, 0, 0, 0, 0, 0xdd],
            observed: observed(Direction::Egress, 0x88b5),
        };
        let mut fields = vec![(56, "020000000055"), (80, "0200000000dd")];
        fields.extend([(256, "88b5"), (58, "0abc")]);
        fields.extend(COUNTS_AND_TIMES);
        fields.extend([(61, "01"), (136, "04")]);
        check(&record(key, ()), 258, &fields);
    }

    #[test]
    fn an_element_is_shown_with_its_name_and_number() {
        let shown = SOURCE_IPV4_ADDRESS.to_string();
        assert_eq!(shown, "sourceIPv4Address(8)");
        assert_eq!(SOURCE_IPV4_ADDRESS.name(), "sourceIPv4Address");
    }
}

mod options {
    use super::super::options::{interface_record, sampling_record};
    use super::*;

    fn interface(number: u32, name: &str) -> Interface {
        Interface {
            number,
            name: name.into(),
            description: format!("{name} here"),
        }
    }

    fn numbers(interfaces: &[Interface]) -> Vec<u32> {
        interfaces
            .iter()
            .map(|interface| interface.number)
            .collect()
    }

    #[test]
    fn what_is_new_or_differs_has_changed() {
        let none = Interfaces::default();
        assert!(none.update(Vec::new()).is_none());
        let first = none.update(vec![interface(3, "c"), interface(1, "a")]);
        let first = first.expect("new ones");
        assert_eq!(numbers(first.all()), [1, 3]);
        assert_eq!(numbers(first.changed()), [1, 3]);
        let same = vec![interface(1, "a"), interface(3, "c")];
        assert!(first.update(same).is_none());
        let other = vec![interface(2, "b"), interface(3, "d"), interface(1, "a")];
        let second = first.update(other).expect("one new, one renamed");
        assert_eq!(numbers(second.all()), [1, 2, 3]);
        assert_eq!(numbers(second.changed()), [2, 3]);
        let third = second.update(vec![interface(2, "b")]).expect("two less");
        assert_eq!(numbers(third.all()), [2]);
        assert_eq!(numbers(third.changed()), [0; 0]);
    }

    /// RFC 7011 §6.1.6: names are UTF-8, so none is cut within a character.
    #[test]
    fn an_interface_has_its_numbers_and_its_names() {
        let domain = ObservationDomainId(0x0102_0304);
        let long = format!("{}é", "n".repeat(63));
        let octets = interface_record(domain, &interface(0x0506_0708, &long));
        assert_eq!(hexadecimal(&octets[..8]), "0102030405060708");
        assert_eq!(octets[8..71], *"n".repeat(63).as_bytes());
        assert_eq!(octets[71], 0);
        assert_eq!(octets[72..], octets[8..72]);
        let octets = interface_record(domain, &interface(1, "a"));
        assert_eq!(octets[8..72], *[&b"a"[..], &[0; 63]].concat());
        assert_eq!(octets[72..], *[&b"a here"[..], &[0; 58]].concat());
        let octets = sampling_record(domain);
        assert_eq!(hexadecimal(&octets), "0102030400000001");
    }
}

/// Gives buffers of so many octets while there are any, and keeps messages.
pub(super) struct Kept {
    pub(super) octets: usize,
    pub(super) buffers: usize,
    pub(super) messages: Vec<Message<Vec<u8>>>,
}

impl Transport for Kept {
    type Buffer = Vec<u8>;

    fn buffer(&mut self) -> Option<Vec<u8>> {
        self.buffers = self.buffers.checked_sub(1)?;
        Some(vec![0xa5; self.octets])
    }

    fn send(&mut self, message: Message<Vec<u8>>) {
        self.messages.push(message);
    }
}

fn process(octets: usize) -> ExportingProcess<Kept> {
    let kept = Kept {
        octets,
        buffers: usize::MAX,
        messages: Vec::new(),
    };
    ExportingProcess::new(kept, ObservationDomainId(7))
}

/// Kind, sequence and first set's id of each message since.
fn sent(process: &mut ExportingProcess<Kept>) -> Vec<(MessageKind, u32, u16)> {
    let messages = core::mem::take(&mut process.transport().messages);
    let head = |message: Message<Vec<u8>>| {
        let octets = &message.buffer[..message.length];
        let number = |at| u16::from_be_bytes([octets[at], octets[at + 1]]);
        assert_eq!(usize::from(number(2)), message.length);
        // Sets follow each other up to the end (RFC 7011 §3.3).
        let mut end = 16;
        while end < message.length {
            assert!(number(end + 2) > 4, "no empty set");
            end += usize::from(number(end + 2));
        }
        assert_eq!(end, message.length);
        let sequence = u32::from_be_bytes([octets[8], octets[9], octets[10], octets[11]]);
        (message.kind, sequence, number(16))
    };
    messages.into_iter().map(head).collect()
}

fn tick(process: &mut ExportingProcess<Kept>, millis: u32) {
    let now = Timestamp::from_millis(1_700_000_000_000 + u64::from(millis));
    process.tick(now, Uptime::from_millis(millis));
}

fn export(process: &mut ExportingProcess<Kept>) -> Result<(), ExportRefused> {
    process.export(&ipv4(Direction::Egress, 6))
}

mod messages {
    use super::*;
    use MessageKind::*;

    #[test]
    fn a_message_lingers_as_long_as_configured() {
        for (linger, wait) in [(None, 1000), (Some(250), 250), (Some(0), 0)] {
            let mut process = process(1400);
            if let Some(linger) = linger {
                process.set_linger(linger);
            }
            tick(&mut process, 5000);
            assert_eq!(export(&mut process), Ok(()));
            assert_eq!(sent(&mut process), [(Templates, 0, 2), (Options, 0, 513)]);
            assert!(process.is_open());
            if wait > 0 {
                tick(&mut process, 5000 + wait - 1);
                assert_eq!(sent(&mut process), []);
            }
            tick(&mut process, 5000 + wait);
            assert_eq!(sent(&mut process), [(Data, 1, 256)], "{linger:?}");
            assert!(!process.is_open());
        }
    }

    #[test]
    fn records_stay_whole_at_the_end_of_a_message() {
        let record = ipv4(Direction::Egress, 6);
        let length = Ipv4Key::encode(&record).len();
        // Room for all but an octet of four, and for more than the 65,535 octets that a message has.
        for (octets, records) in [(20 + 4 * length - 1, 3), (1 << 17, (65_535 - 20) / length)] {
            let mut process = process(octets);
            assert_eq!(export(&mut process), Ok(()));
            process.flush();
            sent(&mut process);
            for _ in 0..=records {
                assert_eq!(export(&mut process), Ok(()));
            }
            let full: Vec<_> = process.transport().messages.drain(..).collect();
            assert_eq!(full.len(), 1);
            assert_eq!(full[0].flow_records, records as u32);
            assert_eq!(full[0].length, 20 + records * length);
        }
    }

    /// RFC 7011 §3.1: the sequence counts in the domain, whoever sends there.
    #[test]
    fn processes_of_one_domain_count_together() {
        let session = Session::default();
        let mut processes = [process(1400), process(1400)];
        for process in &mut processes {
            process.share_session(&session);
            assert_eq!(process.domain(), ObservationDomainId(7));
        }
        let mut found = Vec::new();
        for _ in 0..2 {
            for process in &mut processes {
                assert_eq!(export(process), Ok(()));
                process.flush();
                found.extend(
                    sent(process)
                        .iter()
                        .map(|(.., sequence, _)| *sequence)
                        .next_back(),
                );
            }
        }
        // Each has announced how it samples before its first record.
        assert_eq!(found, [1, 3, 4, 5]);
    }

    #[test]
    fn statistics_count_what_was_sent() {
        let mut process = process(1400);
        let statistics = |process: &ExportingProcess<Kept>| {
            let ExportStatistics {
                messages,
                flow_records,
            } = *process.statistics();
            (messages, flow_records)
        };
        assert_eq!(export(&mut process), Ok(()));
        assert_eq!(export(&mut process), Ok(()));
        assert_eq!(statistics(&process), (2, 0), "templates and options");
        process.flush();
        assert_eq!(statistics(&process), (3, 2));
        process.flush();
        assert_eq!(statistics(&process), (3, 2));
        process.clear_statistics();
        assert_eq!(statistics(&process), (0, 0));
        assert_eq!(export(&mut process), Ok(()));
        process.flush();
        assert_eq!(statistics(&process), (1, 1));
    }

    #[test]
    fn a_record_is_refused_without_a_buffer_or_where_it_is_too_short() {
        let mut process = process(1400);
        process.transport().buffers = 0;
        assert_eq!(export(&mut process), Err(ExportRefused::NoBuffer));
        process.transport().buffers = usize::MAX;
        process.transport().octets = 16;
        assert_eq!(export(&mut process), Err(ExportRefused::NoBuffer));
        assert!(!process.is_open());
        process.flush();
        assert_eq!(sent(&mut process), [], "no message is empty");
        process.transport().octets = 1400;
        assert_eq!(export(&mut process), Ok(()));
        assert_eq!(sent(&mut process), [(Templates, 0, 2), (Options, 0, 513)]);
    }
}

mod announcements {
    use super::*;
    use MessageKind::*;

    fn interfaces(count: u32) -> Interfaces {
        let interface = |number| Interface {
            number,
            name: format!("interface{number}"),
            description: String::new(),
        };
        let update = Interfaces::default().update((0..count).map(interface).collect());
        update.expect("new ones")
    }

    /// RFC 7011 §8.4: over datagrams templates are sent again.
    #[test]
    fn templates_and_options_are_repeated_in_the_interval() {
        for (interval, millis) in [(None, 30_000), (Some(10_000), 10_000)] {
            let mut process = process(1400);
            if let Some(interval) = interval {
                process.set_announce_interval(interval);
            }
            tick(&mut process, 1000);
            assert_eq!(sent(&mut process), [], "the first are for the first record");
            assert_eq!(export(&mut process), Ok(()));
            process.flush();
            sent(&mut process);
            for round in 1..3 {
                tick(&mut process, 1000 + round * millis - 1);
                assert_eq!(sent(&mut process), []);
                tick(&mut process, 1000 + round * millis);
                let both = [(RepeatedTemplates, round + 1, 2), (Options, round + 1, 513)];
                assert_eq!(sent(&mut process), both);
            }
        }
    }

    #[test]
    fn many_options_take_several_calls_or_one_that_finishes_them() {
        let options = |process: &mut ExportingProcess<Kept>| {
            let messages = sent(process);
            messages
                .iter()
                .filter(|(kind, ..)| *kind == Options)
                .count()
        };
        for finishes in [false, true] {
            let mut process = process(1400);
            process.set_interfaces(&interfaces(200));
            assert_eq!(export(&mut process), Ok(()));
            // The first messages of options, and the one that the record ended.
            let first = options(&mut process);
            assert_eq!(first, 8 + 1);
            let mut further = 0;
            if finishes {
                assert_eq!(process.finish_options(), Ok(()));
                further += options(&mut process);
            } else {
                for _ in 0..10 {
                    tick(&mut process, 0);
                    let messages = options(&mut process);
                    assert!(messages <= 8 + 1, "{messages}");
                    further += messages;
                }
            }
            // Nine interfaces fit in a message, and how packets are selected in the last one.
            assert_eq!(first + further, 23 + 1);
            assert_eq!(process.finish_options(), Ok(()));
            process.flush();
            assert_eq!(sent(&mut process), []);
        }
    }

    #[test]
    fn too_many_changes_at_once_are_one_announcement_of_all() {
        let options = |changes| {
            let mut process = process(1400);
            assert_eq!(export(&mut process), Ok(()));
            process.flush();
            sent(&mut process);
            for _ in 0..changes {
                process.set_interfaces(&interfaces(1));
            }
            assert_eq!(process.finish_options(), Ok(()));
            process.flush();
            sent(&mut process)
                .iter()
                .map(|(.., set)| *set)
                .collect::<Vec<_>>()
        };
        assert_eq!(options(0), [0; 0]);
        assert_eq!(options(4), [512; 4]);
        // Interfaces and sampling in one message.
        assert_eq!(options(5), [512]);
        assert_eq!(options(6), [512; 2]);
    }
}

mod domains {
    use super::*;

    /// Domain, sequence and first set of each message since.
    fn heads(process: &mut ExportingProcess<Kept>) -> Vec<(u32, u32, u16)> {
        let messages = core::mem::take(&mut process.transport().messages);
        let number = |octets: &[u8]| octets.iter().fold(0, |sum, o| sum << 8 | u32::from(*o));
        let head = |message: &Message<Vec<u8>>| {
            let octets = &message.buffer[..message.length];
            let set = number(&octets[16..18]) as u16;
            (number(&octets[12..16]), number(&octets[8..12]), set)
        };
        messages.iter().map(head).collect()
    }

    #[test]
    fn a_new_domain_begins_with_templates_and_sequence_0() {
        let domains = [7, 9].map(ObservationDomainId);
        let mut process = process(1400);
        export(&mut process).expect("a buffer");
        let before = heads(&mut process);
        assert!(before.iter().all(|(domain, ..)| *domain == 7));
        assert_eq!(before[0], (7, 0, 2));
        // The same domain changes nothing.
        process.set_domain(domains[0]);
        assert!(process.is_open());
        process.set_domain(domains[1]);
        // What was under construction: behind the sampling options, which count as a record.
        assert_eq!(heads(&mut process), [(7, 1, 256)]);
        export(&mut process).expect("a buffer");
        process.flush();
        let after = heads(&mut process);
        assert_eq!(after.first(), Some(&(9, 0, 2)));
        assert_eq!(after.last(), Some(&(9, 1, 256)));
    }
}
