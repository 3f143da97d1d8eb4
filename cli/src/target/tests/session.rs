// SPDX-License-Identifier: Apache-2.0
//! What each session begins with, what is repeated, and how Data Records are numbered.

use super::{data, message};
use crate::target::session::{INTERVAL, Session};
use crate::target::{MessageKind, Outgoing};
use std::sync::Arc;

const TEMPLATES: u8 = MessageKind::Templates as u8;
const OPTIONS: u8 = MessageKind::Options as u8;
const DATA: u8 = MessageKind::Data as u8;

/// Returns what is sent for a message: kind, sequence number, and whether it is the message itself.
pub(super) fn sent(session: &mut Session, message: &Outgoing) -> Vec<(u8, u32, bool)> {
    let mut all = Vec::new();
    session.encode(message, |octets, is_itself| {
        all.push((octets[99], sequence(octets), is_itself));
    });
    all
}

/// Returns what is sent for a message that comes out of the queue: kind and sequence number.
fn queued(session: &mut Session, message: Arc<Outgoing>) -> Vec<(u8, u32)> {
    session.note(&message);
    let sent = sent(session, &message).into_iter();
    sent.map(|(kind, sequence, _)| (kind, sequence)).collect()
}

fn sequence(octets: &[u8]) -> u32 {
    u32::from_be_bytes([octets[8], octets[9], octets[10], octets[11]])
}

fn templates() -> Arc<Outgoing> {
    message(MessageKind::Templates, 0, 0)
}

/// A message of five options records.
fn options(sequence: u32) -> Arc<Outgoing> {
    let mut message = message(MessageKind::Options, sequence, 0);
    Arc::get_mut(&mut message).expect("one owner").data_records = 5;
    message
}

/// A message of ten flow records, exported so many seconds after the first.
fn data_at(seconds: u32, sequence: u32) -> Arc<Outgoing> {
    let mut message = data(sequence);
    let buffer = &mut Arc::get_mut(&mut message).expect("one owner").buffer;
    buffer[4..8].copy_from_slice(&seconds.to_be_bytes());
    message
}

/// RFC 7011 §3.1: Data Records are counted in one stream. §8: templates precede them.
#[test]
fn each_session_begins_with_templates_and_a_sequence_of_its_own() {
    for mut session in [Session::reliable(), Session::unreliable()] {
        session.note(&templates());
        assert_eq!(sent(&mut session, &templates()), [(TEMPLATES, 0, false)]);
        assert_eq!(sent(&mut session, &data(0)), [(DATA, 0, true)]);
        assert_eq!(sent(&mut session, &data(10)), [(DATA, 10, true)]);
        // Lost records leave a gap.
        assert_eq!(sent(&mut session, &data(30)), [(DATA, 30, true)]);

        session.restart();
        let both = [(TEMPLATES, 0, false), (DATA, 0, true)];
        assert_eq!(sent(&mut session, &data(40)), both);
        assert_eq!(sent(&mut session, &data(50)), [(DATA, 10, true)]);
    }
}

#[test]
fn templates_in_several_messages_are_all_sent_again() {
    let mut session = Session::reliable();
    session.note(&templates());
    session.note(&templates());
    assert_eq!(sent(&mut session, &templates()).len(), 2);
    session.restart();
    assert_eq!(sent(&mut session, &data(10)).len(), 3);
}

#[test]
fn records_without_templates_are_not_sent() {
    let mut session = Session::reliable();
    session.note(&data(0));
    assert!(!session.encode(&data(0), |_, _| panic!("sent")));
}

/// RFC 7011 §10.4: a TCP connection loses nothing, so nothing is repeated in it.
#[test]
fn a_connection_has_options_once_and_the_next_one_again() {
    let mut session = Session::reliable();
    queued(&mut session, templates());
    assert_eq!(queued(&mut session, options(0)), [(OPTIONS, 0)]);
    assert_eq!(queued(&mut session, options(5)), [(OPTIONS, 5)]);
    for number in 0..10 {
        let at = data_at(INTERVAL * (number + 1), 10 + 10 * number);
        assert_eq!(queued(&mut session, at), [(DATA, 10 + 10 * number)]);
    }

    session.restart();
    let all = [(TEMPLATES, 0), (OPTIONS, 0), (OPTIONS, 5), (DATA, 10)];
    assert_eq!(queued(&mut session, data_at(0, 110)), all);
    assert_eq!(queued(&mut session, options(120)), [(OPTIONS, 20)]);
    assert_eq!(queued(&mut session, data_at(0, 125)), [(DATA, 25)]);
}

/// RFC 7011 §8.4, and no more of it than of flow records: all messages here have the same length.
#[test]
fn datagrams_repeat_templates_and_as_many_options_as_records() {
    let mut session = Session::unreliable();
    queued(&mut session, templates());
    for number in 0..20 {
        queued(&mut session, options(5 * number));
    }
    let (mut flows, mut repeated, mut seen) = (0, 0, 0);
    for number in 0..100 {
        let all = queued(&mut session, data_at(number * 10, 100 + 10 * number));
        assert_eq!(all[0].0, DATA);
        flows += 1;
        repeated += all.len() - 1;
        let kinds: Vec<_> = all[1..].iter().map(|(kind, _)| *kind).collect();
        match &kinds[..] {
            [] => {}
            [TEMPLATES, rest @ ..] => {
                assert!(rest.iter().all(|kind| *kind == OPTIONS));
                seen += rest.len();
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(repeated <= flows, "{repeated}");
    // Each of them three times: the next repetition continues with the next message.
    assert!(seen >= 60, "{seen}");
}

/// Records that are far apart: without enough of them only real time brings a repetition, which is
/// the templates and one message of options.
#[test]
fn few_records_are_followed_by_no_repetition() {
    let mut session = Session::unreliable();
    queued(&mut session, templates());
    for number in 0..20 {
        queued(&mut session, options(5 * number));
    }
    let after = queued(&mut session, data_at(INTERVAL, 100));
    assert_eq!(after, [(DATA, 100)]);
    for number in 0..3 {
        let mut all = Vec::new();
        session.repeat(|octets, is_itself| {
            assert!(!is_itself);
            all.push((octets[99], sequence(octets)));
        });
        let next = 110 + 5 * number;
        assert_eq!(all, [(TEMPLATES, next), (OPTIONS, next)]);
    }
    assert_eq!(queued(&mut session, data_at(INTERVAL, 110)), [(DATA, 125)]);
}

/// At another address nothing is known yet.
#[test]
fn another_session_of_datagrams_repeats_options_within_the_same_limit() {
    let mut session = Session::unreliable();
    queued(&mut session, templates());
    for number in 0..20 {
        queued(&mut session, options(5 * number));
    }
    for number in 0..3 {
        queued(&mut session, data_at(0, 100 + 10 * number));
    }
    session.restart();
    let all = queued(&mut session, data_at(0, 130));
    let expected = [
        (TEMPLATES, 0),
        (OPTIONS, 0),
        (OPTIONS, 5),
        (OPTIONS, 10),
        (DATA, 15),
    ];
    assert_eq!(all, expected);
    session.restart();
    let expected = [(TEMPLATES, 0), (OPTIONS, 0), (DATA, 5)];
    assert_eq!(queued(&mut session, data_at(0, 140)), expected);
}

/// Options that do not fit the queue overtake what is in it. No record is lost, so there is no gap.
#[test]
fn options_that_overtake_records_leave_no_gap() {
    let mut session = Session::reliable();
    queued(&mut session, templates());
    session.note_early(&options(20));
    assert_eq!(queued(&mut session, data(0)), [(OPTIONS, 0), (DATA, 5)]);
    assert_eq!(queued(&mut session, data(10)), [(DATA, 15)]);
    // Behind their place in the worker's sequence.
    assert_eq!(queued(&mut session, data(25)), [(DATA, 25)]);
    assert_eq!(queued(&mut session, data(45)), [(DATA, 45)]);
}
