// SPDX-License-Identifier: Apache-2.0
//! Information Elements: their names, and the types by which netflow_parser decodes their values.
//!
//! IANA's elements are the engine's, which come from a table of the registry. Of enterprises'
//! elements, the types are those that netflow_parser knows.

use std::borrow::Cow;

use flowmeter::exporting::information_element::{DataType as Abstract, InformationElement};
use netflow_parser::FieldDataType;
use netflow_parser::variable_versions::ipfix::lookup::IPFixField;

/// The enterprise of elements for the reverse direction (RFC 5103 §6.1).
const REVERSE: u32 = 29305;

/// An Information Element.
#[derive(Debug)]
pub(super) struct Element {
    /// The element in IANA's registry, unless it is unknown or an enterprise's.
    pub(super) iana: Option<InformationElement>,
    /// IANA's name; the number of an unknown element, and both numbers of an enterprise's.
    pub(super) name: Cow<'static, str>,
    pub(super) data_type: DataType,
}

/// How an element's octets are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataType {
    /// One that RFC 7011 §6.1.5 defines and netflow_parser doesn't.
    Boolean,
    /// One that netflow_parser reads.
    Other(FieldDataType),
}

impl Element {
    /// Returns the element `number` of `enterprise`, or of IANA's registry.
    pub(super) fn new(number: u16, enterprise: Option<u32>) -> Self {
        let known = InformationElement::from_number(number);
        let name = match known {
            Some(element) => Cow::Borrowed(element.name()),
            None => Cow::Owned(number.to_string()),
        };
        let data_type = known.map_or(DataType::Other(FieldDataType::Vec), |element| {
            decoded_as(element.data_type())
        });
        match enterprise {
            None => Self {
                iana: known,
                name,
                data_type,
            },
            Some(REVERSE) => Self {
                iana: None,
                name: reversed(&name).into(),
                data_type,
            },
            Some(enterprise) => Self {
                iana: None,
                name: format!("{enterprise}/{number}").into(),
                data_type: DataType::Other(lossless(
                    IPFixField::new(number, Some(enterprise)).into(),
                )),
            },
        }
    }
}

/// Returns the name of an element for the reverse direction (RFC 5103 §6.1): `reverse`, and the
/// name with a capital.
fn reversed(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    "reverse".chars().chain(first).chain(letters).collect()
}

/// Returns how a value of an abstract data type (RFC 7011 §6.1) is decoded.
fn decoded_as(data_type: Abstract) -> DataType {
    use FieldDataType as Type;
    DataType::Other(match data_type {
        Abstract::Boolean => return DataType::Boolean,
        Abstract::Unsigned8
        | Abstract::Unsigned16
        | Abstract::Unsigned32
        | Abstract::Unsigned64
        | Abstract::DateTimeSeconds
        | Abstract::DateTimeMilliseconds => Type::UnsignedDataNumber,
        Abstract::Signed8 | Abstract::Signed16 | Abstract::Signed32 | Abstract::Signed64 => {
            Type::SignedDataNumber
        }
        Abstract::Float32 | Abstract::Float64 => Type::Float64,
        Abstract::MacAddress => Type::MacAddr,
        Abstract::String => Type::String,
        Abstract::DateTimeMicroseconds => Type::DurationMicrosNTP,
        Abstract::DateTimeNanoseconds => Type::DurationNanosNTP,
        Abstract::Ipv4Address => Type::Ip4Addr,
        Abstract::Ipv6Address => Type::Ip6Addr,
        // Octets, lists (RFC 6313), and numbers that no integer holds.
        _ => Type::Vec,
    })
}

/// Returns a type that keeps all octets. netflow_parser's enumerations become numbers, since some
/// of them keep only the values that they know.
fn lossless(data_type: FieldDataType) -> FieldDataType {
    use FieldDataType as Type;
    match data_type {
        Type::DurationSeconds
        | Type::DurationMillis
        | Type::ProtocolType
        | Type::ForwardingStatus
        | Type::FragmentFlags
        | Type::TcpControlBits
        | Type::Ipv6ExtensionHeaders
        | Type::Ipv4Options
        | Type::TcpOptions
        | Type::IsMulticast
        | Type::MplsLabelExp
        | Type::FlowEndReason
        | Type::NatEvent
        | Type::FirewallEvent
        | Type::MplsTopLabelType
        | Type::NatOriginatingAddressRealm => Type::UnsignedDataNumber,
        Type::ApplicationId | Type::Unknown => Type::Vec,
        kept => kept,
    }
}

#[cfg(test)]
mod tests {
    use flowmeter::exporting::information_element::ALL;
    use netflow_parser::variable_versions::ipfix::lookup::IANAIPFixField;

    use super::*;

    #[test]
    fn unknown_and_enterprises_elements_have_numbers_for_names() {
        for (number, enterprise, name) in [
            (8, None, "sourceIPv4Address"),
            (192, None, "ipTTL"),
            // Without a name: reserved, NetFlow v9's, deprecated, unassigned.
            (0, None, "0"),
            (105, None, "105"),
            (416, None, "416"),
            (32767, None, "32767"),
            (1, Some(29305), "reverseOctetDeltaCount"),
            (5, Some(9999), "9999/5"),
        ] {
            assert_eq!(Element::new(number, enterprise).name, name);
        }
    }

    /// The last element that netflow_parser's table has.
    const LAST_KNOWN: u16 = 502;

    /// netflow_parser has no booleans and takes these for numbers.
    const BOOLEANS: [u16; 4] = [276, 333, 388, 389];

    /// Octets and lists that netflow_parser takes for strings.
    const STRINGS: [u16; 22] = [
        266, 347, 349, 411, 435, 436, 437, 443, 444, 445, 449, 464, 465, 482, 484, 485, 486, 487,
        488, 489, 490, 491,
    ];

    /// Two tables of one registry. netflow_parser's spells names as Rust's types.
    #[test]
    fn netflow_parser_has_the_same_names_and_types() {
        for number in 0..=0x7fff {
            let element = Element::new(number, None);
            let other = IANAIPFixField::from(number);
            let Some(iana) = element.iana else {
                let spelled = format!("{other:?}");
                let is_nameless =
                    matches!(other, IANAIPFixField::Unknown(_) | IANAIPFixField::Reserved)
                        || spelled.starts_with("AssignedforNetFlowv9");
                assert!(is_nameless, "{number}: {spelled}");
                continue;
            };
            if iana.number() > LAST_KNOWN {
                assert!(matches!(other, IANAIPFixField::Unknown(_)), "{other:?}");
                continue;
            }
            assert_eq!(
                format!("{other:?}").to_lowercase(),
                iana.name().to_lowercase()
            );
            let other = lossless(other.into());
            let expected = if BOOLEANS.contains(&number) {
                assert_eq!(other, FieldDataType::UnsignedDataNumber, "{iana}");
                DataType::Boolean
            } else if STRINGS.contains(&number) {
                assert_eq!(other, FieldDataType::String, "{iana}");
                DataType::Other(FieldDataType::Vec)
            } else {
                DataType::Other(other)
            };
            assert_eq!(element.data_type, expected, "{iana}");
        }
        assert!(ALL.last().is_some_and(|last| last.number() > LAST_KNOWN));
    }
}
