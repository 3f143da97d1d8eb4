// SPDX-License-Identifier: Apache-2.0
//! Streams that accept a part of a write, and full queues.

mod session;

use std::io::{self, ErrorKind, Write};

use super::accounts::Loss;
use super::pending::Pending;
use super::*;

/// A stream that accepts `room` octets, `step` at a time.
struct Full {
    room: usize,
    step: usize,
}

impl Write for Full {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let count = octets.len().min(self.room).min(self.step);
        if count == 0 {
            return Err(ErrorKind::StorageFull.into());
        }
        self.room -= count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn message(kind: MessageKind, sequence: u32, flow_records: u32) -> Arc<Outgoing> {
    let mut buffer = vec![0; 100];
    buffer[8..12].copy_from_slice(&sequence.to_be_bytes());
    buffer[15] = 7;
    buffer[99] = kind as u8;
    Arc::new(Message {
        buffer,
        length: 100,
        kind,
        data_records: flow_records,
        flow_records,
    })
}

fn data(sequence: u32) -> Arc<Outgoing> {
    message(MessageKind::Data, sequence, 10)
}

#[test]
fn a_message_counts_as_sent_when_its_last_octet_is_accepted() {
    for step in [1, 99, 100, 101, 1000] {
        let accounts = Accounts::new("full".to_owned(), true);
        let mut stream = Full { room: 750, step };
        let mut pending = Pending::default();
        for _ in 0..20 {
            pending.push(&[0; 100], Some(data(0)));
        }
        let error = loop {
            match pending.write(&mut stream, &accounts) {
                Ok(()) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert_eq!(accounts.report().sent, 70, "{step}");
        assert_eq!(pending.take().count(), 13, "{step}");
        assert!(pending.is_empty());
    }
}

/// Both sides of a queue of two messages.
fn stuck(is_connected: bool, patience: Duration) -> (QueueSender, QueueReceiver) {
    let accounts = Arc::new(Accounts::new("stuck".to_owned(), true));
    if is_connected {
        accounts.connect();
    }
    let (steps_sender, steps) = bounded(2);
    let (missed, templates) = unbounded();
    let receiver = QueueReceiver {
        steps,
        missed: templates,
        accounts: Arc::clone(&accounts),
        ending: Arc::default(),
    };
    let sender = QueueSender {
        is_file: false,
        steps: steps_sender,
        missed,
        accounts,
        patience,
        stands_still: AtomicBool::new(false),
    };
    (sender, receiver)
}

#[test]
fn messages_that_do_not_fit_the_queue_are_lost_with_a_reason() {
    for (is_connected, reason) in [(true, "queue_full"), (false, "collector_unreachable")] {
        let (sender, _receiver) = stuck(is_connected, Duration::ZERO);
        for number in 0..5 {
            sender.offer(&data(number * 10));
        }
        let report = sender.accounts.report();
        assert_eq!(report.lost[reason].records, 30);
        // The report counts the two in the queue as lost.
        assert_eq!(report.sent + report.all_lost(), 50);
    }
}

#[test]
fn a_full_queue_blocks_until_it_has_made_no_progress_for_the_time_limit() {
    let (sender, receiver) = stuck(true, Duration::from_millis(50));
    for number in 0..5 {
        sender.offer(&data(number * 10));
    }
    assert!(sender.stands_still.load(Ordering::Relaxed));
    // It makes progress again.
    assert!(receiver.ready().is_some());
    sender.offer(&data(50));
    assert!(!sender.stands_still.load(Ordering::Relaxed));
    assert_eq!(sender.accounts.report().lost["queue_full"].records, 30);
}

/// The records after them could not be decoded.
#[test]
fn templates_that_do_not_fit_the_queue_are_not_lost() {
    let (sender, receiver) = stuck(false, Duration::ZERO);
    sender.offer(&data(0));
    sender.offer(&data(10));
    sender.offer(&message(MessageKind::Templates, 0, 0));
    let mut session = Session::reliable();
    while receiver.ready().is_some() {}
    sender.offer(&data(20));
    let record = receiver.ready().expect("a message");
    receiver.note(&record, &mut session);
    assert_eq!(session::sent(&mut session, &record).len(), 2);
}

#[test]
fn a_datagram_that_is_refused_later_is_lost() {
    let accounts = Accounts::new("udp://x".to_owned(), false);
    accounts.offer(7);
    accounts.connect();
    accounts.send(7);
    let refused = io::Error::from_raw_os_error(libc::ECONNREFUSED);
    accounts.lose_sent(&accounts::collector_trouble(&refused), 3);
    let report = accounts.report();
    assert_eq!(report.sent, 4);
    let loss = Loss {
        records: 3,
        error: "Connection refused".to_owned(),
    };
    assert_eq!(report.lost["collector_unreachable"], loss);
    assert!(!report.loss_is_known);
}

#[test]
fn each_system_error_has_a_reason() {
    let reason = |number| accounts::collector_trouble(&io::Error::from_raw_os_error(number)).0;
    assert_eq!(reason(libc::ENOBUFS), "no_buffer");
    assert_eq!(reason(libc::EMSGSIZE), "message_too_long");
    assert_eq!(reason(libc::ENETUNREACH), "collector_unreachable");
    let reason = |number| accounts::file_trouble(&io::Error::from_raw_os_error(number)).0;
    assert_eq!(reason(libc::ENOSPC), "disk_full");
    assert_eq!(reason(libc::EPIPE), "broken_pipe");
    assert_eq!(reason(libc::EACCES), "output_failed");
}
