// SPDX-License-Identifier: Apache-2.0
//! The uptime of a replay by the times of packets.

use flowmeter::metering::Timeouts;
use flowmeter::time::{Timestamp, Uptime};

/// Follows the latest time of the packets. Packets out of order do not advance it, nor does a single
/// packet with a wrong time. A step back loses at most a second.
///
/// For each packet, the median of its time and those of the packets before and after it counts. If
/// times stay behind the latest, the clock was set back, or another capture was appended. Then time
/// continues from there: at once if the step is longer than any timeout, otherwise after a second of
/// such times. Times that are out of order for longer than a second count as such a step.
#[derive(Debug)]
pub(super) struct UptimeClock {
    uptime: u32,
    longest_step: u64,
    /// The time of the previous packet in milliseconds, as all times here.
    before: Option<u64>,
    latest: u64,
    /// The earliest time since times stay behind the latest.
    behind: Option<u64>,
}

/// The milliseconds that times stay behind the latest before time continues from there.
const PATIENCE: u64 = 1000;

impl UptimeClock {
    /// Creates a clock that starts with the first packet.
    pub(super) fn new(timeouts: &Timeouts) -> Self {
        Self {
            uptime: 0,
            // A longer gap would end no more flows, and uptime could wrap around before the sweep
            // has visited each flow.
            longest_step: u64::from(timeouts.longest_millis()) + 1,
            before: None,
            latest: 0,
            behind: None,
        }
    }

    /// Advances to a packet that was captured at `time`, and returns its uptime. `next` is the time of
    /// the packet after it, if known.
    #[inline]
    pub(super) fn observe(&mut self, time: Timestamp, next: Option<Timestamp>) -> Uptime {
        let time = time.as_millis();
        let next = next.map_or(time, Timestamp::as_millis);
        match self.before.replace(time) {
            Some(before) => self.pass(median(before, time, next)),
            // The first packet has no predecessor. If its time is wrong, the clock is wrong until
            // other times persist.
            None => self.latest = time,
        }
        Uptime::from_millis(self.uptime)
    }

    /// Advances to `time`.
    fn pass(&mut self, time: u64) {
        if time >= self.latest {
            self.step(time - self.latest, time);
            return;
        }
        let first = *self.behind.get_or_insert(time);
        let passed = time.saturating_sub(first);
        if self.latest - time > self.longest_step {
            self.step(0, time);
        } else if passed >= PATIENCE {
            self.step(passed, time);
        } else if time < first {
            self.behind = Some(time);
        }
    }

    fn step(&mut self, passed: u64, latest: u64) {
        let passed = passed.min(self.longest_step) as u32;
        self.uptime = self.uptime.wrapping_add(passed);
        self.latest = latest;
        self.behind = None;
    }

    /// Returns the latest time of the capture; `None` before the first packet.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        self.before.map(|_| Timestamp::from_millis(self.latest))
    }
}

fn median(one: u64, other: u64, third: u64) -> u64 {
    let (least, most) = (one.min(other), one.max(other));
    third.clamp(least, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the uptimes of packets at these times, with timeouts of 60 and 15 seconds.
    fn uptimes(times: &[u64]) -> Vec<u32> {
        let mut clock = UptimeClock::new(&Timeouts::default());
        let time = |millis: &u64| Timestamp::from_millis(*millis);
        (1..=times.len())
            .map(|next| clock.observe(time(&times[next - 1]), times.get(next).map(time)))
            .map(Uptime::as_millis)
            .collect()
    }

    #[test]
    fn disorder_does_not_advance_time_and_gaps_are_bounded() {
        let times = [1_000_000, 1_000_250, 1_000_240, 1_000_251, 1_000_252];
        assert_eq!(uptimes(&times), [0, 240, 250, 251, 252]);
        assert_eq!(uptimes(&[5, 15, u64::MAX]), [0, 10, 60_011]);
        assert_eq!(uptimes(&[5, u64::MAX, u64::MAX]), [0, 60_001, 60_001]);
    }

    #[test]
    fn one_wrong_time_does_not_advance_time() {
        for wrong in [0, 1, 999_000, 1_100_000, 2_000_000, u64::MAX] {
            for at in 1..9 {
                let mut times: Vec<u64> = (0..10).map(|second| 1_000_000 + second * 10).collect();
                times[at] = wrong;
                let right: Vec<u32> = (0..10).map(|second| second * 10).collect();
                let found = uptimes(&times);
                for (number, (found, right)) in found.iter().zip(&right).enumerate() {
                    assert!(found.abs_diff(*right) <= 10, "{wrong} at {at}: {number}");
                }
                assert_eq!(found[9], 90, "{wrong} at {at}");
            }
        }
    }

    /// Returns the uptime after a minute of packets every 100 milliseconds, with a clock that is set by
    /// `step` in the middle.
    fn stepped(step: i64) -> u32 {
        let times = (0..600u64).map(|number| {
            let time = 10_000_000 + number * 100;
            if number < 300 {
                time
            } else {
                time.saturating_add_signed(step)
            }
        });
        *uptimes(&times.collect::<Vec<_>>()).last().unwrap()
    }

    #[test]
    fn a_clock_that_is_set_back_loses_at_most_a_second() {
        for step in [-200, -1000, -1500, -10_000, -59_000, -61_000, -3_600_000] {
            let passed = stepped(step);
            assert!((58_800..=59_900).contains(&passed), "{step}: {passed}");
        }
    }

    /// A gap in the capture looks the same.
    #[test]
    fn a_step_ahead_is_limited_to_the_longest_timeout() {
        assert_eq!(stepped(5000), 59_900 + 5000);
        assert_eq!(stepped(3_600_000), 59_800 + 60_001);
    }

    /// Packets of two captures in turns, one of them five seconds behind the other.
    #[test]
    fn interleaved_captures_do_not_advance_time_faster() {
        let times = (0..1000u64).map(|number| 10_000_000 + number * 10 - (number % 2) * 5000);
        let passed = *uptimes(&times.collect::<Vec<_>>()).last().unwrap();
        assert!((9_900..=10_000).contains(&passed), "{passed}");
    }
}
