// SPDX-License-Identifier: Apache-2.0
//! The Information Elements of IANA's IPFIX registry (RFC 7012).
//!
//! The build script makes a constant for each element from `information_elements.txt`. A constant's
//! name is the element's in Rust's spelling: [`SOURCE_IPV4_ADDRESS`] is `sourceIPv4Address`.

use core::fmt;

pub use super::data_type::{DataType, Unit};

/// An Information Element of IANA's registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InformationElement {
    number: u16,
    name: &'static str,
    data_type: DataType,
    unit: Option<Unit>,
}

impl InformationElement {
    /// Returns the element with a number of IANA's registry, or `None` if the registry has none.
    /// Takes logarithmic time.
    pub fn from_number(number: u16) -> Option<Self> {
        let index = ALL.binary_search_by_key(&number, |element| element.number);
        index.ok().map(|index| ALL[index])
    }

    /// Returns its number, the Information Element identifier of RFC 7011 §3.2.
    pub const fn number(self) -> u16 {
        self.number
    }

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Returns its abstract data type.
    pub const fn data_type(self) -> DataType {
        self.data_type
    }

    /// Returns the unit of its values, if they have one.
    pub const fn unit(self) -> Option<Unit> {
        self.unit
    }
}

impl fmt::Display for InformationElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name, self.number)
    }
}

include!(concat!(env!("OUT_DIR"), "/information_elements.rs"));
