// SPDX-License-Identifier: Apache-2.0
//! When records are due, to the millisecond, and that the accounts are sums of all their terms.
//! Whole processes are tested in `tests/oracle/`.

use super::expiration::{Due, Timeouts};
use super::statistics::{Records, Statistics};
use crate::flow::{EndReason, Flow, IgnoredReason, Ipv4Key, SYN, Tally};
use crate::observation::ObservationPoint;
use crate::time::{Timestamp, Uptime};

const ACK: u8 = 0x10;
const FIN: u8 = 0x01;
const ACTIVE: u32 = 10_000;
const IDLE: u32 = 5000;

fn at(millis: u32) -> (Timestamp, Uptime) {
    let time = Timestamp::from_millis(1_700_000_000_000 + u64::from(millis));
    (time, Uptime::from_millis(millis))
}

/// A flow with packets at 0 and at `seen`.
fn flow(seen: u32, tcp_flags: u8) -> Flow {
    let (time, uptime) = at(0);
    let mut flow = Flow::new::<Ipv4Key>(0, &ObservationPoint::default(), time, uptime);
    flow.add(1, 40, tcp_flags, time, uptime);
    let (time, uptime) = at(seen);
    flow.add(1, 40, tcp_flags, time, uptime);
    flow
}

/// One whose record was made after its packet at `seen`.
fn cleared(seen: u32, tcp_flags: u8) -> Flow {
    let mut flow = flow(seen, tcp_flags);
    flow.clear();
    flow
}

fn timeouts() -> Timeouts {
    Timeouts::from_millis(ACTIVE, IDLE).unwrap()
}

mod deadlines {
    use super::*;
    use EndReason::*;

    fn due(flow: &Flow, now: u32) -> (Option<EndReason>, bool) {
        let Due { record, leaves } = timeouts().due(flow, Uptime::from_millis(now));
        (record, leaves)
    }

    #[test]
    fn the_first_deadline_that_has_passed_names_the_reason() {
        let cases = [
            (0, 4999, (None, false)),
            (0, 5000, (Some(IdleTimeout), true)),
            (0, 20_000, (Some(IdleTimeout), true)),
            (6000, 9999, (None, false)),
            (6000, 10_000, (Some(ActiveTimeout), false)),
            (6000, 11_000, (Some(ActiveTimeout), true)),
            (6000, 60_000, (Some(ActiveTimeout), true)),
            // Both at the same time.
            (5000, 10_000, (Some(IdleTimeout), true)),
            (5000, 11_000, (Some(IdleTimeout), true)),
            (5001, 11_000, (Some(ActiveTimeout), true)),
        ];
        for (seen, now, expected) in cases {
            assert_eq!(due(&flow(seen, ACK), now), expected, "{seen}, {now}");
        }
    }

    #[test]
    fn a_flow_that_ended_leaves_after_a_second_or_the_idle_timeout() {
        let ended = flow(100, FIN);
        assert_eq!(due(&ended, 1099), (None, false));
        assert_eq!(due(&ended, 1100), (Some(EndOfFlow), true));
        assert_eq!(due(&flow(9500, FIN), 10_400), (Some(ActiveTimeout), false));
        assert_eq!(due(&flow(9500, FIN), 10_500), (Some(ActiveTimeout), true));
        let short = Timeouts::from_millis(ACTIVE, 300).unwrap();
        let Due { record, leaves } = short.due(&ended, Uptime::from_millis(400));
        assert_eq!((record, leaves), (Some(EndOfFlow), true));
    }

    #[test]
    fn a_flow_without_packets_has_no_record() {
        assert_eq!(due(&cleared(100, ACK), 5099), (None, false));
        assert_eq!(due(&cleared(100, ACK), 50_000), (None, true));
        assert_eq!(due(&cleared(100, FIN), 1100), (None, true));
    }

    fn due_before(flow: &Flow, tcp_flags: u8, time: i32, now: u32) -> (Option<EndReason>, bool) {
        let (start, _) = at(0);
        let time = start.as_millis().saturating_add_signed(time.into());
        let (time, now) = (Timestamp::from_millis(time), Uptime::from_millis(now));
        let Due { record, leaves } = timeouts().due_before(flow, tcp_flags, time, now);
        (record, leaves)
    }

    /// RFC 9293 §3.5: a SYN opens a connection, so behind FIN or RST another one.
    #[test]
    fn a_syn_behind_the_end_begins_another_flow() {
        let before = |flow: &Flow, flags| due_before(flow, flags, 101, 101);
        assert_eq!(before(&flow(100, FIN), SYN), (Some(EndOfFlow), true));
        assert_eq!(before(&flow(100, FIN), SYN | ACK), (Some(EndOfFlow), true));
        assert_eq!(before(&flow(100, FIN), ACK), (None, false));
        assert_eq!(before(&flow(100, ACK), SYN), (None, false));
        assert_eq!(before(&cleared(100, FIN), SYN), (None, true));
        // What was due before keeps its reason.
        let late = due_before(&flow(9500, FIN), SYN, 10_400, 10_400);
        assert_eq!(late, (Some(ActiveTimeout), true));
    }

    #[test]
    fn a_record_ends_before_a_time_that_would_make_it_too_long() {
        let before = |time| due_before(&flow(100, ACK), ACK, time, 101);
        assert_eq!(before(9999), (None, false));
        assert_eq!(before(10_000), (Some(ActiveTimeout), false));
        assert_eq!(before(-9899), (None, false));
        assert_eq!(before(-9900), (Some(ActiveTimeout), false));
    }

    /// A packet is simply counted if nothing can be due; where no record is taken, also if
    /// something is.
    #[test]
    fn a_packet_is_counted_at_once_while_nothing_can_be_due() {
        let needs_more = |closed, flow: &Flow, (time, now): (Timestamp, Uptime)| {
            timeouts().test(closed).needs_more(flow, time, now)
        };
        for (seen, now, open) in [
            (100, 101, false),
            (100, 5099, false),
            (100, 5100, true),
            (6000, 9999, false),
            (6000, 10_000, true),
            // Both.
            (100, 10_000, true),
        ] {
            let flow = flow(seen, ACK);
            assert_eq!(needs_more(false, &flow, at(now)), open, "{seen}, {now}");
            assert!(!needs_more(true, &flow, at(now)), "{seen}, {now}");
        }
        assert!(needs_more(false, &flow(100, FIN), at(101)));
        assert!(!needs_more(true, &flow(100, FIN), at(101)));
        let mut deferred = flow(100, ACK);
        deferred.defer();
        for flow in [&cleared(100, ACK), &deferred] {
            assert!(needs_more(false, flow, at(101)));
            assert!(needs_more(true, flow, at(101)));
        }
        assert!(needs_more(false, &deferred, at(5100)));
        // A time that is not where the uptime has it.
        let (time, now) = (at(102).0, at(101).1);
        assert!(needs_more(false, &flow(100, ACK), (time, now)));
        assert!(needs_more(true, &flow(100, ACK), (time, now)));
        assert!(needs_more(true, &deferred, (time, now)));
    }

    #[test]
    fn the_longest_timeout_is_the_longer_one_and_a_week_at_most() {
        for (active, idle) in [(ACTIVE, IDLE), (IDLE, ACTIVE)] {
            let timeouts = Timeouts::from_millis(active, idle).unwrap();
            assert_eq!(timeouts.longest_millis(), ACTIVE);
            assert_eq!(timeouts.idle_millis(), idle);
        }
        assert_eq!(Timeouts::MAX_MILLIS, 604_800_000);
        assert!(Timeouts::from_millis(Timeouts::MAX_MILLIS, 1).is_some());
        for out_of_range in [0, Timeouts::MAX_MILLIS + 1] {
            assert_eq!(Timeouts::from_millis(out_of_range, IDLE), None);
            assert_eq!(Timeouts::from_millis(ACTIVE, out_of_range), None);
        }
    }
}

mod accounts {
    use super::*;

    const WORDS: usize = size_of::<Statistics>() / size_of::<u64>();

    /// Each word is its number times `factor`, from 1 on.
    fn counted(factor: u64) -> Statistics {
        let mut statistics = Statistics::default();
        for (number, word) in (1..).zip(words(&mut statistics)) {
            *word = number * factor;
        }
        statistics
    }

    fn words(statistics: &mut Statistics) -> &mut [u64] {
        bytemuck::cast_slice_mut(core::slice::from_mut(statistics))
    }

    #[test]
    fn accounts_are_added_word_by_word() {
        let mut sum = counted(1);
        sum += counted(1000);
        assert_eq!(sum, counted(1001));
    }

    #[test]
    fn a_packet_and_a_record_are_counted_with_their_octets() {
        let mut statistics = Statistics::default();
        let reason = IgnoredReason::NonIp;
        assert_eq!(statistics.ignore(reason, 60), 60);
        assert_eq!(statistics.ignore(reason, 64), 64);
        let ignored = Tally {
            packets: 2,
            octets: 124,
        };
        assert_eq!(statistics.ignored[reason as usize], ignored);
        assert_eq!(statistics.ignored(), ignored);
        let mut records = Records::default();
        records.count(ignored);
        records.count(Tally::packet(40));
        assert_eq!((records.records, records.tally.packets), (2, 3));
        assert_eq!(records.tally.octets, 164);
    }

    /// Accounts that agree, with something in every term.
    fn agreeing() -> (Statistics, Tally) {
        let mut statistics = counted(1);
        let live = Tally {
            packets: 3,
            octets: 1000,
        };
        let mut metered = live;
        for records in statistics.exported.iter().chain(&statistics.lost) {
            metered += records.tally;
        }
        statistics.metered = metered;
        statistics.observed = metered;
        for ignored in &statistics.ignored {
            statistics.observed += *ignored;
        }
        (statistics, live)
    }

    #[test]
    fn what_is_in_no_record_is_live() {
        let (statistics, live) = agreeing();
        assert_eq!(statistics.live(), live);
        let records =
            |records: &[Records]| records.iter().map(|records| records.records).sum::<u64>();
        assert_eq!(statistics.exported().records, records(&statistics.exported));
        assert_eq!(statistics.lost().records, records(&statistics.lost));
    }

    /// Every packet and every octet counts in the balance; flows and records do not.
    #[test]
    fn accounts_with_one_word_wrong_do_not_balance() {
        let (statistics, live) = agreeing();
        assert!(statistics.balanced(live));
        let unbalanced = |word: &usize| {
            let mut statistics = statistics;
            words(&mut statistics)[*word] += 1;
            !statistics.balanced(live)
        };
        let others = 1 + statistics.exported.len() + statistics.lost.len();
        assert_eq!((0..WORDS).filter(unbalanced).count(), WORDS - others);
        for (packets, octets) in [(1, 0), (0, 1)] {
            assert!(!statistics.balanced(live + Tally { packets, octets }));
        }
    }
}
