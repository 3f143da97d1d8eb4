// SPDX-License-Identifier: Apache-2.0
//! A record as a JSON object: element names as keys, values as numbers and strings.
//!
//! It knows nothing of files. Whatever netgauze decodes has a value here; nothing panics.

use std::net::{Ipv4Addr, Ipv6Addr};

use chrono::{DateTime, Utc};
use netgauze_flow_pkt::ie::{
    Field, HasIE, IE, InformationElementDataType as DataType, InformationElementTemplate,
    MacAddress,
};
use netgauze_flow_pkt::ipfix::DataRecord;
use serde_json::{Map, Value, map};

/// The record, its scope fields first. An element that it has more than once becomes an
/// array.
pub(super) fn object(record: &DataRecord) -> Map<String, Value> {
    let mut object = Map::new();
    for field in record.scope_fields().iter().chain(record.fields()) {
        match object.entry(name(field.ie())) {
            map::Entry::Vacant(entry) => {
                entry.insert(value(field));
            }
            map::Entry::Occupied(mut entry) => match entry.get_mut() {
                Value::Array(values) => values.push(value(field)),
                first => *first = Value::Array(vec![first.take(), value(field)]),
            },
        }
    }
    object
}

/// IANA's name; of an enterprise that netgauze does not know, both numbers.
fn name(element: IE) -> String {
    match element {
        IE::Unknown { pen, id } => format!("{pen}/{id}"),
        known => known.to_string(),
    }
}

fn value(field: &Field) -> Value {
    if let Some(number) = number_of_name(field) {
        return number.into();
    }
    let value = match field.ie().data_type() {
        DataType::unsigned8 => converted::<u8>(field),
        DataType::unsigned16 => converted::<u16>(field),
        DataType::unsigned32 => converted::<u32>(field),
        DataType::unsigned64 => converted::<u64>(field),
        DataType::signed8 => converted::<i8>(field),
        DataType::signed16 => converted::<i16>(field),
        DataType::signed32 => converted::<i32>(field),
        DataType::signed64 => converted::<i64>(field),
        DataType::boolean => converted::<bool>(field),
        DataType::string => converted::<String>(field),
        // Floats are in ordered_float's type, which serde writes as a number.
        DataType::float32 | DataType::float64 => float(field),
        DataType::ipv4Address => with(field, |address: Ipv4Addr| address.to_string().into()),
        DataType::ipv6Address => with(field, |address: Ipv6Addr| address.to_string().into()),
        DataType::macAddress => with(field, |address| mac_address(&address).into()),
        DataType::dateTimeSeconds => with(field, |time: DateTime<Utc>| time.timestamp().into()),
        DataType::dateTimeMilliseconds => {
            with(field, |time: DateTime<Utc>| time.timestamp_millis().into())
        }
        DataType::dateTimeMicroseconds => with(field, |time| ntp_time(time, 1_000_000).into()),
        DataType::dateTimeNanoseconds => with(field, |time| ntp_time(time, 1_000_000_000).into()),
        DataType::unsigned256 => with(field, |octets: Box<[u8; 32]>| hexadecimal(&*octets)),
        DataType::octetArray
        | DataType::basicList
        | DataType::subTemplateList
        | DataType::subTemplateMultiList => octets(field),
    };
    // What enterprises name has no number that could be asked for.
    value
        .or_else(|| converted::<String>(field))
        .unwrap_or(Value::Null)
}

/// The number behind a value that netgauze has a name for.
fn number_of_name(field: &Field) -> Option<u32> {
    macro_rules! numbers {
        ($($number:ty: $($element:ident)+;)+) => {
            match field {
                $($(Field::$element(value) => Some(u32::from(<$number>::from(*value))),)+)+
                _ => None,
            }
        };
    }
    numbers! {
        u8: protocolIdentifier mplsTopLabelType flowDirection classificationEngineId
            flowEndReason natOriginatingAddressRealm natEvent firewallEvent biflowDirection
            observationPointType natType valueDistributionMethod mibCaptureTimeSemantics
            srhIPv6ActiveSegmentType tcpControlBits;
        u16: anonymizationTechnique selectorAlgorithm flowSelectorAlgorithm dataLinkFrameType
            srhSegmentIPv6EndpointBehavior;
        u32: forwardingStatus natQuotaExceededEvent natThresholdEvent;
    }
}

fn with<T>(field: &Field, value: impl FnOnce(T) -> Value) -> Option<Value>
where
    Field: TryInto<T>,
{
    field.clone().try_into().ok().map(value)
}

fn converted<T: Into<Value>>(field: &Field) -> Option<Value>
where
    Field: TryInto<T>,
{
    with(field, T::into)
}

/// A float; JSON has no infinity and no NaN, so they are null.
fn float(field: &Field) -> Option<Value> {
    let Value::Object(named) = serde_json::to_value(field).ok()? else {
        return None;
    };
    named.into_iter().next().map(|(_, value)| value)
}

fn octets(field: &Field) -> Option<Value> {
    if let Field::Unknown { value, .. } = field {
        return Some(hexadecimal(value));
    }
    with(field, |octets: Box<[u8]>| hexadecimal(&octets))
}

fn hexadecimal(octets: &[u8]) -> Value {
    let digits = octets.iter().map(|octet| format!("{octet:02x}"));
    digits.collect::<String>().into()
}

/// In the notation of IEEE 802, with colons.
pub(super) fn mac_address([a, b, c, d, e, f]: &MacAddress) -> String {
    format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

/// Units since the Unix epoch. Micro- and nanoseconds are sent as NTP timestamps, which
/// count from 1900 (RFC 7011 §6.1.9); netgauze takes their seconds for Unix time.
fn ntp_time(time: DateTime<Utc>, units_in_second: i64) -> i64 {
    const SECONDS_FROM_1900_TO_1970: i64 = 2_208_988_800;
    let seconds = time.timestamp().saturating_sub(SECONDS_FROM_1900_TO_1970);
    let nanoseconds = i64::from(time.timestamp_subsec_nanos());
    let fraction = nanoseconds / (1_000_000_000 / units_in_second);
    seconds
        .saturating_mul(units_in_second)
        .saturating_add(fraction)
}
