// SPDX-License-Identifier: Apache-2.0
//! Converts a record to a JSON object: keys are element names, values are numbers and strings.
//!
//! It knows nothing of files. Every value that netflow_parser decodes can be converted.

use netflow_parser::variable_versions::field_value::DurationValue;
use netflow_parser::{DataNumber, FieldValue};
use serde_json::{Map, Value, map};

use super::element::{DataType, Element};
use super::template::Record;
use crate::text::ethernet_address;

/// Returns the record as an object, with its scope fields first. If an element occurs more than once,
/// its values are an array.
pub(super) fn object(record: &Record) -> Map<String, Value> {
    let mut object = Map::new();
    for (element, value) in record.fields() {
        let value = self::value(element, value);
        match object.entry(&*element.name) {
            map::Entry::Vacant(entry) => {
                entry.insert(value);
            }
            map::Entry::Occupied(mut entry) => match entry.get_mut() {
                Value::Array(values) => values.push(value),
                first => *first = Value::Array(vec![first.take(), value]),
            },
        }
    }
    object
}

fn value(element: &Element, value: &FieldValue) -> Value {
    match value {
        FieldValue::DataNumber(DataNumber::U8(truth @ 1..=2))
            if element.data_type == DataType::Boolean =>
        {
            (*truth == 1).into()
        }
        FieldValue::DataNumber(number) => self::number(number),
        FieldValue::String(string) => text(&string.raw),
        // JSON has no infinity and no NaN, so they are null.
        FieldValue::Float64(number) => (*number).into(),
        FieldValue::Duration(DurationValue::MicrosNtp { seconds, fraction }) => {
            ntp_time(*seconds, *fraction, 1_000_000).into()
        }
        FieldValue::Duration(DurationValue::NanosNtp { seconds, fraction }) => {
            ntp_time(*seconds, *fraction, 1_000_000_000).into()
        }
        FieldValue::Ip4Addr(address) => address.to_string().into(),
        FieldValue::Ip6Addr(address) => address.to_string().into(),
        FieldValue::MacAddr(address) => ethernet_address(*address).into(),
        FieldValue::Vec(octets) => hexadecimal(octets),
        // Elements have no other types here.
        other => {
            let mut octets = Vec::new();
            match other.write_be_bytes(&mut octets) {
                Ok(()) => hexadecimal(&octets),
                Err(_) => Value::Null,
            }
        }
    }
}

fn number(number: &DataNumber) -> Value {
    match *number {
        DataNumber::U8(number) => number.into(),
        DataNumber::U16(number) => number.into(),
        DataNumber::U24(number) | DataNumber::U32(number) => number.into(),
        DataNumber::U64(number) => number.into(),
        DataNumber::I8(number) => number.into(),
        DataNumber::I16(number) => number.into(),
        DataNumber::I24(number) | DataNumber::I32(number) => number.into(),
        DataNumber::I64(number) => number.into(),
        // No known element is that long.
        DataNumber::U128(number) => hexadecimal(&number.to_be_bytes()),
        DataNumber::I128(number) => hexadecimal(&number.to_be_bytes()),
        DataNumber::Vec(ref octets) => hexadecimal(octets),
    }
}

/// Returns a string without the zeros that fill a field of fixed length.
fn text(octets: &[u8]) -> Value {
    let end = octets.iter().rposition(|octet| *octet != 0);
    let octets = &octets[..end.map_or(0, |last| last + 1)];
    String::from_utf8_lossy(octets).into_owned().into()
}

fn hexadecimal(octets: &[u8]) -> Value {
    let digits = octets.iter().map(|octet| format!("{octet:02x}"));
    digits.collect::<String>().into()
}

/// Returns the units since the Unix epoch. Microseconds and nanoseconds are encoded as NTP timestamps,
/// which count from 1900 and in fractions of 2³² (RFC 7011 §6.1.9).
pub(super) fn ntp_time(seconds: u32, fraction: u32, units_in_second: i64) -> i64 {
    const SECONDS_FROM_1900_TO_1970: i64 = 2_208_988_800;
    let seconds = i64::from(seconds) - SECONDS_FROM_1900_TO_1970;
    // Rounded to the nearest, as a unit is not a whole number of fractions.
    let units = (i64::from(fraction) * units_in_second + (1 << 31)) >> 32;
    seconds * units_in_second + units
}
