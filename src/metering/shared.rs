// SPDX-License-Identifier: Apache-2.0
//! What all tables of a process share: timeouts, the hash's seed, and the accounts.

use super::expiration::{Test, Timeouts};
use super::export::{Export, ExportRefused};
use super::statistics::Statistics;
use crate::flow::{EndReason, FlowKey};
use crate::flow_table::Slot;
use crate::flow_table::group::Seed;

/// What all tables share.
pub struct Shared {
    pub(super) timeouts: Timeouts,
    pub(super) seed: Seed,
    pub(super) statistics: Statistics,
}

impl Shared {
    /// See [`MeteringProcess::clear_statistics`](super::MeteringProcess::clear_statistics).
    pub(super) fn clear_statistics(&mut self, live_flows: usize) {
        let live = self.statistics.live();
        self.statistics = Statistics {
            observed: live,
            metered: live,
            flows: live_flows as u64,
            ..Statistics::default()
        };
    }

    /// The packet path's test of flows whose records `export` takes.
    #[inline(always)]
    pub(super) fn test<K: FlowKey, E: Export<K>>(&self, export: &E) -> Test {
        self.timeouts.test(export.closed().is_some())
    }

    /// Offers the record of the flow in `slot`, and counts it if it is accepted.
    pub(super) fn offer<K: FlowKey, E: Export<K>>(
        &mut self,
        slot: &Slot<K>,
        reason: EndReason,
        export: &mut E,
    ) -> Result<(), ExportRefused> {
        export.export(&slot.record(reason))?;
        self.statistics.exported[reason as usize - 1].count(slot.flow.tally());
        Ok(())
    }
}
