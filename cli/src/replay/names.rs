// SPDX-License-Identifier: Apache-2.0
//! The names of interfaces, and when workers announce new ones.
//!
//! It knows nothing of sessions: targets repeat announcements.

use flowmeter::exporting::{Interface, Interfaces};

/// The reciprocal of the fraction that new names must reach before they are announced. The work of an
/// announcement grows with all names, so new ones are deferred if there are many. Up to this number,
/// each new name is announced at once.
const ANNOUNCED_AT_ONCE: usize = 64;

/// The interfaces that have a name.
#[derive(Default)]
pub(super) struct Names {
    all: Vec<Interface>,
    announced: Interfaces,
}

impl Names {
    /// Adds interfaces, whose numbers are new.
    pub(super) fn add(&mut self, named: Vec<Interface>) {
        self.all.extend(named);
    }

    /// Returns all interfaces, if there are enough new ones to announce.
    pub(super) fn announce_due(&mut self) -> Option<Interfaces> {
        let known = self.announced.all().len();
        if self.all.len() - known < known / ANNOUNCED_AT_ONCE {
            return None;
        }
        self.announce_all()
    }

    /// Returns all interfaces, if there are new ones.
    pub(super) fn announce_all(&mut self) -> Option<Interfaces> {
        if self.all.len() == self.announced.all().len() {
            return None;
        }
        self.announced = self.announced.update(self.all.clone())?;
        Some(self.announced.clone())
    }

    /// Returns the interfaces that have been announced.
    pub(super) fn into_announced(self) -> Interfaces {
        self.announced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(number: u32) -> Interface {
        Interface {
            number,
            name: number.to_string(),
            description: String::new(),
        }
    }

    #[test]
    fn few_names_are_announced_at_once_and_many_in_bounded_time() {
        let mut names = Names::default();
        assert!(names.announce_due().is_none());
        for number in 0..64 {
            names.add(vec![interface(number)]);
            let announced = names.announce_due().expect("a new one");
            assert_eq!(announced.changed()[..], [interface(number)]);
            assert!(names.announce_due().is_none());
        }
        let (mut announcements, mut announced) = (0, 64);
        for number in 64..10_000 {
            names.add(vec![interface(number)]);
            if let Some(interfaces) = names.announce_due() {
                announcements += 1;
                announced += interfaces.changed().len();
            }
        }
        // Each is a 64th more than the one before.
        assert!(announcements < 500, "{announcements}");
        assert!(announced < 10_000);
        let rest = names.announce_all().expect("those that were deferred");
        assert_eq!(announced + rest.changed().len(), 10_000);
        assert_eq!(names.into_announced().all().len(), 10_000);
    }
}
