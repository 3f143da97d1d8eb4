// SPDX-License-Identifier: Apache-2.0
//! Looking at live flows: what is seen is what the naive map has, and nothing changes by it.

use flowmeter::metering::{Backend, Tally};
use proptest::prelude::*;

use super::naive::NaiveMap;
use super::traffic::{Sent, timeouts, traffic};
use super::{Collected, Run, same};

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Without a sweep every flow that ever came is known, and no other.
    #[test]
    fn known_is_what_was_observed(sent in traffic(60, 300), timeouts in timeouts()) {
        for backend in Backend::available() {
            let mut run = Run::new(backend, 10_000, timeouts.into());
            let (before, after) = sent.split_at(sent.len() / 2);
            run.observe(before);
            let statistics = *run.process.statistics();
            for packet in &sent {
                let known = before.iter().any(|other| other.key() == packet.key());
                prop_assert_eq!(run.process.is_known(&packet.packet()), known, "{:?}", packet);
            }
            prop_assert_eq!(run.process.statistics(), &statistics);
            run.observe(after);
            prop_assert!(sent.iter().all(|packet| run.process.is_known(&packet.packet())));
        }
    }

    /// What is shown is each live flow's record as if it ended now, in whatever slices.
    #[test]
    fn shown_is_what_lives(
        sent in traffic(60, 600), slice in 1..200usize, timeouts in timeouts(),
    ) {
        let mut naive = NaiveMap::new(timeouts);
        for packet in &sent {
            naive.observe(packet);
        }
        let expected = naive.show();
        for backend in Backend::available() {
            let mut run = Run::new(backend, 10_000, timeouts.into());
            sent.chunks(100).for_each(|frame| run.observe(frame));
            let mut shown = Collected::default();
            let mut tally = Tally::default();
            for start in (0..run.process.groups()).step_by(slice) {
                let groups = start..run.process.groups().min(start + slice);
                run.process.list(groups.clone(), &mut shown);
                tally += run.process.count(groups).tally;
            }
            shown.records.sort();
            same(&shown.records, &expected, backend)?;
            prop_assert_eq!(tally, run.process.live_tally());
            run.check_balance();
        }
    }
}

/// After a flush nothing is known or shown.
#[test]
fn nothing_is_left_to_see_after_a_flush() {
    let sent = [Sent::at(1, 0), Sent::at(2, 0)];
    let mut run = Run::new(Backend::detect(), 100, super::Timeouts::default());
    run.observe(&sent);
    run.process.flush(
        &mut super::Flush::default(),
        sent[0].uptime(),
        usize::MAX,
        |_| true,
        &mut run.collected,
    );
    assert!(!run.process.is_known(&sent[0].packet()));
    let mut shown = Collected::default();
    run.process.list(0..run.process.groups(), &mut shown);
    assert_eq!(shown.records, []);
}
