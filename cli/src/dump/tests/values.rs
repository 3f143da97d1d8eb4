// SPDX-License-Identifier: Apache-2.0
//! The values of elements, of every data type.

use serde_json::{Value, json};

use super::{dumped, message, read, template};

/// Elements of every data type, not only those that the engine exports.
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
        // netflow_parser's own types have nine bits for this, and three for the next.
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
        // RFC 7011 §7 allows an empty value.
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
fn enterprise_elements_have_numbers_and_repeated_elements_an_array() {
    // Element 5 of enterprise 9999, octets; then protocolIdentifier three times.
    let fields = template(300, None, &[[0x8005, 2], [0, 9999], [4, 1], [4, 1], [4, 1]]);
    let fields = [&300u16.to_be_bytes()[..], &[0, 4], &fields[4..]].concat();
    let (records, problems) = read(&message(1, 0, &[(2, &fields), (300, &[1, 2, 6, 17, 1])]));
    let object = json!({ "9999/5": "0102", "protocolIdentifier": [6, 17, 1] });
    assert_eq!((records, problems), (vec![object], vec![]));

    // octetDeltaCount in the reverse direction (RFC 5103 §6.1), which the table does not add up.
    let fields = template(300, None, &[[0x8001, 4], [0, 29305]]);
    let fields = [&300u16.to_be_bytes()[..], &[0, 1], &fields[4..]].concat();
    let octets = message(1, 0, &[(2, &fields), (300, &[0, 0, 0, 9])]);
    let object = json!({ "reverseOctetDeltaCount": 9 });
    assert_eq!(read(&octets), (vec![object], vec![]));
    assert!(dumped(&octets, false).ends_with("octets: 0\n"));
}
