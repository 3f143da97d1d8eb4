// SPDX-License-Identifier: Apache-2.0
//! How packets are classified into flows: which tables a process has, and which one each packet
//! goes to.
//!
//! [`Families`](super::Families) and [`Layered`](super::Layered) are the two classifiers. A
//! classifier owns its tables and knows nothing of the accounts, timeouts or the sweep's schedule,
//! which [`MeteringProcess`](super::MeteringProcess) has for all of them.

use core::ops::Range;

use super::configuration::Configuration;
use super::export::ExportRefused;
use super::metered_table::AnyTable;
use super::queue::Batch;
use super::shared::Shared;
use super::sweep::{Decide, Swept};
use crate::flow_table::TableError;
use crate::flow_table::group::Instructions;
use crate::packet::Packets;
use crate::time::Uptime;

/// The tables of a process. Only the engine implements it.
///
/// Tables have numbers, less than [`Self::TABLES`].
pub trait Classifier: Sized {
    /// The number of tables at most.
    const TABLES: usize;

    /// What a host says of the packets of one call.
    type Selection: Copy;

    /// Creates empty tables.
    ///
    /// # Errors
    /// If the system has not enough memory.
    fn new(configuration: &Configuration) -> Result<Self, TableError>;

    /// The table of this number, if there is one.
    fn table(&self, number: usize) -> Option<&dyn AnyTable>;

    /// As [`Self::table`].
    fn table_mut(&mut self, number: usize) -> Option<&mut dyn AnyTable>;
}

/// A classifier whose records an exporter of type `E` accepts. Only the engine implements it.
pub trait ExportTo<E>: Classifier {
    /// Meters a batch.
    fn observe<I: Instructions, P: Packets>(
        &mut self,
        set: I,
        batch: &Batch<P>,
        selection: Self::Selection,
        shared: &mut Shared,
        export: &mut E,
    );

    /// Exports the records that are due in one table, visiting at most `budget` groups.
    fn expire(
        &mut self,
        number: usize,
        now: Uptime,
        budget: usize,
        shared: &mut Shared,
        export: &mut E,
    ) -> Swept;

    /// Visits one group of one table.
    ///
    /// # Errors
    /// If the exporter refuses a record. The flow stays.
    fn visit(
        &mut self,
        number: usize,
        group: usize,
        decide: &impl Decide,
        shared: &mut Shared,
        export: &mut E,
    ) -> Result<(), ExportRefused>;

    /// Shows `viewer` the live flows in `groups` of one table.
    fn list(&self, number: usize, groups: Range<usize>, viewer: &mut E);
}
