// SPDX-License-Identifier: Apache-2.0
//! Files that are cut or malformed: the place is reported, and what precedes it is read.

use serde_json::json;

use super::{Messages, file, message, objects, problems, read, template};

/// Wherever a file is cut, the records of its whole sets are read, and the error has the number of
/// missing octets.
#[test]
fn cut_files_say_what_is_missing() {
    let Messages { octets, offsets } = file();
    assert_eq!(problems(&[]), ["empty file"]);
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
    let expected = format!(
        "offset {}: not an IPFIX message: version 9 instead of 10",
        offsets[1]
    );
    assert_eq!(problems, [expected]);
    assert_eq!(
        read(b"hi\n").1,
        ["offset 0: not an IPFIX message: version 26729 instead of 10"]
    );
}

#[test]
fn a_message_shorter_than_its_header_is_refused() {
    let mut octets = message(1, 0, &[]);
    octets[3] = 15;
    assert_eq!(
        problems(&octets),
        ["offset 0: a message has the length 15, less than its header of 16 octets"]
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

/// RFC 7011 §8 and §9: an unknown set is skipped. The number of its records is unknown, so the next
/// message may have any sequence number.
#[test]
fn sets_around_an_unknown_one_are_read() {
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
    // The problem that ends the file comes first, though it is later in the file.
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
            "offset 16: in set 2: template id 255 is less than 256",
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
            "offset 16: in set 2: 1 octets after the last record are not padding",
        ),
        (
            &[(2, &number), (300, &[0, 0, 0, 1, 2, 0])],
            "offset 36: in set 300: 2 octets after the last record are not padding",
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
        (3, "offset 16: in set 2: the length 3 is invalid"),
        (13, "offset 16: in set 2: the length 13 is invalid"),
    ] {
        octets[19] = length;
        assert_eq!(problems(&octets), [problem]);
    }
    let mut octets = message(1, 0, &[]);
    octets[3] = 18;
    octets.extend([0, 0]);
    assert_eq!(
        problems(&octets),
        ["offset 16: 2 octets are too few for a set"]
    );
}

/// Otherwise two small messages could need gigabytes: records of one octet with 8,000 fields.
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
