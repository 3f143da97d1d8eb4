// SPDX-License-Identifier: Apache-2.0
//! What is shown: each record in JSON and in the table, and errors with the file's name.

use std::io::{self, Write};

use flowmeter::metering::Export;
use netflow_parser::variable_versions::ipfix::FlowSetBody;
use netflow_parser::variable_versions::ipfix::lookup::IPFixField;
use netflow_parser::{FieldValue, NetflowPacket, NetflowParser};
use serde_json::Value;

use super::{dumped, exporter, file, message, objects, problems, read, tcp};
use crate::arguments::Dump;
use crate::dump::records::Records;
use crate::dump::run;

#[test]
fn records_are_read_as_they_were_exported() {
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
fn a_file_without_records_shows_totals() {
    let text = dumped(&message(1, 0, &[]), false);
    assert!(text.starts_with("messages: 1, templates: 0, "), "{text}");
    assert_eq!(problems(&message(1, 0, &[])), [""; 0]);
}

/// netflow_parser's own decoder of messages finds the same records and values.
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
    assert!(error.starts_with("no such/file.ipfix: No such file"));

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
    // A closed pipe is no error; a full disk is one.
    for (kind, fails) in [
        (io::ErrorKind::BrokenPipe, false),
        (io::ErrorKind::StorageFull, true),
    ] {
        assert_eq!(run(&options, &mut Broken(kind)).is_err(), fails);
    }
}

/// A writer that always fails.
struct Broken(io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(self.0.into())
    }
}
