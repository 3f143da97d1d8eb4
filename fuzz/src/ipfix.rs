// SPDX-License-Identifier: Apache-2.0
//! A strict reader of our messages (RFC 7011 §3), for what they add up to.
//!
//! It panics at whatever is not to the letter.

use std::collections::HashMap;

use flowmeter::exporting::Message;

use crate::meter::Tally;

/// Elements that are added up or compared.
const OCTETS: u16 = 1;
const PACKETS: u16 = 2;
const START_MILLISECONDS: u16 = 152;
const END_MILLISECONDS: u16 = 153;

/// A session with a collector.
#[derive(Default)]
pub(crate) struct Reader {
    templates: HashMap<u16, Template>,
    sequence: u32,
    pub(crate) records: u64,
    /// The records' packets, and octets where they have them.
    pub(crate) tally: Tally,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Template {
    is_options: bool,
    /// Element and octets.
    fields: Vec<(u16, usize)>,
}

impl Reader {
    /// Begins another session.
    pub(crate) fn restart(&mut self) {
        self.templates.clear();
        self.sequence = 0;
    }

    pub(crate) fn read(&mut self, message: &Message<Vec<u8>>, domain: u32) {
        let octets = &message.buffer[..message.length];
        let mut rest = octets;
        assert_eq!(number(&mut rest, 2), 10, "version");
        assert_eq!(number(&mut rest, 2) as usize, octets.len(), "length");
        number(&mut rest, 4);
        assert_eq!(number(&mut rest, 4) as u32, self.sequence, "sequence");
        assert_eq!(number(&mut rest, 4) as u32, domain, "domain");
        assert!(!rest.is_empty(), "a message without sets");
        let (mut flows, mut options) = (0, 0);
        while !rest.is_empty() {
            let id = number(&mut rest, 2) as u16;
            let length = number(&mut rest, 2) as usize - 4;
            let mut set = take(&mut rest, length);
            assert!(!set.is_empty(), "an empty set");
            while !set.is_empty() {
                match id {
                    2 | 3 => self.learn(&mut set, id == 3),
                    256.. if self.read_record(id, &mut set) => options += 1,
                    256.. => flows += 1,
                    _ => panic!("set {id}"),
                }
            }
        }
        assert_eq!(message.flow_records, flows);
        assert_eq!(message.data_records, flows + options);
        self.records += u64::from(flows);
        self.sequence = self.sequence.wrapping_add(flows + options);
    }

    fn learn(&mut self, set: &mut &[u8], is_options: bool) {
        let id = number(set, 2) as u16;
        let count = number(set, 2) as usize;
        if is_options {
            let scope = number(set, 2) as usize;
            assert!((1..=count).contains(&scope));
        }
        let mut field = || (number(set, 2) as u16, number(set, 2) as usize);
        let fields: Vec<_> = (0..count).map(|_| field()).collect();
        assert!(id >= 256 && fields.iter().all(|&(_, octets)| octets > 0));
        let template = Template { is_options, fields };
        let known = self.templates.entry(id).or_insert_with(|| template.clone());
        assert_eq!(*known, template, "template {id} has changed");
    }

    /// Reads a record; whether it is one of options.
    fn read_record(&mut self, id: u16, set: &mut &[u8]) -> bool {
        let Some(template) = self.templates.get(&id) else {
            panic!("data of template {id}, which was not announced");
        };
        let (mut start, mut end) = (0, u64::MAX);
        for &(element, octets) in &template.fields {
            let mut value = take(set, octets);
            match element {
                PACKETS => {
                    let packets = number(&mut value, 8);
                    assert!(packets > 0);
                    self.tally.packets += packets;
                }
                OCTETS => self.tally.octets += number(&mut value, 8),
                START_MILLISECONDS => start = number(&mut value, 8),
                END_MILLISECONDS => end = number(&mut value, 8),
                _ => {}
            }
        }
        assert!(start <= end);
        template.is_options
    }
}

fn take<'a>(octets: &mut &'a [u8], count: usize) -> &'a [u8] {
    octets.split_off(..count).expect("more octets")
}

fn number(octets: &mut &[u8], count: usize) -> u64 {
    let octets = take(octets, count);
    octets
        .iter()
        .fold(0, |sum, octet| sum << 8 | u64::from(*octet))
}
