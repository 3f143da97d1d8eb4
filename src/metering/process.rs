// SPDX-License-Identifier: Apache-2.0
//! The Metering Process: one worker's flow tables and the way of a batch through them.
//!
//! It owns the tables, the timeouts and the accounts, and knows nothing of messages: a record that
//! leaves a table is offered to an [`Export`](super::Export), and its flow stays if it is refused.
//! No packet is observed that is not counted in [`Statistics`] afterwards.

use core::ops::Range;

use super::classifier::{Classifier, ExportTo};
use super::configuration::Configuration;
use super::expiration::Timeouts;
use super::export::ExportAll;
use super::families::Families;
use super::family::Family;
use super::metered_table::AnyTable;
use super::queue::{BATCH, Batch};
use super::shared::Shared;
use super::statistics::{Records, Statistics};
use super::sweep::{Expiring, Flush, Flushing, Swept};
use crate::flow::{Observed, Tally};
use crate::flow_table::group::{Backend, GROUP, Instructions, Task};
use crate::flow_table::{TableError, Usage};
use crate::packet::{Packet, Packets};
use crate::time::Uptime;

/// A Metering Process for one worker, whose packets `C` classifies: [`Families`] or
/// [`Layered`](super::Layered).
pub struct MeteringProcess<C = Families> {
    pub(super) classifier: C,
    pub(super) shared: Shared,
    pub(super) backend: Backend,
    /// The number of tables that were replaced.
    pub(super) generation: u32,
    /// The table that the next call of [`Self::expire`] visits first: a lack of buffers at one
    /// table does not keep the others from being visited.
    turn: usize,
}

impl<C: Classifier> MeteringProcess<C> {
    /// The most flows that one of [`Self::groups`] has: a group's in each table.
    pub const FLOWS_IN_GROUP: usize = C::TABLES * GROUP;

    pub(super) fn with_classifier(configuration: &Configuration) -> Result<Self, TableError> {
        Ok(Self {
            classifier: C::new(configuration)?,
            shared: Shared {
                timeouts: configuration.timeouts,
                seed: configuration.seed,
                statistics: Statistics::default(),
            },
            backend: configuration.backend,
            generation: 0,
            turn: 0,
        })
    }

    fn tables(&self) -> impl Iterator<Item = &dyn AnyTable> {
        (0..C::TABLES).filter_map(|number| self.classifier.table(number))
    }

    fn for_each_table(&mut self, act: impl Fn(&mut dyn AnyTable)) {
        for number in 0..C::TABLES {
            if let Some(table) = self.classifier.table_mut(number) {
                act(table);
            }
        }
    }

    /// Takes all memory of the tables from the system now; otherwise the system provides each
    /// page when a packet first needs it, and that packet takes longer.
    pub fn populate(&mut self) {
        self.for_each_table(|table| table.populate());
    }

    /// As [`MeteringProcess::observe`].
    #[inline]
    pub(super) fn observe_as<P: Packets, E>(
        &mut self,
        packets: P,
        selection: C::Selection,
        export: &mut E,
    ) where
        C: ExportTo<E>,
    {
        let count = packets.count();
        for start in (0..count).step_by(BATCH) {
            self.backend.run(Observe {
                process: self,
                batch: Batch {
                    packets,
                    numbers: start..count.min(start + BATCH),
                },
                selection,
                export,
            });
        }
    }

    /// Sets when flows expire, for live flows and for new ones.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) {
        self.shared.timeouts = timeouts;
    }

    /// Exports the records that are due at `now`, visiting at most `budget` groups of 16 slots in
    /// each table.
    ///
    /// Call it often: it visits a share of the tables that grows with the time since the last
    /// call, so that each flow is visited once a second, or once in up to five seconds in a table
    /// of more than 1 M flows.
    pub fn expire<E>(&mut self, now: Uptime, budget: usize, export: &mut E) -> Swept
    where
        C: ExportTo<E>,
    {
        let first = self.turn;
        self.turn = (first + 1) % C::TABLES;
        let mut all = Swept::Done;
        for turn in first..first + C::TABLES {
            let number = turn % C::TABLES;
            let Self {
                classifier, shared, ..
            } = self;
            match classifier.expire(number, now, budget, shared, export) {
                Swept::Done => {}
                Swept::More => all = Swept::More,
                Swept::Refused(why) => return Swept::Refused(why),
            }
        }
        all
    }

    /// Ends the flows that `select` selects (end reason 4, or the one that was due anyway),
    /// visiting at most `budget` groups. Call it with the same `flush` until it returns
    /// [`Swept::Done`].
    pub fn flush<E>(
        &mut self,
        flush: &mut Flush,
        now: Uptime,
        budget: usize,
        select: impl Fn(&Observed) -> bool,
        export: &mut E,
    ) -> Swept
    where
        C: ExportTo<E>,
    {
        let timeouts = self.shared.timeouts;
        let flushing = Flushing {
            expiring: Expiring { timeouts, now },
            select,
        };
        let (groups, generation) = (self.groups(), self.generation);
        flush.advance(groups, generation, budget, |group| {
            let Some((number, group)) = self.locate(group) else {
                return Ok(());
            };
            let Self {
                classifier, shared, ..
            } = self;
            classifier.visit(number, group, &flushing, shared, export)
        })
    }

    /// Resets the accounts. Packets in live flows count as observed just now, so that the accounts
    /// stay balanced.
    pub fn clear_statistics(&mut self) {
        self.shared.clear_statistics(self.live_flows());
        self.for_each_table(|table| table.clear_usage());
    }

    /// The accounts so far.
    pub fn statistics(&self) -> &Statistics {
        &self.shared.statistics
    }

    /// The number of flows in the tables.
    pub fn live_flows(&self) -> usize {
        self.tables().map(AnyTable::live).sum()
    }

    /// The number of groups of slots in all tables, which [`Self::list`] and [`Self::count`] take
    /// ranges of. Their numbers change when a table is [adopted](MeteringProcess::adopt).
    pub fn groups(&self) -> usize {
        self.tables().map(AnyTable::groups).sum()
    }

    /// The packets and octets in live flows, counted by visiting each of them.
    pub fn live_tally(&self) -> Tally {
        self.count(0..self.groups()).tally
    }

    /// Counts the live flows in `groups`, their packets and octets, by visiting each of them.
    pub fn count(&self, groups: Range<usize>) -> Records {
        let mut records = Records::default();
        for (number, groups) in self.split(groups) {
            if let Some(table) = self.classifier.table(number) {
                records = records + table.count(groups);
            }
        }
        records
    }

    /// Shows `viewer` the live flows in `groups` that have had packets since their last record,
    /// each as the record that it would have if it ended now. Nothing changes.
    pub fn list<E>(&self, groups: Range<usize>, viewer: &mut E)
    where
        C: ExportTo<E>,
    {
        for (number, groups) in self.split(groups) {
            self.classifier.list(number, groups, viewer);
        }
    }

    /// The number of slots in all tables.
    pub fn slots(&self) -> usize {
        self.tables().map(AnyTable::slots).sum()
    }

    /// Milliseconds by which [`expire`](Self::expire) is behind its schedule, as of its last call;
    /// at most the time of a round.
    pub fn sweep_lag_millis(&self) -> u32 {
        let lags = self.tables().map(AnyTable::lag_millis);
        lags.max().unwrap_or(0)
    }

    /// Octets of memory that all tables take once every slot has been used.
    pub fn octets(&self) -> usize {
        self.tables().map(AnyTable::octets).sum()
    }

    /// Each table's number and its own part of `groups`.
    fn split(&self, groups: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
        let mut first = 0;
        (0..C::TABLES).map(move |number| {
            let count = self.classifier.table(number).map_or(0, AnyTable::groups);
            let own = |group: usize| group.saturating_sub(first).min(count);
            let range = own(groups.start)..own(groups.end);
            first += count;
            (number, range)
        })
    }

    /// The table of a group, and the group's number in it.
    fn locate(&self, group: usize) -> Option<(usize, usize)> {
        let mut parts = self.split(group..group.saturating_add(1));
        let (number, own) = parts.find(|(_, own)| !own.is_empty())?;
        Some((number, own.start))
    }
}

/// One batch's way through the phases.
struct Observe<'a, C: Classifier, P, E> {
    process: &'a mut MeteringProcess<C>,
    batch: Batch<P>,
    selection: C::Selection,
    export: &'a mut E,
}

impl<C: ExportTo<E>, P: Packets, E> Task for Observe<'_, C, P, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Instructions>(self, set: I) {
        let Self {
            process,
            batch,
            selection,
            export,
        } = self;
        let MeteringProcess {
            classifier, shared, ..
        } = process;
        classifier.observe(set, &batch, selection, shared, export);
    }
}

impl MeteringProcess<Families> {
    /// Creates a process with empty tables.
    ///
    /// # Errors
    /// If the system has not enough memory.
    pub fn new(configuration: &Configuration) -> Result<Self, TableError> {
        Self::with_classifier(configuration)
    }

    /// Meters `packets`, in batches of up to 256. Their uptimes never step back, here or from
    /// call to call.
    ///
    /// A record that a packet makes due is offered to `export`. If it is refused, the flow stays
    /// and goes on, unless its slot is needed: then the record is counted as lost.
    #[inline]
    pub fn observe<P: Packets, E: ExportAll>(&mut self, packets: P, export: &mut E) {
        self.observe_as(packets, (), export);
    }

    /// Whether a packet would be counted into a flow that is already there. For tracing a few
    /// packets: it reads headers and looks into the table once more.
    pub fn is_known(&self, packet: &Packet<'_>) -> bool {
        self.backend.run(IsKnown {
            process: self,
            packet,
        })
    }

    /// How full the table of `family` is and was.
    pub fn usage(&self, family: Family) -> Usage {
        let table = self.classifier.of(family);
        table.map_or_else(Usage::default, AnyTable::usage)
    }
}

/// Looks for one packet's flow.
struct IsKnown<'a, 'p> {
    process: &'a MeteringProcess<Families>,
    packet: &'a Packet<'p>,
}

impl Task for IsKnown<'_, '_> {
    type Output = bool;

    #[inline(always)]
    fn run<I: Instructions>(self, set: I) -> bool {
        let MeteringProcess {
            classifier, shared, ..
        } = self.process;
        classifier.holds(set, &shared.seed, self.packet)
    }
}
