// SPDX-License-Identifier: Apache-2.0
//! The clock of a replay: as much time as the capture's packets show to have passed.

use flowmeter::metering::Timeouts;
use flowmeter::time::{Timestamp, Uptime};

/// Follows the latest time that was seen. Packets out of order pass no time, nor does one whose
/// time is wrong, and a step back costs at most a second.
///
/// One packet proves nothing: its time counts only if the next one, or the one before, is not on
/// the other side of it (the median of the three). Where times stay behind the latest, the clock was
/// set back, or another capture was joined: time goes on from there at once where that is further
/// back than any timeout, and else once a second has passed there. Times that are out of order for
/// longer than that count as such steps.
#[derive(Debug)]
pub(super) struct UptimeClock {
    uptime: u32,
    longest_step: u64,
    /// The time of the packet before, in milliseconds, as every time here.
    before: Option<u64>,
    latest: u64,
    /// The earliest time since times have stayed behind the latest.
    behind: Option<u64>,
}

/// How long times stay behind the latest before time goes on from there.
const PATIENCE: u64 = 1000;

impl UptimeClock {
    /// A clock that starts with the first packet.
    pub(super) fn new(timeouts: &Timeouts) -> Self {
        Self {
            uptime: 0,
            // A longer gap ends no more flows, and uptime is to stay far from wrapping
            // around before the sweep has seen every flow.
            longest_step: u64::from(timeouts.longest_millis()) + 1,
            before: None,
            latest: 0,
            behind: None,
        }
    }

    /// The uptime at a packet that was captured at `time`, and before another at `next` if that is
    /// known already.
    #[inline]
    pub(super) fn observe(&mut self, time: Timestamp, next: Option<Timestamp>) -> Uptime {
        let time = time.as_millis();
        let next = next.map_or(time, Timestamp::as_millis);
        match self.before.replace(time) {
            Some(before) => self.pass(median(before, time, next)),
            // The first packet has but one neighbour, so a wrong one sets the clock, until times
            // stay elsewhere.
            None => self.latest = time,
        }
        Uptime::from_millis(self.uptime)
    }

    /// Time has come to `time`.
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

    /// The time that it is for the capture; `None` before the first packet.
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

    /// The uptimes of packets at these times, with timeouts of 60 and 15 seconds.
    fn uptimes(times: &[u64]) -> Vec<u32> {
        let mut clock = UptimeClock::new(&Timeouts::default());
        let time = |millis: &u64| Timestamp::from_millis(*millis);
        (1..=times.len())
            .map(|next| clock.observe(time(&times[next - 1]), times.get(next).map(time)))
            .map(Uptime::as_millis)
            .collect()
    }

    #[test]
    fn disorder_passes_no_time_and_gaps_are_bounded() {
        let times = [1_000_000, 1_000_250, 1_000_240, 1_000_251, 1_000_252];
        assert_eq!(uptimes(&times), [0, 240, 250, 251, 252]);
        assert_eq!(uptimes(&[5, 15, u64::MAX]), [0, 10, 60_011]);
        assert_eq!(uptimes(&[5, u64::MAX, u64::MAX]), [0, 60_001, 60_001]);
    }

    #[test]
    fn one_wrong_time_passes_none() {
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

    /// A clock that is set by `step`, with a packet every 100 milliseconds.
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
    fn a_clock_that_is_set_back_costs_a_second_at_most() {
        for step in [-200, -1000, -1500, -10_000, -59_000, -61_000, -3_600_000] {
            let passed = stepped(step);
            assert!((58_800..=59_900).contains(&passed), "{step}: {passed}");
        }
    }

    /// A gap in the capture looks the same.
    #[test]
    fn a_clock_that_is_set_ahead_passes_what_any_timeout_needs() {
        assert_eq!(stepped(5000), 59_900 + 5000);
        assert_eq!(stepped(3_600_000), 59_800 + 60_001);
    }

    /// Two captures of which one is seconds behind the other, packet by packet.
    #[test]
    fn captures_that_are_interleaved_do_not_run_the_clock_up() {
        let times = (0..1000u64).map(|number| 10_000_000 + number * 10 - (number % 2) * 5000);
        let passed = *uptimes(&times.collect::<Vec<_>>()).last().unwrap();
        assert!((9_900..=10_000).contains(&passed), "{passed}");
    }
}
