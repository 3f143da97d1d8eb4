// SPDX-License-Identifier: Apache-2.0
//! Clocks that step, packets out of order, and ports that are used again, by hand.

use flowmeter::metering::{Backend, EndReason, Timeouts};

use super::Run;
use super::naive::Record;
use super::traffic::Sent;

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const FIN: u8 = 0x11;
const RST: u8 = 0x04;

/// The records of `sent` with timeouts of 60 and 15 seconds, in batches of each size.
fn records(sent: &[Sent]) -> Vec<Record> {
    let of_batches = [1, 2, 3, 256].map(|size| {
        let mut run = Run::new(Backend::detect(), 100, Timeouts::default());
        sent.chunks(size).for_each(|batch| run.observe(batch));
        run.finish(sent)
    });
    let [first, others @ ..] = of_batches;
    others.iter().for_each(|other| assert_eq!(other, &first));
    first
}

/// Packets, start, end and reason of each record.
fn outlines(sent: &[Sent]) -> Vec<(u64, u64, u64, EndReason)> {
    records(sent)
        .iter()
        .map(|record| (record.packets, record.start, record.end, record.end_reason))
        .collect()
}

/// Packets of one flow at these times and uptimes.
fn flow(times: &[(u64, u64)]) -> Vec<Sent> {
    let sent = |&(time, uptime): &(u64, u64)| Sent::with_flags(1, ACK, time, uptime);
    times.iter().map(sent).collect()
}

#[test]
fn a_record_contains_the_times_of_its_packets() {
    use EndReason::ForcedEnd;
    for (times, start, end) in [
        (&[(200, 0), (100, 0), (300, 100)][..], 100, 300),
        (&[(200, 0), (300, 100), (100, 100)], 100, 300),
        (&[(300, 0), (200, 0), (100, 0)], 100, 300),
        (
            &[(5000, 0), (2000, 0), (8000, 3000), (4000, 3000)],
            2000,
            8000,
        ),
        // A late packet after the latest time.
        (&[(100, 0), (900, 800), (500, 1200)], 100, 900),
        (
            &[(100, 0), (900, 800), (500, 1200), (1400, 1300)],
            100,
            1400,
        ),
        // Clocks that are set a little.
        (
            &[(10_000, 0), (30_000, 1000), (31_000, 2000)],
            10_000,
            31_000,
        ),
        (
            &[(40_000, 0), (20_000, 1000), (21_000, 2000)],
            20_000,
            40_000,
        ),
    ] {
        let count = times.len() as u64;
        assert_eq!(
            outlines(&flow(times)),
            [(count, start, end, ForcedEnd)],
            "{times:?}"
        );
    }
}

/// A packet a second for half an hour, with a clock that is set in between.
#[test]
fn timeouts_hold_whatever_the_clock_does() {
    for step in [
        -1_000_000_000,
        -3_600_000,
        -61_000,
        -30_000,
        -5000,
        5000,
        30_000,
        3_600_000,
    ] {
        let times: Vec<_> = (0..1800u64)
            .map(|second| {
                let set = if second < 30 { 0 } else { step };
                let time = (2_000_000_000 + second * 1000).saturating_add_signed(set);
                (time, second * 1000)
            })
            .collect();
        let records = outlines(&flow(&times));
        assert!((30..=31).contains(&records.len()), "{step}: {records:?}");
        for (_, start, end, reason) in &records {
            assert!(end - start <= 60_000, "{step}: {records:?}");
            assert!(matches!(
                reason,
                EndReason::ActiveTimeout | EndReason::ForcedEnd
            ));
        }
        assert_eq!(records.iter().map(|record| record.0).sum::<u64>(), 1800);
    }
}

/// It is a record of its own flow, and touches no other.
#[test]
fn one_wrong_time_splits_no_other_flow() {
    for wrong in [0, 1 << 47, u64::MAX] {
        let mut sent: Vec<_> = (0..30)
            .map(|second| Sent::at(1, 1_000_000 + second * 1000))
            .collect();
        let uptime = sent[14].uptime;
        sent.insert(15, Sent::with_flags(2, ACK, wrong, uptime));
        let records = outlines(&sent);
        assert!(records.contains(&(30, 1_000_000, 1_029_000, EndReason::ForcedEnd)));
        assert_eq!(records.len(), 2);
    }
}

/// RFC 9293 §3.3.2: after FIN or RST a SYN opens another connection.
#[test]
fn a_syn_after_fin_or_rst_begins_another_flow() {
    for (end, again) in [(FIN, SYN), (RST, SYN), (FIN, SYN | ACK), (RST, SYN | ACK)] {
        let mut sent = Vec::new();
        for (number, flags) in [SYN, ACK, end, ACK, again, ACK, end, again, ACK]
            .into_iter()
            .enumerate()
        {
            let millis = number as u64 * 10;
            sent.push(Sent::with_flags(1, flags, millis, millis));
        }
        use EndReason::{EndOfFlow, ForcedEnd};
        let expected = [
            (4, 0, 30, EndOfFlow),
            (3, 40, 60, EndOfFlow),
            (2, 70, 80, ForcedEnd),
        ];
        assert_eq!(outlines(&sent), expected);
    }
}

/// A SYN that is sent again, for instance.
#[test]
fn a_syn_without_fin_begins_no_flow() {
    let sent = [0, 1000, 3000].map(|millis| Sent::with_flags(1, SYN, millis, millis));
    assert_eq!(outlines(&sent), [(3, 0, 3000, EndReason::ForcedEnd)]);
}
