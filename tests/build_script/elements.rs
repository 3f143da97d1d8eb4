// SPDX-License-Identifier: Apache-2.0
//! The table of Information Elements: what the build script accepts, and where it finds a mistake.

use flowmeter::exporting::information_element::{self as generated, InformationElement};

use crate::data_type::{DataType, Unit};
use crate::information_elements::{Element, constant, generate, parse};

const TABLE: &str = include_str!("../../src/exporting/information_elements.txt");

#[test]
fn a_line_has_five_columns() {
    let table = "# number\n\n   1  octetDeltaCount  unsigned64  octets  RFC 5102, RFC 9999\n 207  ipv4IHL  unsigned8  4-octet words  -\n";
    let expected = [
        Element {
            number: 1,
            name: "octetDeltaCount".to_owned(),
            data_type: DataType::Unsigned64,
            unit: Some(Unit::Octets),
            reference: "RFC 5102, RFC 9999".to_owned(),
        },
        Element {
            number: 207,
            name: "ipv4IHL".to_owned(),
            data_type: DataType::Unsigned8,
            unit: Some(Unit::FourOctetWords),
            reference: "-".to_owned(),
        },
    ];
    assert_eq!(parse(table).as_deref(), Ok(&expected[..]));
}

#[test]
fn a_mistake_is_reported_with_its_line_and_column() {
    for (line, column, problem) in [
        (
            "   0  a  string  -  -",
            4,
            "\"0\": expected a number from 1 to 32767",
        ),
        (
            "32768  a  string  -  -",
            1,
            "\"32768\": expected a number from 1 to 32767",
        ),
        (
            "9x  a  string  -  -",
            1,
            "\"9x\": expected a number from 1 to 32767",
        ),
        (
            "7  a  string  -  -",
            1,
            "7 after 7: expected a larger number",
        ),
        (
            "6  a  string  -  -",
            1,
            "6 after 7: expected a larger number",
        ),
        (
            "9  1a  string  -  -",
            4,
            "\"1a\": expected a letter, then letters and digits",
        ),
        (
            "9  a-b  string  -  -",
            4,
            "\"a-b\": expected a letter, then letters and digits",
        ),
        (
            "9  known  string  -  -",
            4,
            "the constant of known is that of element 7",
        ),
        (
            "9  a   text  -  -",
            8,
            "\"text\": expected one of octetArray, unsigned8, ",
        ),
        (
            "9  a  string  yards  -",
            15,
            "\"yards\": expected - or one of bits, octets, ",
        ),
        (
            "9  a  string  -",
            16,
            "4 columns: expected number, name, type, unit and reference",
        ),
        (
            "9  a  string  -  -  b",
            21,
            "6 columns: expected number, name, type, unit and reference",
        ),
        ("9\ta", 2, "'\\t': expected ASCII letters and spaces"),
        (
            "9  \u{e4}",
            4,
            "'\u{e4}': expected ASCII letters and spaces",
        ),
    ] {
        let table = format!("# a comment\n7  known  string  -  -\n{line}\n");
        let error = parse(&table).expect_err(line);
        assert_eq!((error.line, error.column), (3, column), "{line}: {error}");
        assert!(error.problem.starts_with(problem), "{line}: {error}");
        assert!(
            error.to_string().starts_with(&format!("3:{column}: ")),
            "{error}"
        );
    }
    for table in ["", "# only a comment\n"] {
        let error = parse(table).expect_err("no element");
        assert_eq!(error.to_string(), "1:1: expected an element");
    }
}

#[test]
fn names_of_constants_have_the_words_of_elements() {
    for (name, expected) in [
        ("sourceIPv4Address", "SOURCE_IPV4_ADDRESS"),
        ("icmpTypeCodeIPv6", "ICMP_TYPE_CODE_IPV6"),
        ("ipTTL", "IP_TTL"),
        ("postNATSourceIPv4Address", "POST_NAT_SOURCE_IPV4_ADDRESS"),
        ("layer2OctetDeltaCount", "LAYER2_OCTET_DELTA_COUNT"),
        ("ingressVRFID", "INGRESS_VRFID"),
    ] {
        assert_eq!(constant(name), expected);
    }
}

#[test]
fn the_engine_has_what_the_table_has() {
    let elements = parse(TABLE).expect("the build script read it");
    assert_eq!(elements.len(), generated::ALL.len());
    assert!(TABLE.contains(&format!("all {} that have", elements.len())));
    for element in &elements {
        let known = InformationElement::from_number(element.number);
        let known = known.unwrap_or_else(|| panic!("no {}", element.name));
        assert_eq!(known.number(), element.number);
        assert_eq!(known.name(), element.name);
        assert_eq!(known.data_type().name(), element.data_type.name());
        assert_eq!(
            known.unit().map(|unit| unit.name()),
            element.unit.map(Unit::name)
        );
    }
    for number in [0, 65, 416, 534, 0x7fff, 0x8001, u16::MAX] {
        assert_eq!(InformationElement::from_number(number), None);
    }
    assert_eq!(
        generated::SOURCE_IPV4_ADDRESS.to_string(),
        "sourceIPv4Address(8)"
    );
}

#[test]
fn constants_are_documented_with_type_unit_and_reference() {
    let elements = parse("1  octetDeltaCount  unsigned64  octets  RFC 5102").expect("a table");
    let code = generate(&elements);
    let doc = "/// `octetDeltaCount`, number 1: unsigned64 in octets (RFC 5102).\n";
    assert!(
        code.starts_with(&format!("{doc}pub const OCTET_DELTA_COUNT: ")),
        "{code}"
    );
}

/// RFC 7011 §6.1 and §6.2.
#[test]
fn lengths_are_those_of_types_or_reduced() {
    for (name, length, allowed) in [
        ("unsigned8", Some(1), &[1][..]),
        ("unsigned16", Some(2), &[1, 2]),
        ("signed32", Some(4), &[1, 2, 3, 4]),
        ("unsigned64", Some(8), &[1, 2, 3, 4, 5, 6, 7, 8]),
        ("float32", Some(4), &[4]),
        ("float64", Some(8), &[4, 8]),
        ("boolean", Some(1), &[1]),
        ("macAddress", Some(6), &[6]),
        ("dateTimeSeconds", Some(4), &[4]),
        ("dateTimeMilliseconds", Some(8), &[8]),
        ("ipv4Address", Some(4), &[4]),
        ("ipv6Address", Some(16), &[16]),
    ] {
        let data_type = DataType::ALL.iter().find(|known| known.name() == name);
        let data_type = data_type.unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(data_type.length(), length, "{name}");
        let found: Vec<u16> = (0..40).filter(|octets| data_type.allows(*octets)).collect();
        assert_eq!(found, allowed, "{name}");
    }
    assert_eq!(DataType::String.length(), None);
    assert!(DataType::String.allows(64) && DataType::BasicList.allows(0xffff));
}
