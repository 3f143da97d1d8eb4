// SPDX-License-Identifier: Apache-2.0
//! The families of flows, each of which has a table of its own.
//!
//! A family may begin with a small table and get its full one when it is needed: a host makes that
//! elsewhere, as a [`Table`], and hands it to the process, which moves the flows.

use crate::flow::{Ipv4Key, Ipv6Key, L2Key};
use crate::flow_table::{FlowTable, OutOfMemory};

/// What flows have their table in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4 packets.
    Ipv4,
    /// IPv6 packets.
    Ipv6,
    /// Frames that are not IP.
    L2,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 3] = [Self::Ipv4, Self::Ipv6, Self::L2];

    /// The name that reports show.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::L2 => "l2",
        }
    }

    /// Octets of memory that a table for so many flows takes once every slot has been used.
    pub fn octets_for(self, flows: usize) -> usize {
        match self {
            Self::Ipv4 => FlowTable::<Ipv4Key>::octets_for(flows),
            Self::Ipv6 => FlowTable::<Ipv6Key>::octets_for(flows),
            Self::L2 => FlowTable::<L2Key>::octets_for(flows),
        }
    }
}

/// Flows of a starter table, from which a family moves to its full one.
///
/// Enough for a thread that meets the family by chance (neighbour discovery, a few connections);
/// few enough that moving all of them stays within the time of a frame
/// (`a_full_starter_table` in `benches/metering/`).
pub const STARTER_FLOWS: usize = 1024;

/// Flows for which each family's table has room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flows {
    /// [`Family::Ipv4`].
    pub ipv4: usize,
    /// [`Family::Ipv6`].
    pub ipv6: usize,
    /// [`Family::L2`].
    pub l2: usize,
}

impl Flows {
    /// As many for each family.
    pub const fn each(flows: usize) -> Self {
        Self {
            ipv4: flows,
            ipv6: flows,
            l2: flows,
        }
    }

    /// Those of `family`.
    pub const fn of(&self, family: Family) -> usize {
        match family {
            Family::Ipv4 => self.ipv4,
            Family::Ipv6 => self.ipv6,
            Family::L2 => self.l2,
        }
    }
}

/// An empty table for one family, for [`MeteringProcess::adopt`](super::MeteringProcess::adopt).
pub struct Table(pub(super) AnyTable);

/// A table of one of the families.
pub(super) enum AnyTable {
    Ipv4(FlowTable<Ipv4Key>),
    Ipv6(FlowTable<Ipv6Key>),
    L2(FlowTable<L2Key>),
}

impl Table {
    /// A table for so many flows.
    ///
    /// # Errors
    /// Where the system has not the memory.
    pub fn new(family: Family, flows: usize) -> Result<Self, OutOfMemory> {
        Ok(Self(match family {
            Family::Ipv4 => AnyTable::Ipv4(FlowTable::new(flows)?),
            Family::Ipv6 => AnyTable::Ipv6(FlowTable::new(flows)?),
            Family::L2 => AnyTable::L2(FlowTable::new(flows)?),
        }))
    }

    /// Takes all its memory from the system now; see
    /// [`MeteringProcess::populate`](super::MeteringProcess::populate).
    pub fn populate(&mut self) {
        match &mut self.0 {
            AnyTable::Ipv4(table) => table.populate(),
            AnyTable::Ipv6(table) => table.populate(),
            AnyTable::L2(table) => table.populate(),
        }
    }

    /// Whose it is.
    pub fn family(&self) -> Family {
        match self.0 {
            AnyTable::Ipv4(_) => Family::Ipv4,
            AnyTable::Ipv6(_) => Family::Ipv6,
            AnyTable::L2(_) => Family::L2,
        }
    }

    /// Flows for which it has room.
    pub fn capacity(&self) -> usize {
        match &self.0 {
            AnyTable::Ipv4(table) => table.capacity(),
            AnyTable::Ipv6(table) => table.capacity(),
            AnyTable::L2(table) => table.capacity(),
        }
    }
}
