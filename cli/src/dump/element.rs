// SPDX-License-Identifier: Apache-2.0
//! Information Elements: their names and types.
//!
//! Both are netflow_parser's, which spells names as Rust does and has types that keep less
//! than an element holds; here they become IANA's names, and types that keep all of it.

use flowmeter::exporting::information_element::ALL;
use netflow_parser::FieldDataType;
use netflow_parser::variable_versions::ipfix::lookup::{IANAIPFixField, IPFixField};

/// The enterprise of elements for the reverse direction (RFC 5103 §6.1).
const REVERSE: u32 = 29305;

/// Elements of type boolean, where 1 is true and 2 is false (RFC 7011 §6.1.5).
const BOOLEANS: [u16; 4] = [276, 333, 388, 389];

/// Elements that hold octets or lists, and are taken for strings.
const OCTETS: [u16; 22] = [
    266, 347, 349, 411, 435, 436, 437, 443, 444, 445, 449, 464, 465, 482, 484, 485, 486, 487, 488,
    489, 490, 491,
];

/// Spellings of words in names: netflow_parser's, IANA's.
const WORDS: [(&str, &str); 7] = [
    ("address", "Address"),
    ("prefix", "Prefix"),
    ("IpAddress", "IPAddress"),
    ("Ipaddress", "IPAddress"),
    ("Ipv", "IPv"),
    ("Mcast", "MCast"),
    ("Ttl", "TTL"),
];

/// Names that no rule leads to, by number.
const NAMES: [(u16, &str); 31] = [
    (102, "layer2packetSectionOffset"),
    (103, "layer2packetSectionSize"),
    (104, "layer2packetSectionData"),
    (147, "wlanSSID"),
    (207, "ipv4IHL"),
    (225, "postNATSourceIPv4Address"),
    (226, "postNATDestinationIPv4Address"),
    (227, "postNAPTSourceTransportPort"),
    (228, "postNAPTDestinationTransportPort"),
    (235, "egressVRFID"),
    (236, "VRFname"),
    (262, "messageMD5Checksum"),
    (281, "postNATSourceIPv6Address"),
    (282, "postNATDestinationIPv6Address"),
    (288, "p2pTechnology"),
    (295, "IPSecSPI"),
    (327, "hashIPPayloadOffset"),
    (328, "hashIPPayloadSize"),
    (336, "upperCILimit"),
    (337, "lowerCILimit"),
    (349, "virtualStationUUID"),
    (388, "dot1qDEI"),
    (389, "dot1qCustomerDEI"),
    (394, "selectorIDTotalFlowsObserved"),
    (395, "selectorIDTotalFlowsSelected"),
    (436, "mibObjectValueOID"),
    (449, "mibContextEngineID"),
    (455, "mobileIMSI"),
    (456, "mobileMSISDN"),
    (463, "natInstanceID"),
    (472, "maxBIBEntries"),
];

/// An Information Element.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) id: IPFixField,
    /// IANA's name; its number where netflow_parser knows none, and both numbers where it is
    /// an enterprise's.
    pub(super) name: Box<str>,
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
    /// The element `number` of `enterprise`, or of IANA's registry.
    pub(super) fn new(number: u16, enterprise: Option<u32>) -> Self {
        let id = IPFixField::new(number, enterprise);
        let (name, data_type) = match enterprise {
            None => (name(number), data_type(number)),
            Some(REVERSE) => (reversed(&name(number)), data_type(number)),
            Some(enterprise) => {
                let data_type = DataType::Other(lossless(id.into()));
                (format!("{enterprise}/{number}"), data_type)
            }
        };
        Self {
            id,
            name: name.into(),
            data_type,
        }
    }
}

fn name(number: u16) -> String {
    if let Some(element) = ALL.iter().find(|element| element.number() == number) {
        return element.name().to_owned();
    }
    if let Some((_, name)) = NAMES.iter().find(|(known, _)| *known == number) {
        return (*name).to_owned();
    }
    match IANAIPFixField::from(number) {
        IANAIPFixField::Unknown(_) | IANAIPFixField::Reserved => number.to_string(),
        known => {
            let name = format!("{known:?}");
            if name.starts_with("Assignedfor") {
                // NetFlow v9's, without a name in IPFIX.
                return number.to_string();
            }
            spelled(&name)
        }
    }
}

/// `DestinationIpv6prefix` as `destinationIPv6Prefix`.
fn spelled(name: &str) -> String {
    let words = WORDS.iter().fold(name.to_owned(), |name, (rust, iana)| {
        name.replace(rust, iana)
    });
    let mut name = String::with_capacity(words.len());
    let mut letters = words.chars();
    name.extend(letters.next().map(|first| first.to_ascii_lowercase()));
    let mut after_digit = false;
    for letter in letters {
        name.push(if after_digit {
            letter.to_ascii_uppercase()
        } else {
            letter
        });
        after_digit = letter.is_ascii_digit();
    }
    // A name begins in lower case: ipv4Options; and IEEE 802.1Q is dot1q.
    let name = name.replace("ot1Q", "ot1q");
    match name.strip_prefix("iPv") {
        Some(rest) => format!("ipv{rest}"),
        None => name,
    }
}

/// RFC 5103 §6.1: `reverse`, and the name with a capital.
fn reversed(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    "reverse".chars().chain(first).chain(letters).collect()
}

fn data_type(number: u16) -> DataType {
    if BOOLEANS.contains(&number) {
        return DataType::Boolean;
    }
    DataType::Other(if OCTETS.contains(&number) {
        FieldDataType::Vec
    } else {
        lossless(IANAIPFixField::from(number).into())
    })
}

/// A type that keeps all of the octets: enumerations and flags are numbers, whatever their
/// values are called, and some of those types have room only for known flags.
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
    use super::*;

    #[test]
    fn names_are_ianas() {
        for (number, name) in [
            (8, "sourceIPv4Address"),
            (20, "postMCastOctetDeltaCount"),
            (56, "sourceMacAddress"),
            (64, "ipv6ExtensionHeaders"),
            (91, "mplsTopLabelPrefixLength"),
            (192, "ipTTL"),
            (225, "postNATSourceIPv4Address"),
            (246, "dot1qCustomerPriority"),
            (352, "layer2OctetDeltaCount"),
            (378, "distinctCountOfSourceIPAddress"),
            (502, "srhSegmentIPv6EndpointBehavior"),
            // Without a name: reserved, NetFlow v9's, of another enterprise's kind.
            (0, "0"),
            (105, "105"),
            (32767, "32767"),
        ] {
            assert_eq!(&*Element::new(number, None).name, name);
        }
        assert_eq!(
            &*Element::new(1, Some(29305)).name,
            "reverseOctetDeltaCount"
        );
        assert_eq!(&*Element::new(5, Some(9999)).name, "9999/5");
    }

    /// The rule gives the engine's names too, so that both can be relied upon.
    #[test]
    fn the_rule_agrees_with_the_engine() {
        for element in ALL {
            let known = IANAIPFixField::from(element.number());
            // The one that is written unlike any other.
            let spelled = spelled(&format!("{known:?}")).replace("Vrfid", "VRFID");
            assert_eq!(spelled, element.name());
        }
    }
}
