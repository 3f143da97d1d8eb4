// SPDX-License-Identifier: Apache-2.0
//! The clock of a replay: as much time as the capture's packets show to have passed.

use flowmeter::metering::Timeouts;
use flowmeter::time::{Timestamp, Uptime};

/// Follows the latest time that was seen: packets a little out of order pass no time. Where the
/// capture's time steps back by more than any timeout, as it does when somebody sets a clock
/// or joins captures, it starts afresh from there, and no time has passed.
#[derive(Debug)]
pub(super) struct UptimeClock {
    uptime: u32,
    latest: Option<Timestamp>,
    longest_step: u64,
}

impl UptimeClock {
    /// A clock that starts with the first packet.
    pub(super) fn new(timeouts: &Timeouts) -> Self {
        Self {
            uptime: 0,
            latest: None,
            // A longer gap ends no more flows, and uptime is to stay far from wrapping
            // around before the sweep has seen every flow.
            longest_step: u64::from(timeouts.longest_millis()) + 1,
        }
    }

    /// The uptime at a packet that was captured at `time`.
    #[inline]
    pub(super) fn observe(&mut self, time: Timestamp) -> Uptime {
        let latest = self.latest.unwrap_or(time).as_millis();
        let passed = time.as_millis().saturating_sub(latest);
        let back = latest.saturating_sub(time.as_millis());
        if back == 0 || back > self.longest_step {
            self.latest = Some(time);
        }
        self.uptime = self
            .uptime
            .wrapping_add(passed.min(self.longest_step) as u32);
        Uptime::from_millis(self.uptime)
    }

    /// The time that it is for the capture; `None` before the first packet.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        self.latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disorder_passes_no_time_and_gaps_are_bounded() {
        let mut clock = UptimeClock::new(&Timeouts::from_millis(60_000, 15_000));
        let mut at = |millis| clock.observe(Timestamp::from_millis(millis)).as_millis();
        assert_eq!(at(1_000_000), 0);
        assert_eq!(at(1_000_250), 250);
        // Out of order: time goes on where it was.
        assert_eq!(at(1_000_240), 250);
        assert_eq!(at(1_000_251), 251);
        // Another clock: time goes on from there.
        assert_eq!(at(5), 251);
        assert_eq!(at(15), 261);
        assert_eq!(at(u64::MAX), 60_262);
    }
}
