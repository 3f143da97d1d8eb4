// SPDX-License-Identifier: Apache-2.0
//! Where records go: all that a metering process knows of an exporter.

use crate::flow::{FlowKey, FlowRecord, Ipv4Key, Ipv6Key, L2Key};

/// Why an exporter accepts no record now. It may later.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExportRefused {
    /// No collector is configured.
    NoCollector,
    /// There is no path to the collector.
    CollectorUnreachable,
    /// There is no memory for a message, or pacing holds messages back.
    NoBuffer,
}

impl ExportRefused {
    /// Every reason, in the order of their discriminants.
    pub const ALL: [Self; 3] = [
        Self::NoCollector,
        Self::CollectorUnreachable,
        Self::NoBuffer,
    ];

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoCollector => "no_collector",
            Self::CollectorUnreachable => "collector_unreachable",
            Self::NoBuffer => "no_buffer",
        }
    }
}

/// Accepts records of flows with keys of type `K`.
pub trait Export<K: FlowKey> {
    /// Accepts `record`, completely or not at all. Called for each record that is due, in the middle
    /// of a batch: it should take a bounded time and must not block.
    ///
    /// # Errors
    /// [`ExportRefused`] if it was not accepted. The flow then stays.
    fn export(&mut self, record: &FlowRecord<K>) -> Result<(), ExportRefused>;

    /// Why all records are refused during this call of the metering process; `None` if some may be
    /// accepted.
    ///
    /// It is called for each table in each batch and sweep, so it should be cheap. While there is a
    /// reason, nothing counts as due, so packets cost what they cost without timeouts; only the
    /// records of evicted flows are still offered, and counted as lost.
    #[inline(always)]
    fn closed(&self) -> Option<ExportRefused> {
        None
    }
}

/// Accepts records of every family.
pub trait ExportAll: Export<Ipv4Key> + Export<Ipv6Key> + Export<L2Key> {}

impl<E: Export<Ipv4Key> + Export<Ipv6Key> + Export<L2Key>> ExportAll for E {}
