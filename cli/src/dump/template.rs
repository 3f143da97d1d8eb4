// SPDX-License-Identifier: Apache-2.0
//! Templates (RFC 7011 §3.4), and how they split records into values.
//!
//! The bounds of values are found here; the values are decoded by netflow_parser. It knows nothing of
//! messages and files.

use std::rc::Rc;

use netflow_parser::{DataNumber, FieldDataType, FieldValue};

use super::element::{DataType, Element};
use super::error::Malformed;

/// The length in a template that marks a field of variable length (RFC 7011 §7).
const VARIABLE: u16 = u16::MAX;

/// A Template, or an Options Template.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) fields: Vec<Field>,
    /// The number of scope fields: 0 unless it is an Options Template.
    scope_fields: usize,
}

/// A Field Specifier (RFC 7011 §3.2).
#[derive(Debug)]
pub(super) struct Field {
    pub(super) element: Element,
    pub(super) length: u16,
}

/// A record of a template set.
#[derive(Debug)]
pub(super) enum TemplateRecord {
    Definition(u16, Template),
    /// RFC 7011 §8.1; the set's own id withdraws all templates of its kind.
    Withdrawal(u16),
}

/// A Data Record.
#[derive(Debug)]
pub(super) struct Record {
    template: Rc<Template>,
    values: Vec<FieldValue>,
}

impl TemplateRecord {
    /// Takes one from the front of `octets`, which are part of a set.
    pub(super) fn take(octets: &mut &[u8], options: bool) -> Result<Self, Malformed> {
        let id = take_number(octets).ok_or(Malformed::TemplateCut)?;
        let count = take_number(octets).ok_or(Malformed::TemplateCut)?;
        if count == 0 {
            return Ok(Self::Withdrawal(id));
        }
        if id < 256 {
            return Err(Malformed::TemplateId(id));
        }
        let mut scope_fields = 0;
        if options {
            scope_fields = take_number(octets).ok_or(Malformed::TemplateCut)?;
            if scope_fields == 0 || scope_fields > count {
                return Err(Malformed::Scope(id));
            }
        }
        let fields = (0..count).map(|_| Field::take(octets));
        let fields: Option<Vec<_>> = fields.collect();
        let template = Template {
            fields: fields.ok_or(Malformed::TemplateCut)?,
            scope_fields: scope_fields.into(),
        };
        Ok(Self::Definition(id, template))
    }
}

impl Field {
    fn take(octets: &mut &[u8]) -> Option<Self> {
        const ENTERPRISE: u16 = 1 << 15;
        let number = take_number(octets)?;
        let length = take_number(octets)?;
        let enterprise = if number & ENTERPRISE == 0 {
            None
        } else {
            Some(u32::from_be_bytes(take_array(octets)?))
        };
        let element = Element::new(number & !ENTERPRISE, enterprise);
        Some(Self { element, length })
    }

    /// Returns the minimum length of an encoded value.
    fn shortest(&self) -> usize {
        match self.length {
            VARIABLE => 1,
            length => length.into(),
        }
    }

    /// Takes a value from the front of `octets`.
    fn take_value(&self, octets: &mut &[u8]) -> Option<FieldValue> {
        let length = match self.length {
            VARIABLE => take_length(octets)?,
            length => length.into(),
        };
        let (value, rest) = octets.split_at_checked(length)?;
        *octets = rest;
        self.element.data_type.decode(value)
    }
}

impl DataType {
    fn decode(self, octets: &[u8]) -> Option<FieldValue> {
        use FieldDataType as Type;
        let data_type = match self {
            Self::Boolean => Type::UnsignedDataNumber,
            Self::Other(data_type) => data_type,
        };
        // netflow_parser does not decode these reduced lengths (RFC 7011 §6.2) as numbers.
        match (data_type, octets) {
            (Type::UnsignedDataNumber, [_, _, _, _, _, ..]) if octets.len() < 8 => {
                let number = widened(octets, 0);
                return Some(FieldValue::DataNumber(DataNumber::U64(number)));
            }
            (Type::SignedDataNumber, [first, _, _, _, _, ..]) if octets.len() < 8 => {
                let sign = if first & 0x80 == 0 { 0 } else { u64::MAX };
                let number = widened(octets, sign).cast_signed();
                return Some(FieldValue::DataNumber(DataNumber::I64(number)));
            }
            (Type::Float64, &[a, b, c, d]) => {
                let number = f32::from_be_bytes([a, b, c, d]);
                return Some(FieldValue::Float64(number.into()));
            }
            _ => {}
        }
        let length = u16::try_from(octets.len()).ok()?;
        let (rest, value) = FieldValue::from_field_type(octets, data_type, length).ok()?;
        rest.is_empty().then_some(value)
    }
}

impl Template {
    /// Returns the minimum length of a record; fewer octets are padding (RFC 7011 §3.3.1).
    pub(super) fn shortest(&self) -> usize {
        self.fields.iter().map(Field::shortest).sum()
    }

    /// Returns whether it is an Options Template, which has a scope (RFC 7011 §3.4.2.1).
    pub(super) fn is_options(&self) -> bool {
        self.scope_fields > 0
    }
}

impl Record {
    /// Takes one from the front of `octets`, which are part of a set.
    pub(super) fn take(octets: &mut &[u8], template: &Rc<Template>) -> Result<Self, Malformed> {
        let mut values = Vec::with_capacity(template.fields.len());
        for field in &template.fields {
            values.push(field.take_value(octets).ok_or(Malformed::RecordCut)?);
        }
        Ok(Self {
            template: Rc::clone(template),
            values,
        })
    }

    /// Returns its elements and their values, the scope first.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&Element, &FieldValue)> {
        let elements = self.template.fields.iter().map(|field| &field.element);
        elements.zip(&self.values)
    }

    /// Returns whether it is a record of an Options Template.
    pub(super) fn is_options(&self) -> bool {
        self.template.is_options()
    }
}

fn take_array<const N: usize>(octets: &mut &[u8]) -> Option<[u8; N]> {
    let (array, rest) = octets.split_first_chunk()?;
    *octets = rest;
    Some(*array)
}

/// Takes 16 bits from the front of `octets`.
pub(super) fn take_number(octets: &mut &[u8]) -> Option<u16> {
    take_array(octets).map(u16::from_be_bytes)
}

/// Takes the length before a value: one octet, or three if the first is 255 (RFC 7011 §7).
fn take_length(octets: &mut &[u8]) -> Option<usize> {
    match take_array(octets)? {
        [u8::MAX] => take_number(octets).map(usize::from),
        [length] => Some(length.into()),
    }
}

fn widened(octets: &[u8], sign: u64) -> u64 {
    let shifted = |number, octet: &u8| number << 8 | u64::from(*octet);
    octets.iter().fold(sign, shifted)
}
