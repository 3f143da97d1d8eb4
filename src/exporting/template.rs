// SPDX-License-Identifier: Apache-2.0
//! Templates and Options Templates (RFC 7011 §3.4).

use alloc::vec::Vec;

use super::information_element::InformationElement;

/// A Template ID, 256 or larger (RFC 7011 §3.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TemplateId(pub u16);

/// A Field Specifier (RFC 7011 §3.2): an element and the octets that it has in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSpecifier {
    element: InformationElement,
    length: u16,
}

impl FieldSpecifier {
    /// Returns a field of as many octets as the element's type has.
    ///
    /// # Panics
    /// If the type has no fixed length; in a constant, this stops the build.
    pub const fn new(element: InformationElement) -> Self {
        match element.data_type().length() {
            Some(length) => Self { element, length },
            None => panic!("a type without a length: use with_length"),
        }
    }

    /// Returns a field of `length` octets, not variable: a string, or a number in reduced-size
    /// encoding (RFC 7011 §6.2).
    ///
    /// # Panics
    /// If the element's type does not allow this length; in a constant, this stops the build.
    pub const fn with_length(element: InformationElement, length: u16) -> Self {
        assert!(element.data_type().allows(length));
        assert!(length != VARIABLE);
        Self { element, length }
    }

    /// Returns the element.
    pub const fn element(self) -> InformationElement {
        self.element
    }

    /// Returns the octets of a value.
    pub const fn length(self) -> u16 {
        self.length
    }
}

/// The length that marks a field of variable length (RFC 7011 §7).
const VARIABLE: u16 = 0xffff;

/// A Template, or an Options Template if some of its fields are scope fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its id, a constant of the layout.
    pub id: TemplateId,
    /// The number of scope fields, which come first (RFC 7011 §3.4.2.1).
    pub scope_fields: u16,
    /// Its fields, in the order of a record.
    pub fields: &'static [FieldSpecifier],
}

impl Template {
    /// Returns the octets of one Data Record.
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

    /// Returns the Template Record, or Options Template Record, in network byte order.
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
