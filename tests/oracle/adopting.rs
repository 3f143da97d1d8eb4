// SPDX-License-Identifier: Apache-2.0
//! Full tables in the place of starter tables: at whatever moment, no record changes by it.

use flowmeter::metering::{
    Backend, Family, Flows, Flush, STARTER_FLOWS, Statistics, Swept, Table, Tally, Timeouts,
};
use proptest::prelude::*;

use super::naive::NaiveMap;
use super::traffic::{Sent, timeouts, traffic};
use super::{Run, cut, frames, same};

/// Has `run` adopt a table; gives back what has no use.
fn adopt(run: &mut Run, family: Family, flows: usize, now: &Sent) -> Table {
    let mut table = Table::new(family, flows).unwrap();
    table.populate();
    // As where another thread made it.
    let table = std::thread::spawn(|| table).join().unwrap();
    let statistics = *run.process.statistics();
    let live = run.process.live_flows();
    let retired = run.process.adopt(table, now.uptime(), &mut run.collected);
    if flows > STARTER_FLOWS {
        assert_eq!(run.process.statistics(), &statistics);
        assert_eq!(run.process.live_flows(), live);
    }
    run.check_balance();
    retired
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Between any two frames, and also while flows are being looked for.
    #[test]
    fn adopting_at_any_moment_changes_no_record(
        sent in traffic(60, 1200), frames in frames(), timeouts in timeouts(),
        moments in prop::array::uniform3(0..12usize), budget in 1..40usize,
    ) {
        let mut naive = NaiveMap::new(timeouts);
        for packet in &sent {
            naive.observe(packet);
        }
        let expected = naive.finish(sent.last());
        for backend in Backend::available() {
            let mut run = Run::new(backend, STARTER_FLOWS, timeouts.into());
            for (number, (frame, sweep)) in cut(&sent, &frames).enumerate() {
                run.observe(frame);
                let now = frame.last().unwrap();
                for (family, moment) in Family::ALL.into_iter().zip(moments) {
                    if moment == number {
                        let retired = adopt(&mut run, family, 5000, now);
                        prop_assert_eq!(retired.capacity(), STARTER_FLOWS);
                        prop_assert_eq!(run.process.usage(family).capacity, 5000);
                        prop_assert!(run.process.is_known(&now.packet()));
                    }
                }
                run.process.expire(now.uptime(), budget, &mut run.collected);
                if sweep {
                    run.sweep(frame);
                }
            }
            same(&run.finish(&sent), &expected, backend)?;
        }
    }

    /// Also into a table in which not all have room: then some make room, and are counted.
    #[test]
    fn adopting_too_small_a_table_loses_nothing_uncounted(
        sent in traffic(900, 1500), timeouts in timeouts(), flows in 1..300usize,
    ) {
        for backend in Backend::available() {
            let mut run = Run::new(backend, STARTER_FLOWS, timeouts.into());
            for (number, frame) in sent.chunks(300).enumerate() {
                run.observe(frame);
                if number < 3 {
                    let _ = adopt(&mut run, Family::ALL[number], flows, frame.last().unwrap());
                }
            }
            let observed: Tally = run.process.statistics().observed;
            let records = run.finish(&sent);
            prop_assert_eq!(records.iter().map(|record| record.tally()).sum::<Tally>(), observed);
        }
    }
}

/// A flush that is under way ends all flows, also those that moved to where it had been.
#[test]
fn a_flush_goes_on_after_adopting() {
    let sent: Vec<Sent> = (0..500).map(|id| Sent::at(id, 0)).collect();
    for steps in 0..70 {
        let mut run = Run::new(Backend::detect(), 500, Timeouts::default());
        run.observe(&sent);
        let (flush, now) = (&mut Flush::default(), sent[0].uptime());
        for _ in 0..steps {
            run.process
                .flush(flush, now, 1, |_| true, &mut run.collected);
        }
        let _ = adopt(&mut run, Family::Ipv4, 3000, &sent[0]);
        let all = usize::MAX;
        let swept = run
            .process
            .flush(flush, now, all, |_| true, &mut run.collected);
        assert_eq!(swept, Swept::Done);
        assert_eq!(run.process.live_flows(), 0, "after {steps} steps");
        assert_eq!(run.collected.records.len(), 500);
    }
}

/// Only a starter table is replaced, which bounds what it takes.
#[test]
fn a_full_table_is_not_replaced() {
    let sent = [Sent::at(1, 0)];
    let mut run = Run::new(Backend::detect(), STARTER_FLOWS + 1, Timeouts::default());
    run.observe(&sent);
    let unused = adopt(&mut run, Family::Ipv4, 5000, &sent[0]);
    assert_eq!((unused.family(), unused.capacity()), (Family::Ipv4, 5000));
    assert_eq!(run.process.usage(Family::Ipv4).capacity, STARTER_FLOWS + 1);
    assert!(run.process.is_known(&sent[0].packet()));
}

/// Tables that grow with their flows lose none of them, up to the capacity.
#[test]
fn tables_grow_with_their_flows() {
    for backend in Backend::available() {
        let mut run = Run::new(backend, 1000, Timeouts::default());
        let full = Flows::each(10_000);
        let sent: Vec<Sent> = (0..9000).map(|id| Sent::at(id, 0)).collect();
        let mut capacities = Vec::new();
        for frame in sent.chunks(250) {
            let now = frame[0].uptime();
            run.process.grow(full, now, &mut run.collected).unwrap();
            capacities.push(run.process.usage(Family::Ipv4).capacity);
            run.observe(frame);
        }
        capacities.dedup();
        assert_eq!(capacities, [1000, 4000, 10_000]);
        assert_eq!(run.process.live_flows(), 9000);
        assert!(sent.iter().all(|sent| run.process.is_known(&sent.packet())));
        // The other families had no flows.
        assert_eq!(run.process.usage(Family::Ipv6).capacity, 1000);
        assert_eq!(run.process.usage(Family::L2).capacity, 1000);
        assert_eq!(run.finish(&sent).len(), 9000);
    }
}

/// A family is said to need its full table once it has flows, and until it has that table.
#[test]
fn a_family_in_use_outgrows_its_starter_table() {
    let full = Flows {
        ipv4: 9000,
        ipv6: 9000,
        l2: 100,
    };
    let mut run = Run::new(Backend::detect(), STARTER_FLOWS, Timeouts::default());
    let outgrown = |run: &Run| run.process.outgrown(full).collect::<Vec<_>>();
    assert_eq!(outgrown(&run), []);
    run.observe(&[Sent::at(1, 0)]);
    assert_eq!(outgrown(&run), [Family::Ipv4]);
    let retired = adopt(&mut run, Family::Ipv4, 9000, &Sent::at(1, 0));
    assert_eq!(retired.capacity(), STARTER_FLOWS);
    assert_eq!(outgrown(&run), []);
}

/// A table that is too small says how many evictions there were and what would have been enough.
#[test]
fn a_table_that_is_too_small_says_what_would_have_been_enough() {
    let mut run = Run::new(Backend::detect(), 500, Timeouts::default());
    for millis in 0..20 {
        let sent: Vec<Sent> = (0..3000).map(|id| Sent::at(id, millis)).collect();
        run.observe(&sent);
    }
    let usage = run.process.usage(Family::Ipv4);
    assert!((500..600).contains(&usage.live), "{usage:?}");
    assert!(usage.evicted > 20_000, "{usage:?}");
    assert!((2700..4200).contains(&usage.enough), "{usage:?}");
    let Statistics { exported, .. } = run.process.statistics();
    assert_eq!(exported[4].records, usage.evicted);
    let others = [Family::Ipv6, Family::L2].map(|family| run.process.usage(family).evicted);
    assert_eq!(others, [0, 0]);
    run.process.clear_statistics();
    assert_eq!(run.process.usage(Family::Ipv4).evicted, 0);
}

/// Each family has room for as many flows as it was given, and what it takes is known beforehand.
#[test]
fn families_have_tables_of_their_own_size() {
    for family in Family::ALL {
        let octets = [0, 1, 1000, 1_000_000].map(|flows| family.octets_for(flows));
        assert!(octets.is_sorted());
        assert!(
            octets[2] < 256 * 1000 && octets[3] < 192 * 1_000_000,
            "{octets:?}"
        );
    }
    assert!(Family::Ipv4.octets_for(STARTER_FLOWS) < 100_000);
    assert!(Family::Ipv6.octets_for(1 << 20) > Family::Ipv4.octets_for(1 << 20) * 3 / 2);
}
