// SPDX-License-Identifier: Apache-2.0
//! Templates and Options Templates (RFC 7011 §3.4).

use alloc::vec::Vec;

use super::information_element::InformationElement;

/// A Template ID: 256 or more (RFC 7011 §3.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TemplateId(pub u16);

/// A Field Specifier (RFC 7011 §3.2): an element and the octets it takes in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSpecifier {
    /// The element.
    pub element: InformationElement,
    /// Octets of its value; never variable.
    pub length: u16,
}

/// A Template, or an Options Template where some of its fields are scope fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its id, the same everywhere.
    pub id: TemplateId,
    /// How many of the fields, counted from the first, are the scope (RFC 7011 §3.4.2.1).
    pub scope_fields: u16,
    /// Its fields, in the order of a record.
    pub fields: &'static [FieldSpecifier],
}

impl Template {
    /// Octets of one Data Record.
    pub const fn record_length(&self) -> usize {
        let mut length = 0;
        let mut index = 0;
        while index < self.fields.len() {
            length += self.fields[index].length as usize;
            index += 1;
        }
        length
    }

    /// Whether it is an Options Template.
    pub const fn is_options(&self) -> bool {
        self.scope_fields > 0
    }

    /// The Template Record, or Options Template Record, that announces it.
    pub(super) fn to_octets(self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(6 + 4 * self.fields.len());
        octets.extend(self.id.0.to_be_bytes());
        octets.extend((self.fields.len() as u16).to_be_bytes());
        if self.is_options() {
            octets.extend(self.scope_fields.to_be_bytes());
        }
        for field in self.fields {
            octets.extend(field.element.number().to_be_bytes());
            octets.extend(field.length.to_be_bytes());
        }
        octets
    }
}
