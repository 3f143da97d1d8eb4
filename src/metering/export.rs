// SPDX-License-Identifier: Apache-2.0
//! Where records go: the metering process's only view of an exporter.

use super::flow_key::{FlowKey, Ipv4Key, Ipv6Key, L2Key};
use super::flow_record::FlowRecord;

/// The exporter has no room for a record now; it may have later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// Takes records of flows with keys of type `K`.
pub trait Export<K: FlowKey> {
    /// Takes `record`, wholly or not at all.
    ///
    /// # Errors
    /// [`NoRoom`] where it could not be taken. The flow then stays.
    fn export(&mut self, record: &FlowRecord<K>) -> Result<(), NoRoom>;
}

/// Takes records of every kind.
pub trait ExportAll: Export<Ipv4Key> + Export<Ipv6Key> + Export<L2Key> {}

impl<E: Export<Ipv4Key> + Export<Ipv6Key> + Export<L2Key>> ExportAll for E {}
