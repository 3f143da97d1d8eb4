// SPDX-License-Identifier: Apache-2.0
//! When VPP is asked to find the neighbour on the way to the collector: ever less often while none
//! answers, and at once when something changes.

/// Milliseconds after the first time, and at most.
const FIRST: u64 = 100;
const LONGEST: u64 = 10_000;

/// See the file.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    /// The adjacency that has no neighbour's address.
    adjacency: Option<u32>,
    /// When it is next asked for, and how long after that again.
    next: u64,
    pause: u64,
}

impl Asking {
    /// Whether to ask at this time, in milliseconds.
    pub(crate) fn is_due(&self, now: u64) -> bool {
        now >= self.next
    }

    /// Says that `adjacency` was found without a neighbour at this time, and whether it was asked
    /// for; `None` where no neighbour is missing.
    pub(crate) fn found(&mut self, adjacency: Option<u32>, now: u64, asked: bool) {
        if adjacency.is_none() || adjacency != self.adjacency {
            // Another one is asked for with the next look.
            *self = Self {
                adjacency,
                ..Self::default()
            };
        }
        if adjacency.is_some() && asked {
            self.pause = (self.pause * 2).clamp(FIRST, LONGEST);
            self.next = now + self.pause;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks each 100 ms for so many milliseconds; when it asked.
    fn asked(asking: &mut Asking, from: u64, to: u64) -> Vec<u64> {
        let mut times = Vec::new();
        for now in (from..to).step_by(100) {
            let ask = asking.is_due(now);
            if ask {
                times.push(now);
            }
            asking.found(Some(7), now, ask);
        }
        times
    }

    #[test]
    fn it_is_asked_ever_less_often() {
        let mut asking = Asking::default();
        assert_eq!(
            asked(&mut asking, 0, 40_000),
            [0, 100, 300, 700, 1500, 3100, 6300, 12_700, 22_700, 32_700]
        );
    }

    #[test]
    fn another_neighbour_is_asked_for_at_once() {
        let mut asking = Asking::default();
        asked(&mut asking, 0, 20_000);
        assert!(!asking.is_due(20_000));
        asking.found(Some(8), 20_000, false);
        assert!(asking.is_due(20_000));
    }

    #[test]
    fn a_way_that_was_there_begins_anew() {
        let mut asking = Asking::default();
        asked(&mut asking, 0, 20_000);
        asking.found(None, 20_000, false);
        assert_eq!(asked(&mut asking, 20_100, 20_600), [20_100, 20_200, 20_400]);
    }
}
