// SPDX-License-Identifier: Apache-2.0
//! Octets as IPFIX.

use std::io::{self, Write};

use crate::dump::dump as show;

/// Octets that may be written for each octet that was read, and for the file. A record of one octet
/// has a line of its own, and each of its elements a name.
const FACTOR: usize = 1000;
const FILE: usize = 10_000;

/// Reads the octets as `flowmeter dump` does, as a table and as JSON.
///
/// - No octets make it panic.
/// - What is written is bounded by what was read, and is text; of JSON, one object a line.
/// - Both ways to show it find the same problems.
pub fn dump(octets: &[u8]) {
    let [table, json] = [false, true].map(|json| {
        let mut text = Bounded {
            text: Vec::new(),
            most: FILE + FACTOR * octets.len(),
        };
        let problems = show(octets, json, &mut text).expect("room for the text");
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        (String::from_utf8(text.text).expect("text"), problems)
    });
    assert_eq!(table.1, json.1);
    for line in json.0.lines() {
        let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert!(record.is_object());
    }
}

/// Text up to a size.
struct Bounded {
    text: Vec<u8>,
    most: usize,
}

impl Write for Bounded {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        assert!(
            self.text.len() + octets.len() <= self.most,
            "more than {} octets of text",
            self.most
        );
        self.text.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
