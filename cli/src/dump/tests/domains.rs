// SPDX-License-Identifier: Apache-2.0
//! What is kept of each Observation Domain: its templates, within limits, and its sequence.

use serde_json::json;

use super::{Messages, file, message, objects, problems, read, template};
use crate::dump::domain::{DOMAINS, TEMPLATE_FIELDS};

/// RFC 7011 §3.1: sequence numbers count Data Records, options among them.
#[test]
fn gaps_in_the_sequence_are_reported() {
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
    // The file twice.
    let twice = [&octets[..], &octets[..]].concat();
    let expected = format!(
        "domain 1: the sequence number steps back at offset {}",
        octets.len()
    );
    assert_eq!(read(&twice).1, [expected]);
}

#[test]
fn sequences_wrap_and_each_domain_has_its_own() {
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

/// RFC 7011 §8.1: the id of the set itself withdraws all templates of its kind.
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
    // Repeated templates are not counted again.
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
