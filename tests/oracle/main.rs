// SPDX-License-Identifier: Apache-2.0
//! The metering process against a naive map: whatever packets, times, timeouts and table
//! sizes there are, and with every instruction set, the records are the same.

mod adopting;
mod clocks;
mod naive;
mod traffic;
mod views;

use std::collections::HashMap;

use flowmeter::metering::{
    Backend, Configuration, EndReason, Export, ExportRefused, FlowKey, FlowRecord, Flush,
    MeteringProcess, Seed, Swept, Tally, Timeouts,
};
use flowmeter::observation::{LinkType, ObservationPoint};
use flowmeter::packet::Packet;
use flowmeter::time::{Timestamp, Uptime};
use proptest::prelude::*;

use self::naive::{NaiveMap, NaiveTable, Record};
use self::traffic::{Sent, timeouts, traffic};

const SEED: Seed = Seed::fixed([
    0x9216_d5d9_8979_fb1b,
    0xd131_0ba6_98df_b5ac,
    0x2ffd_72db_d01a_dfb7,
    0xb8e1_afed_6a26_7e96,
    0xba7c_9045_f12c_7f99,
    0x24a1_9947_b391_6cf7,
]);

/// Keeps records, and refuses those whose turn `refuse` names, or all while it is closed.
#[derive(Default)]
struct Collected {
    gate: Gate,
    records: Vec<Record>,
    offered: usize,
    refuse: Option<fn(usize) -> bool>,
}

/// Whether records are taken at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gate {
    #[default]
    Open,
    /// Each is refused.
    Refusing,
    /// It says so beforehand, too.
    Closed,
}

impl<K: FlowKey> Export<K> for Collected {
    fn closed(&self) -> Option<ExportRefused> {
        (self.gate == Gate::Closed).then_some(ExportRefused::CollectorUnreachable)
    }

    fn export(&mut self, record: &FlowRecord<K>) -> Result<(), ExportRefused> {
        assert!(record.packets > 0, "no record is empty: {record:?}");
        self.offered += 1;
        if self.gate != Gate::Open {
            return Err(ExportRefused::CollectorUnreachable);
        }
        if self.refuse.is_some_and(|refuse| refuse(self.offered)) {
            return Err(ExportRefused::NoBuffer);
        }
        self.records.push(Record::from_flow_record(record));
        Ok(())
    }
}

/// One run of one backend over `sent`.
struct Run {
    process: MeteringProcess,
    collected: Collected,
}

impl Run {
    fn new(backend: Backend, flows: usize, timeouts: Timeouts) -> Self {
        let mut configuration = Configuration::new(flows, SEED);
        configuration.l2 = true;
        configuration.timeouts = timeouts;
        configuration.backend = backend;
        Self {
            process: MeteringProcess::new(&configuration).unwrap(),
            collected: Collected::default(),
        }
    }

    fn observe(&mut self, frame: &[Sent]) {
        let packets: Vec<_> = frame.iter().map(Sent::packet).collect();
        self.process
            .observe(packets.as_slice(), &mut self.collected);
        self.check_balance();
    }

    /// Visits the flows whose turn it is, as long as records are taken.
    fn expire(&mut self, frame: &[Sent]) {
        let now = frame.last().unwrap().uptime();
        self.process.expire(now, usize::MAX, &mut self.collected);
        self.check_balance();
    }

    /// Visits every flow once.
    fn sweep(&mut self, frame: &[Sent]) {
        let now = frame.last().unwrap().uptime();
        self.process.flush(
            &mut Flush::default(),
            now,
            usize::MAX,
            |_| false,
            &mut self.collected,
        );
        self.check_balance();
    }

    fn finish(mut self, sent: &[Sent]) -> Vec<Record> {
        let now = sent.last().map(Sent::uptime).unwrap_or_default();
        let flush = &mut Flush::default();
        while self
            .process
            .flush(flush, now, 1, |_| true, &mut self.collected)
            == Swept::More
        {}
        self.check_balance();
        assert_eq!(self.process.live_flows(), 0);
        self.collected.records.sort();
        self.collected.records
    }

    fn check_balance(&self) {
        let statistics = self.process.statistics();
        let live = self.process.live_tally();
        assert!(
            statistics.balanced(live),
            "{statistics:?} with {live:?} live"
        );
        assert_eq!(
            statistics.exported().records,
            self.collected.records.len() as u64
        );
    }
}

/// How traffic is cut into frames, and what happens between them.
fn frames() -> impl Strategy<Value = Vec<(usize, bool)>> {
    prop::collection::vec((1..300usize, any::<bool>()), 1..8)
}

fn cut<'a>(
    sent: &'a [Sent],
    frames: &'a [(usize, bool)],
) -> impl Iterator<Item = (&'a [Sent], bool)> {
    let mut rest = sent;
    frames.iter().cycle().map_while(move |&(length, sweep)| {
        let (frame, others) = rest.split_at(length.min(rest.len()));
        rest = others;
        (!frame.is_empty()).then_some((frame, sweep))
    })
}

/// Fails with the first record that differs.
fn same(found: &[Record], expected: &[Record], backend: Backend) -> Result<(), TestCaseError> {
    let longest = found.len().max(expected.len());
    let differs = (0..longest).find(|&index| found.get(index) != expected.get(index));
    match differs {
        None => Ok(()),
        Some(index) => Err(TestCaseError::fail(format!(
            "{backend:?}: record {index} is {:?}, expected {:?}",
            found.get(index),
            expected.get(index)
        ))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// With room for all flows, records are a function of each flow's own packets: neither
    /// frames nor sweeps nor the instruction set change them.
    #[test]
    fn records_equal_the_naive_map(
        sent in traffic(60, 1200), frames in frames(), timeouts in timeouts(),
    ) {
        let mut naive = NaiveMap::new(timeouts);
        for packet in &sent {
            naive.observe(packet);
        }
        let expected = naive.finish(sent.last());
        for backend in Backend::available() {
            let mut run = Run::new(backend, 10_000, timeouts.into());
            for (frame, sweep) in cut(&sent, &frames) {
                run.observe(frame);
                if sweep {
                    run.sweep(frame);
                }
            }
            same(&run.finish(&sent), &expected, backend)?;
        }
    }

    /// The paced sweep changes no record either, whatever its budget.
    #[test]
    fn expiring_little_by_little_changes_no_record(
        sent in traffic(60, 1200), budget in 1..40usize, timeouts in timeouts(),
    ) {
        let mut naive = NaiveMap::new(timeouts);
        for packet in &sent {
            naive.observe(packet);
        }
        let mut run = Run::new(Backend::detect(), 500, timeouts.into());
        for frame in sent.chunks(7) {
            run.observe(frame);
            run.process
                .expire(frame.last().unwrap().uptime(), budget, &mut run.collected);
            run.check_balance();
        }
        same(&run.finish(&sent), &naive.finish(sent.last()), Backend::detect())?;
    }

    /// In a table of one group the evicted flow is known: the one that has been idle longest.
    /// Packet by packet, because within a frame packets whose flow is found at once come
    /// before the others.
    #[test]
    fn one_group_evicts_as_the_naive_table_does(
        sent in traffic(60, 600), sweep_every in 1..100usize, timeouts in timeouts(),
    ) {
        let sweeps = |number: usize| number % sweep_every == sweep_every - 1;
        let mut naive = NaiveTable::new(timeouts);
        for (number, packet) in sent.iter().enumerate() {
            naive.observe(packet);
            if sweeps(number) {
                naive.sweep(packet);
            }
        }
        let expected = naive.finish(sent.last());
        for backend in Backend::available() {
            let mut run = Run::new(backend, 1, timeouts.into());
            for (number, frame) in sent.chunks(1).enumerate() {
                run.observe(frame);
                if sweeps(number) {
                    run.sweep(frame);
                }
            }
            same(&run.finish(&sent), &expected, backend)?;
        }
    }

    /// In a table that is too small, and with an exporter that refuses now and then, nothing
    /// is lost without being counted, and no flow gets another's packets.
    #[test]
    fn pressure_loses_nothing_uncounted(
        sent in traffic(400, 1500), flows in 1..200usize, timeouts in timeouts(),
        refuse in prop::sample::select(vec![
            None,
            Some((|turn| turn % 3 == 0) as fn(usize) -> bool),
            Some(|turn| turn % 50 > 10),
            Some(|_| true),
        ]),
    ) {
        for backend in Backend::available() {
            let mut run = Run::new(backend, flows, timeouts.into());
            run.collected.refuse = refuse;
            for (number, frame) in sent.chunks(100).enumerate() {
                run.observe(frame);
                let now = frame.last().unwrap().uptime();
                run.process.expire(now, number % 5, &mut run.collected);
                run.check_balance();
            }
            let lost = run.process.statistics().lost().tally;
            run.collected.refuse = None;
            let records = run.finish(&sent);
            let mut observed: HashMap<_, Tally> = HashMap::new();
            for packet in &sent {
                let tally = Tally { packets: 1, octets: u64::from(packet.octets()) };
                *observed.entry(packet.key()).or_default() += tally;
            }
            let mut reported = lost;
            for record in &records {
                reported += record.tally();
                let tally = observed.get_mut(&record.key).expect("a key that was sent");
                tally.packets = tally.packets.checked_sub(record.packets).expect("no more");
                tally.octets = tally.octets.checked_sub(record.octets).expect("no more");
            }
            let missing: Tally = observed.values().copied().sum();
            prop_assert_eq!(missing, lost, "{:?}", backend);
            if refuse.is_none() {
                prop_assert_eq!(lost, Tally::default());
            }
            prop_assert!(records.iter().all(|record| record.packets > 0 && record.start <= record.end));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// A packet that is yet to be segmented counts as its segments would if they came at once.
    #[test]
    fn superframes_count_as_their_segments(
        sent in traffic(60, 900), timeouts in timeouts(),
        sizes in prop::collection::vec(prop_oneof![3 => Just(0u16), 2 => 1..150u16], 1..40),
    ) {
        let mut naive = NaiveMap::new(timeouts);
        let sizes: Vec<u16> = sizes.into_iter().cycle().take(sent.len()).collect();
        let mut packets = Vec::new();
        for (sent, &size) in sent.iter().zip(&sizes) {
            let segments = match size {
                0 => vec![sent.clone()],
                size => sent.segments(size.into()),
            };
            naive.observe_together(&segments);
            packets.push(Packet { segment_size: size, ..sent.packet() });
        }
        let expected = naive.finish(sent.last());
        for backend in Backend::available() {
            let mut run = Run::new(backend, 10_000, timeouts.into());
            for frame in packets.chunks(300) {
                run.process.observe(frame, &mut run.collected);
                run.check_balance();
            }
            same(&run.finish(&sent), &expected, backend)?;
        }
    }
}

/// For so many packets after each other: how the gate is, and whether flows are swept behind
/// them.
fn gates() -> impl Strategy<Value = Vec<(usize, bool, bool)>> {
    prop::collection::vec((1..300usize, any::<bool>(), any::<bool>()), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// While no record is taken, flows go on, and each packet of one that owes a record tries
    /// again. That it is known beforehand makes it cheaper and changes no record, no end reason
    /// and no account.
    #[test]
    fn a_closed_gate_is_one_that_refuses_each_record(
        sent in traffic(60, 1200), gates in gates(), timeouts in timeouts(),
    ) {
        let mut naive = NaiveMap::new(timeouts);
        let runs = Backend::available()
            .flat_map(|backend| [(backend, Gate::Refusing), (backend, Gate::Closed)]);
        let mut runs: Vec<_> = runs
            .map(|(backend, gate)| (backend, gate, Run::new(backend, 10_000, timeouts.into())))
            .collect();
        let mut rest = &sent[..];
        for &(length, closed, sweep) in gates.iter().cycle() {
            let (part, others) = rest.split_at(length.min(rest.len()));
            rest = others;
            if part.is_empty() {
                break;
            }
            for packet in part {
                naive.observe_with(packet, closed);
            }
            if let (true, false, Some(last)) = (sweep, closed, part.last()) {
                naive.sweep(last);
            }
            for (_, gate, run) in &mut runs {
                run.collected.gate = if closed { *gate } else { Gate::Open };
                part.chunks(70).for_each(|frame| run.observe(frame));
                match (sweep, closed) {
                    (true, false) => run.sweep(part),
                    (true, true) => run.expire(part),
                    (false, _) => {}
                }
            }
        }
        let expected = naive.finish(sent.last());
        let mut flows = None;
        for (backend, _, mut run) in runs {
            run.collected.gate = Gate::Open;
            prop_assert_eq!(run.process.statistics().lost().records, 0);
            let begun = run.process.statistics().flows;
            prop_assert_eq!(*flows.get_or_insert(begun), begun);
            same(&run.finish(&sent), &expected, backend)?;
        }
    }

    /// In a full table those that have to make room are lost for the gate's reason.
    #[test]
    fn who_makes_room_while_the_gate_is_closed_is_lost(
        sent in traffic(400, 1500), timeouts in timeouts(),
    ) {
        for backend in Backend::available() {
            let runs = [Gate::Refusing, Gate::Closed].map(|gate| {
                let mut run = Run::new(backend, 1, timeouts.into());
                run.collected.gate = gate;
                sent.chunks(1).for_each(|packet| run.observe(packet));
                run
            });
            let [refusing, closed] = &runs;
            prop_assert_eq!(refusing.process.statistics(), closed.process.statistics());
            let lost = closed.process.statistics().lost();
            prop_assert_eq!(
                closed.process.statistics().lost[ExportRefused::CollectorUnreachable as usize],
                lost
            );
        }
    }
}

/// The sweep stops while the gate is closed, and visits all flows when it opens.
#[test]
fn what_was_due_while_the_gate_was_closed_is_exported_when_it_opens() {
    let sent: Vec<Sent> = (0..100).map(|id| Sent::at(id, 0)).collect();
    let mut run = Run::new(Backend::detect(), 1000, Timeouts::default());
    run.collected.gate = Gate::Closed;
    run.observe(&sent);
    let mut expire = |gate, millis| {
        run.collected.gate = gate;
        let now = Sent::at(0, millis).uptime();
        let swept = run.process.expire(now, usize::MAX, &mut run.collected);
        (swept, run.collected.offered)
    };
    let refused = Swept::Refused(ExportRefused::CollectorUnreachable);
    for second in 0..100 {
        assert_eq!(expire(Gate::Closed, second * 1000), (refused, 0));
    }
    assert_eq!(expire(Gate::Open, 99_000), (Swept::Done, 100));
    let records = run.collected.records.iter();
    assert!(
        records
            .into_iter()
            .all(|record| record.end_reason == EndReason::IdleTimeout)
    );
    assert_eq!(run.process.live_flows(), 0);
    assert_eq!(
        run.process.expire(
            Sent::at(0, 100_000).uptime(),
            usize::MAX,
            &mut run.collected
        ),
        Swept::Done
    );
}

/// A record that no timeout ended says so.
/// Found by fuzzing: a flow that had just begun was offered without its first packet.
#[test]
fn a_record_for_every_packet_has_that_packet() {
    let mut configuration = Configuration::new(8, SEED);
    configuration.timeouts = Timeouts::EVERY_PACKET;
    let mut process = MeteringProcess::new(&configuration).unwrap();
    let mut collected = Collected::default();
    let octets = [&[0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0][..], &[0; 16]].concat();
    let point = ObservationPoint {
        link_type: LinkType::RawIp,
        ..ObservationPoint::default()
    };
    // The last is later than a slot has room for.
    for (number, time) in [1000, 1000, 1001, u64::MAX].into_iter().enumerate() {
        let packet = Packet {
            data: &octets,
            point,
            time: Timestamp::from_millis(time),
            uptime: Uptime::from_millis(number as u32 / 2),
            length: octets.len() as u32,
            segment_size: 0,
        };
        process.observe(&[packet][..], &mut collected);
    }
    let now = Uptime::from_millis(2);
    process.expire(now, usize::MAX, &mut collected);
    let mut flush = Flush::default();
    let swept = process.flush(&mut flush, now, usize::MAX, |_| true, &mut collected);
    assert_eq!(swept, Swept::Done);
    assert_eq!(collected.records.len(), 4);
    assert_eq!(process.statistics().flows, 4);
}

#[test]
fn eviction_is_lack_of_resources() {
    let sent: Vec<Sent> = (0..40).map(|id| Sent::at(id, 0)).collect();
    let mut run = Run::new(Backend::detect(), 1, Timeouts::default());
    run.observe(&sent);
    let evicted = run.collected.records.len();
    assert_eq!(evicted, 40 - 16);
    let reasons = run.collected.records.iter().map(|record| record.end_reason);
    assert!(
        reasons
            .into_iter()
            .all(|reason| reason == EndReason::LackOfResources)
    );
}
