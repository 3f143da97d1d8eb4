// SPDX-License-Identifier: Apache-2.0
//! The clock of a replay: the same time for all workers, whether they have packets or not.
//!
//! Packets' times drive it. While a live input is quiet, wall time is added, and later subtracted
//! from the time that packets show. A long gap passes in steps, so that flows expire, and messages
//! leave, close to when they are due.

use std::time::{Duration, Instant};

use flowmeter::metering::Timeouts;
use flowmeter::time::{Timestamp, Uptime};

use super::uptime::UptimeClock;

/// Milliseconds between two moments that workers receive.
const STEP: u32 = 500;

/// The most steps in which a gap passes: a longer gap passes in longer steps.
const MOST_STEPS: u32 = 16;

/// A point in time, in both of the ways that the engine counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moment {
    /// The time that decides timeouts.
    pub(super) uptime: Uptime,
    /// The export time of messages. Like uptime, it never steps back.
    pub(super) time: Timestamp,
}

/// The clock of a replay.
pub(super) struct Clock {
    packets: UptimeClock,
    /// The uptime by packets alone.
    by_packets: Uptime,
    /// Milliseconds of wall time that were added and that packets' times do not show yet.
    ahead: u32,
    /// Its limit: a longer time expires no more flows.
    most_ahead: u32,
    now: Moment,
    /// The moment before the latest change: that of the previous packet.
    before: Moment,
    /// The latest moment that workers received.
    distributed: Uptime,
    /// The end of the wall time that has been accounted for.
    active_at: Instant,
}

impl Clock {
    pub(super) fn new(timeouts: &Timeouts) -> Self {
        Self {
            packets: UptimeClock::new(timeouts),
            by_packets: Uptime::default(),
            ahead: 0,
            most_ahead: timeouts.longest_millis(),
            now: Moment::default(),
            before: Moment::default(),
            distributed: Uptime::default(),
            active_at: Instant::now(),
        }
    }

    /// Returns the current moment.
    pub(super) fn now(&self) -> Moment {
        self.now
    }

    /// Notes that the input is not quiet.
    pub(super) fn note_activity(&mut self) {
        self.active_at = Instant::now();
    }

    /// Advances to a packet that was captured at `time`, and returns its uptime. `next` is the time of
    /// the packet after it, if known.
    #[inline]
    pub(super) fn observe(&mut self, time: Timestamp, next: Option<Timestamp>) -> Uptime {
        let uptime = self.packets.observe(time, next);
        let shown = uptime.since(self.by_packets);
        self.by_packets = uptime;
        let known = shown.min(self.ahead);
        self.ahead -= known;
        self.advance(shown - known);
        self.now.uptime
    }

    /// Adds the wall time since the latest activity. No time passes before the first packet.
    pub(super) fn add_wall_time(&mut self) {
        let passed = self.active_at.elapsed();
        let whole = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        self.active_at += Duration::from_millis(whole);
        self.add(whole);
    }

    fn add(&mut self, milliseconds: u64) {
        if self.packets.latest().is_none() {
            return;
        }
        let passed = milliseconds.min(self.most_ahead.into()) as u32;
        self.ahead = self.ahead.saturating_add(passed).min(self.most_ahead);
        self.advance(passed);
    }

    fn advance(&mut self, passed: u32) {
        let latest = self.packets.latest().unwrap_or_default();
        self.before = self.now;
        self.now = Moment {
            uptime: Uptime::from_millis(self.now.uptime.as_millis().wrapping_add(passed)),
            time: later(self.now.time, passed).max(latest),
        };
    }

    /// Returns whether workers must receive moments before packets of the current time.
    #[inline]
    pub(super) fn is_due(&self) -> bool {
        self.now.uptime.since(self.distributed) >= STEP
    }

    /// Returns the moments for workers, none of which precedes the previous packet.
    pub(super) fn take_moments(&mut self) -> Moments {
        let (from, to) = (self.before, self.now);
        self.distributed = to.uptime;
        let passed = to.uptime.since(from.uptime);
        Moments {
            from,
            to,
            step: 0,
            steps: passed.div_ceil(STEP).clamp(1, MOST_STEPS),
        }
    }
}

/// The steps from one moment to another, which is the last of them.
#[derive(Clone, Copy)]
pub(super) struct Moments {
    from: Moment,
    to: Moment,
    step: u32,
    steps: u32,
}

impl Moments {
    /// Returns the moment from which time passes.
    pub(super) fn from(&self) -> Moment {
        self.from
    }
}

impl Iterator for Moments {
    type Item = Moment;

    fn next(&mut self) -> Option<Moment> {
        let Self { from, to, .. } = *self;
        self.step += 1;
        if self.step >= self.steps {
            return (self.step == self.steps).then_some(to);
        }
        let passed = u64::from(to.uptime.since(from.uptime));
        let part = (passed * u64::from(self.step) / u64::from(self.steps)) as u32;
        Some(Moment {
            uptime: Uptime::from_millis(from.uptime.as_millis().wrapping_add(part)),
            time: later(from.time, part).min(to.time),
        })
    }
}

fn later(time: Timestamp, milliseconds: u32) -> Timestamp {
    Timestamp::from_millis(time.as_millis().saturating_add(milliseconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock::new(&Timeouts::default())
    }

    fn at(clock: &mut Clock, millis: u64) -> (u32, u64) {
        clock.observe(Timestamp::from_millis(millis), None);
        let now = clock.now();
        (now.uptime.as_millis(), now.time.as_millis())
    }

    #[test]
    fn export_time_advances_when_the_clock_of_a_capture_is_set_back() {
        let mut clock = clock();
        assert_eq!(at(&mut clock, 5_000_000), (0, 5_000_000));
        assert_eq!(at(&mut clock, 5_001_000), (1000, 5_001_000));
        // An hour back: no time has passed, then time advances.
        assert_eq!(at(&mut clock, 1_401_000), (1000, 5_001_000));
        assert_eq!(at(&mut clock, 1_403_000), (3000, 5_003_000));
    }

    #[test]
    fn quiet_time_is_added_to_the_latest_packets_time_and_counts_once() {
        let mut clock = clock();
        clock.add(1000);
        assert_eq!(clock.now(), Moment::default());
        assert_eq!(at(&mut clock, 5_000_000), (0, 5_000_000));
        clock.add(10_000);
        assert_eq!(clock.now().uptime.as_millis(), 10_000);
        assert_eq!(clock.now().time.as_millis(), 5_010_000);
        // Packets of that time, delayed in a buffer.
        assert_eq!(at(&mut clock, 5_004_000).0, 10_000);
        assert_eq!(at(&mut clock, 5_010_000).0, 10_000);
        assert_eq!(at(&mut clock, 5_010_500), (10_500, 5_010_500));
        // A long quiet time counts no longer than it takes to end every flow.
        for _ in 0..1000 {
            clock.add(500);
        }
        assert_eq!(at(&mut clock, 5_070_500).0, 510_500);
        assert_eq!(at(&mut clock, 5_070_700).0, 510_700);
    }

    #[test]
    fn a_gap_passes_in_steps() {
        let mut clock = clock();
        at(&mut clock, 5_000_000);
        assert_eq!(clock.take_moments().count(), 1);
        at(&mut clock, 5_000_499);
        assert!(!clock.is_due());
        // Workers have received a packet of this time: no moment precedes it.
        at(&mut clock, 5_001_699);
        assert!(clock.is_due());
        let times = |moments: &[Moment]| -> Vec<_> {
            moments
                .iter()
                .map(|moment| (moment.uptime.as_millis(), moment.time.as_millis()))
                .collect()
        };
        let moments: Vec<_> = clock.take_moments().collect();
        let expected = [(899, 5_000_899), (1299, 5_001_299), (1699, 5_001_699)];
        assert_eq!(times(&moments), expected);
        assert!(!clock.is_due());

        // An hour: in uptime, a gap is limited to the longest timeout.
        at(&mut clock, 8_601_699);
        let moments: Vec<_> = clock.take_moments().collect();
        assert_eq!(moments.len(), 16);
        let passed = 60_001 / 16;
        assert_eq!(
            times(&moments[..1]),
            [(1699 + passed, 5_001_699 + u64::from(passed))]
        );
        assert_eq!(times(&moments[15..]), [(61_700, 8_601_699)]);
    }
}
