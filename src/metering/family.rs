// SPDX-License-Identifier: Apache-2.0
//! The families of flows, each of which has a table of its own.
//!
//! A family may start with a small table and get its full one when it is needed: a host creates that
//! elsewhere, as a [`Table`], and passes it to the process, which moves the flows.

use crate::flow::{Ipv4Key, Ipv6Key, L2Key};
use crate::flow_table::{FlowTable, TableError};

/// A kind of flows that share a table.
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

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::L2 => "l2",
        }
    }

    /// Octets of memory that a table for `flows` flows takes once every slot has been used.
    pub fn octets_for(self, flows: usize) -> usize {
        match self {
            Self::Ipv4 => FlowTable::<Ipv4Key>::octets_for(flows),
            Self::Ipv6 => FlowTable::<Ipv6Key>::octets_for(flows),
            Self::L2 => FlowTable::<L2Key>::octets_for(flows),
        }
    }
}

/// The capacity of a starter table, which a family has until it gets its full one.
///
/// Enough for a thread that meets the family by chance (neighbour discovery, a few connections);
/// few enough that moving all of them takes no longer than a frame
/// (`a_full_starter_table` in `benches/metering/`).
pub const STARTER_FLOWS: usize = 1024;

/// The capacity of each family's table, in flows.
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
    /// The same capacity for each family.
    pub const fn each(flows: usize) -> Self {
        Self {
            ipv4: flows,
            ipv6: flows,
            l2: flows,
        }
    }

    /// The capacity for `family`.
    pub const fn of(&self, family: Family) -> usize {
        match family {
            Family::Ipv4 => self.ipv4,
            Family::Ipv6 => self.ipv6,
            Family::L2 => self.l2,
        }
    }
}

/// An empty table for one family, for [`MeteringProcess::adopt`](super::MeteringProcess::adopt).
pub struct Table(pub(super) AnyFamily);

/// A table of one of the families.
pub(super) enum AnyFamily {
    Ipv4(FlowTable<Ipv4Key>),
    Ipv6(FlowTable<Ipv6Key>),
    L2(FlowTable<L2Key>),
}

impl Table {
    /// A table for `flows` flows.
    ///
    /// # Errors
    /// If `flows` is not from 1 to [`MAX_FLOWS`](super::MAX_FLOWS), or if the system has not enough
    /// memory.
    pub fn new(family: Family, flows: usize) -> Result<Self, TableError> {
        Ok(Self(match family {
            Family::Ipv4 => AnyFamily::Ipv4(FlowTable::new(flows)?),
            Family::Ipv6 => AnyFamily::Ipv6(FlowTable::new(flows)?),
            Family::L2 => AnyFamily::L2(FlowTable::new(flows)?),
        }))
    }

    /// Takes all its memory from the system now; see
    /// [`MeteringProcess::populate`](super::MeteringProcess::populate).
    pub fn populate(&mut self) {
        match &mut self.0 {
            AnyFamily::Ipv4(table) => table.populate(),
            AnyFamily::Ipv6(table) => table.populate(),
            AnyFamily::L2(table) => table.populate(),
        }
    }

    /// Its family.
    pub fn family(&self) -> Family {
        match self.0 {
            AnyFamily::Ipv4(_) => Family::Ipv4,
            AnyFamily::Ipv6(_) => Family::Ipv6,
            AnyFamily::L2(_) => Family::L2,
        }
    }

    /// Its capacity, in flows.
    pub fn capacity(&self) -> usize {
        match &self.0 {
            AnyFamily::Ipv4(table) => table.capacity(),
            AnyFamily::Ipv6(table) => table.capacity(),
            AnyFamily::L2(table) => table.capacity(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow_table::MAX_FLOWS;

    #[test]
    fn a_capacity_out_of_range_is_refused_by_name() {
        for family in Family::ALL {
            for flows in [0, MAX_FLOWS + 1, usize::MAX] {
                let error = Table::new(family, flows).err().unwrap();
                let expected =
                    format!("a flow table has room for 1 to 100000000 flows, not for {flows}");
                assert_eq!(error.to_string(), expected);
            }
        }
    }
}
