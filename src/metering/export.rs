// SPDX-License-Identifier: Apache-2.0
//! Where records go: the metering process's only view of an exporter.

use crate::flow::{FlowKey, FlowRecord, Ipv4Key, Ipv6Key, L2Key};

/// Why an exporter takes no record now. It may later.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExportRefused {
    /// Nobody has said where records go.
    NoCollector,
    /// There is no way to the collector.
    CollectorUnreachable,
    /// There is no memory for a message, or enough messages have left for the moment.
    NoBuffer,
}

impl ExportRefused {
    /// Every reason, in the order of their discriminants.
    pub const ALL: [Self; 3] = [
        Self::NoCollector,
        Self::CollectorUnreachable,
        Self::NoBuffer,
    ];

    /// The name that reports show.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoCollector => "no_collector",
            Self::CollectorUnreachable => "collector_unreachable",
            Self::NoBuffer => "no_buffer",
        }
    }
}

/// Takes records of flows with keys of type `K`.
pub trait Export<K: FlowKey> {
    /// Takes `record`, wholly or not at all.
    ///
    /// # Errors
    /// [`ExportRefused`] where it could not be taken. The flow then stays.
    fn export(&mut self, record: &FlowRecord<K>) -> Result<(), ExportRefused>;

    /// Why no record at all is taken during this call of the metering process; `None` where some
    /// may be.
    ///
    /// It is asked once a batch or sweep. While there is a reason, nothing counts as due, so
    /// packets cost what they cost without timeouts; only flows that have to make room are still
    /// offered, and counted as lost.
    #[inline(always)]
    fn closed(&self) -> Option<ExportRefused> {
        None
    }
}

/// Takes records of every kind.
pub trait ExportAll: Export<Ipv4Key> + Export<Ipv6Key> + Export<L2Key> {}

impl<E: Export<Ipv4Key> + Export<Ipv6Key> + Export<L2Key>> ExportAll for E {}
