// SPDX-License-Identifier: Apache-2.0
//! Targets that fail, and how much of what they were given is counted as sent.

use super::*;

/// Takes `room` octets in writes of any size, holding `hold` back until the end.
struct Full {
    room: usize,
    hold: usize,
    held: usize,
}

impl Sink for Full {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        if self.held + message.len() > self.hold {
            self.flush()?;
        }
        self.held += message.len();
        Ok(())
    }

    fn held(&self) -> usize {
        self.held
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = self.held.min(self.room);
        self.room -= written;
        self.held -= written;
        if self.held > 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn abandon(self: Box<Self>) {}
}

fn message(kind: MessageKind, flow_records: u32) -> Outgoing {
    Message {
        buffer: vec![0; 100],
        length: 100,
        kind,
        data_records: flow_records,
        flow_records,
    }
}

#[test]
fn what_a_full_disk_did_not_take_is_lost_to_the_record() {
    // Room for 7 messages and a half; 4 are held at a time.
    for (hold, sent) in [(100, 7), (400, 7), (5000, 7)] {
        let sink = Full {
            room: 750,
            hold,
            held: 0,
        };
        let mut target = Target::new("full".into(), Kind::File, Ok(sink));
        for _ in 0..20 {
            target.send(&message(MessageKind::Data, 10));
        }
        let report = target.finish();
        assert_eq!(
            (report.records, report.lost),
            (sent * 10, 200 - sent * 10),
            "{hold}"
        );
        assert_eq!(report.failure.unwrap().reason, "disk_full");
    }
}

#[test]
fn a_target_that_was_never_there_loses_everything() {
    let error = io::Error::from(io::ErrorKind::ConnectionRefused);
    let mut target = Target::new("tcp://x".into(), Kind::Tcp, Err::<Full, _>(error));
    target.send(&message(MessageKind::Templates, 0));
    target.send(&message(MessageKind::Data, 3));
    let report = target.finish();
    assert_eq!((report.records, report.lost), (0, 3));
    let failure = report.failure.unwrap();
    assert_eq!(failure.reason, "collector_unreachable");
    assert_eq!(failure.error, "connection refused");
}

#[test]
fn templates_are_repeated_over_udp_only() {
    for (kind, expected) in [(Kind::Udp, 2), (Kind::Tcp, 1), (Kind::File, 1)] {
        let sink = Full {
            room: 1000,
            hold: 1000,
            held: 0,
        };
        let mut target = Target::new("x".into(), kind, Ok(sink));
        target.send(&message(MessageKind::Templates, 0));
        target.send(&message(MessageKind::RepeatedTemplates, 0));
        assert_eq!(target.held.len(), expected);
    }
}
