// SPDX-License-Identifier: Apache-2.0
//! A limit of the messages that this VPP sends per millisecond, for all threads together, so that a
//! flush does not overrun a collector's socket.

use core::sync::atomic::{AtomicU64, Ordering};

/// Messages per millisecond: what a collector with a default socket buffer can receive, as in the
/// command `flowmeter replay`.
pub(super) const MESSAGES_PER_MILLISECOND: u32 = 32;

/// Attempts to count a message while other threads do, too.
const ATTEMPTS: usize = 4;

/// A token bucket for all threads, which is refilled in each millisecond. The high bits have the
/// millisecond, the low bits the messages sent in it.
pub(super) struct Pacing(AtomicU64);

const COUNT_BITS: u32 = 20;
const COUNT: u64 = (1 << COUNT_BITS) - 1;

impl Pacing {
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Counts a message of a sweep at `now`, in milliseconds. Returns `false` if no more may be
    /// sent in this millisecond.
    pub(super) fn take(&self, now: u64) -> bool {
        self.count(now, MESSAGES_PER_MILLISECOND.into())
    }

    /// Counts a message of the packet path, which is always sent; sweeps send one fewer.
    pub(super) fn charge(&self, now: u64) {
        // If other threads win all attempts, the message is not counted.
        let _ = self.count(now, COUNT);
    }

    /// Counts a message if there were fewer than `most`. Never waits for another thread.
    fn count(&self, now: u64, most: u64) -> bool {
        let mut word = self.0.load(Ordering::Relaxed);
        for _ in 0..ATTEMPTS {
            // A thread's clock may be a millisecond behind another's.
            let millisecond = now.max(word >> COUNT_BITS);
            let is_same = word >> COUNT_BITS == millisecond;
            let count = if is_same { word & COUNT } else { 0 };
            if count >= most {
                return false;
            }
            let next = millisecond << COUNT_BITS | (count + 1);
            let order = Ordering::Relaxed;
            match self.0.compare_exchange_weak(word, next, order, order) {
                Ok(_) => return true,
                Err(changed) => word = changed,
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: usize = MESSAGES_PER_MILLISECOND as usize;

    #[test]
    fn each_millisecond_has_a_fixed_number_of_messages() {
        let pacing = Pacing::new();
        for now in [5, 6, 1000] {
            assert_eq!((0..100).filter(|_| pacing.take(now)).count(), PACE);
        }
    }

    #[test]
    fn a_thread_whose_clock_is_behind_shares_the_current_millisecond() {
        let pacing = Pacing::new();
        assert!(pacing.take(7));
        assert_eq!((0..100).filter(|_| pacing.take(6)).count(), PACE - 1);
        assert!(!pacing.take(7));
    }

    #[test]
    fn messages_of_the_packet_path_are_charged_to_sweeps() {
        let pacing = Pacing::new();
        (0..10).for_each(|_| pacing.charge(7));
        assert_eq!((0..100).filter(|_| pacing.take(7)).count(), PACE - 10);
        // The packet path is never refused.
        (0..1000).for_each(|_| pacing.charge(8));
        assert!(!pacing.take(8));
        assert!(pacing.take(9));
    }

    #[test]
    fn threads_share_the_bucket() {
        let pacing = Pacing::new();
        let sent: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..1000).filter(|_| pacing.take(3)).count()))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(sent, PACE);
    }
}
