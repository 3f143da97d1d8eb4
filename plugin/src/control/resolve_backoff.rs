// SPDX-License-Identifier: Apache-2.0
//! When VPP is asked to resolve the next hop to the collector: with exponential back-off while it
//! does not answer, and at once when the adjacency changes.

/// The first and the longest interval, in milliseconds.
const FIRST: u64 = 100;
const LONGEST: u64 = 10_000;

/// The back-off of one next hop.
#[derive(Debug, Default)]
pub(crate) struct ResolveBackoff {
    /// The unresolved adjacency.
    adjacency: Option<u32>,
    /// When the next request is due, and the current interval.
    next: u64,
    interval: u64,
}

impl ResolveBackoff {
    /// Whether a request is due at `now`, in milliseconds.
    pub(crate) fn is_due(&self, now: u64) -> bool {
        now >= self.next
    }

    /// Records the result of a lookup at `now`: the unresolved adjacency, if there is one, and
    /// whether VPP was asked to resolve it.
    pub(crate) fn record(&mut self, adjacency: Option<u32>, now: u64, asked: bool) {
        if adjacency.is_none() || adjacency != self.adjacency {
            // A new adjacency is resolved with the next lookup.
            *self = Self {
                adjacency,
                ..Self::default()
            };
        }
        if adjacency.is_some() && asked {
            self.interval = (self.interval * 2).clamp(FIRST, LONGEST);
            self.next = now + self.interval;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times of requests when the route is looked up every 100 ms.
    fn asked(backoff: &mut ResolveBackoff, from: u64, to: u64) -> Vec<u64> {
        let mut times = Vec::new();
        for now in (from..to).step_by(100) {
            let ask = backoff.is_due(now);
            if ask {
                times.push(now);
            }
            backoff.record(Some(7), now, ask);
        }
        times
    }

    #[test]
    fn requests_back_off() {
        let mut backoff = ResolveBackoff::default();
        assert_eq!(
            asked(&mut backoff, 0, 40_000),
            [0, 100, 300, 700, 1500, 3100, 6300, 12_700, 22_700, 32_700]
        );
    }

    #[test]
    fn a_new_adjacency_is_requested_at_once() {
        let mut backoff = ResolveBackoff::default();
        asked(&mut backoff, 0, 20_000);
        assert!(!backoff.is_due(20_000));
        backoff.record(Some(8), 20_000, false);
        assert!(backoff.is_due(20_000));
    }

    #[test]
    fn a_resolved_route_resets_the_back_off() {
        let mut backoff = ResolveBackoff::default();
        asked(&mut backoff, 0, 20_000);
        backoff.record(None, 20_000, false);
        assert_eq!(
            asked(&mut backoff, 20_100, 20_600),
            [20_100, 20_200, 20_400]
        );
    }
}
