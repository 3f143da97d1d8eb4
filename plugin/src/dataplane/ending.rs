// SPDX-License-Identifier: Apache-2.0
//! The flows that are to be ended before they expire.

use std::collections::BTreeSet;

use flowmeter::flow::Observed;
use flowmeter::metering::Flush;
use flowmeter::observation::Direction;

/// A pass over the tables that ends the selected flows.
#[derive(Default)]
pub(crate) struct Ending {
    /// The progress of the pass.
    pub(super) flush: Flush,
    pub(super) selected: Selected,
}

/// The selected flows.
#[derive(Default)]
pub(super) struct Selected {
    all: bool,
    interfaces: BTreeSet<(u32, Direction)>,
}

impl Ending {
    /// Selects all flows, and restarts the pass.
    pub(super) fn add_all(&mut self) {
        self.selected.all = true;
        self.flush = Flush::default();
    }

    /// Also selects the flows observed at an interface, and restarts the pass.
    pub(super) fn add_interface(&mut self, sw_if_index: u32, direction: Direction) {
        self.selected.interfaces.insert((sw_if_index, direction));
        self.flush = Flush::default();
    }
}

impl Selected {
    /// Whether flows with this observation point are selected.
    pub(super) fn has(&self, observed: &Observed) -> bool {
        let direction = observed.direction();
        let interface = match direction {
            Direction::Ingress => observed.ingress_interface,
            Direction::Egress => observed.egress_interface,
        };
        self.all || self.interfaces.contains(&(interface, direction))
    }
}
