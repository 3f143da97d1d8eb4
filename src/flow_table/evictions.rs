// SPDX-License-Identifier: Apache-2.0
//! Flows that were evicted for lack of a slot, and the capacity that would have been enough.
//!
//! In a table that is too small, a flow is evicted and begins again many times, so the number of
//! evictions says little about the number of flows. Therefore the distinct flows that took the slot of
//! another are estimated from the hashes of their keys (HyperLogLog, Flajolet et al. 2007), anew in
//! each idle timeout. None of this runs unless a table is full.

use crate::time::Uptime;

const REGISTERS: usize = 256;

/// The count of evictions, and the estimate of distinct flows that caused them.
#[derive(Clone, Copy)]
pub(in crate::flow_table) struct Evictions {
    count: u64,
    /// For each register the longest run of zero bits, and one.
    registers: [u8; REGISTERS],
    /// Evictions since `since`.
    recent: u64,
    since: Uptime,
    /// The largest capacity that was found to be enough.
    enough: usize,
}

impl Default for Evictions {
    fn default() -> Self {
        Self {
            count: 0,
            registers: [0; REGISTERS],
            recent: 0,
            since: Uptime::default(),
            enough: 0,
        }
    }
}

impl Evictions {
    /// Counts a flow that was evicted for one whose key has this hash, in a table of `live` flows.
    #[inline(never)]
    pub(super) fn count(&mut self, hash: u64, now: Uptime, idle_millis: u32, live: usize) {
        if self.recent > 0 && now.since(self.since) >= idle_millis {
            self.enough = self.enough(live);
            self.registers = [0; REGISTERS];
            self.recent = 0;
        }
        if self.recent == 0 {
            self.since = now;
        }
        self.count += 1;
        self.recent += 1;
        // The low octet, which is the tag, is never 0.
        let register = &mut self.registers[(hash >> 8) as usize % REGISTERS];
        let zeros = (hash >> 16).trailing_zeros().min(48) as u8;
        *register = (*register).max(zeros + 1);
    }

    /// Notes that so many flows are live.
    pub(super) fn note_live(&mut self, live: usize) {
        self.enough = self.enough.max(live);
    }

    /// Evictions so far.
    pub(super) fn total(&self) -> u64 {
        self.count
    }

    /// The capacity that would have been enough.
    pub(super) fn enough(&self, live: usize) -> usize {
        self.enough.max(live + self.distinct() as usize)
    }

    /// The distinct flows that took the slot of another recently.
    fn distinct(&self) -> u64 {
        const M: f64 = REGISTERS as f64;
        const ALPHA: f64 = 0.7213 / (1.0 + 1.079 / M);

        let power = |&rank: &u8| 1.0 / (1u64 << rank) as f64;
        let powers = self.registers.iter().map(power);
        let estimate = ALPHA * M * M / powers.sum::<f64>();
        let free = self.registers.iter().filter(|&&rank| rank == 0).count();
        let estimate = if estimate <= 2.5 * M && free > 0 {
            // Few flows leave registers unused. The expected number of flows until only so many are
            // unused: each flow takes one with a probability of their share.
            (free + 1..=REGISTERS).map(|free| M / free as f64).sum()
        } else {
            estimate
        };
        (estimate as u64).min(self.recent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u64) -> u64 {
        let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed ^ mixed >> 32
    }

    #[test]
    #[cfg_attr(miri, ignore = "slow, and all of it is safe code")]
    fn distinct_flows_are_estimated_however_often_they_begin() {
        for flows in [1, 10, 1000, 100_000] {
            let mut evictions = Evictions::default();
            for number in 0..5 * flows {
                evictions.count(hash(number % flows), Uptime::default(), 1000, 0);
            }
            let enough = evictions.enough(0) as f64;
            let off = (enough - flows as f64).abs() / flows as f64;
            assert!(off < 0.2, "{enough} of {flows}");
            assert_eq!(evictions.total(), 5 * flows);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "slow, and all of it is safe code")]
    fn each_idle_timeout_counts_anew_and_the_largest_is_kept() {
        let mut evictions = Evictions::default();
        let at = Uptime::from_millis;
        (0..1000).for_each(|number| evictions.count(hash(number), at(0), 1000, 50));
        let most = evictions.enough(50);
        assert!((850..1250).contains(&most), "{most}");
        for second in 1..20 {
            evictions.count(hash(second), at(second as u32 * 1000), 1000, 50);
        }
        assert_eq!(evictions.enough(50), most);
        evictions.note_live(5000);
        assert_eq!(evictions.enough(50), 5000);
    }
}
