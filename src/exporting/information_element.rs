// SPDX-License-Identifier: Apache-2.0
//! The Information Elements that templates use, as IANA's IPFIX registry has them.

use core::fmt;

/// An Information Element of IANA's registry (RFC 7012).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InformationElement {
    number: u16,
    name: &'static str,
}

impl InformationElement {
    /// Its number in the registry.
    pub const fn number(self) -> u16 {
        self.number
    }

    /// Its name in the registry.
    pub const fn name(self) -> &'static str {
        self.name
    }
}

impl fmt::Display for InformationElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name, self.number)
    }
}

macro_rules! information_elements {
    ($($constant:ident = $number:literal $name:ident,)+) => {
        $(
            #[doc = concat!("`", stringify!($name), "`, number ", $number, ".")]
            pub const $constant: InformationElement = InformationElement {
                number: $number,
                name: stringify!($name),
            };
        )+

        /// All of them, by number.
        pub const ALL: &[InformationElement] = &[$($constant,)+];
    };
}

information_elements! {
    OCTET_DELTA_COUNT = 1 octetDeltaCount,
    PACKET_DELTA_COUNT = 2 packetDeltaCount,
    PROTOCOL_IDENTIFIER = 4 protocolIdentifier,
    IP_CLASS_OF_SERVICE = 5 ipClassOfService,
    TCP_CONTROL_BITS = 6 tcpControlBits,
    SOURCE_TRANSPORT_PORT = 7 sourceTransportPort,
    SOURCE_IPV4_ADDRESS = 8 sourceIPv4Address,
    INGRESS_INTERFACE = 10 ingressInterface,
    DESTINATION_TRANSPORT_PORT = 11 destinationTransportPort,
    DESTINATION_IPV4_ADDRESS = 12 destinationIPv4Address,
    EGRESS_INTERFACE = 14 egressInterface,
    SOURCE_IPV6_ADDRESS = 27 sourceIPv6Address,
    DESTINATION_IPV6_ADDRESS = 28 destinationIPv6Address,
    FLOW_LABEL_IPV6 = 31 flowLabelIPv6,
    ICMP_TYPE_CODE_IPV4 = 32 icmpTypeCodeIPv4,
    SAMPLING_INTERVAL = 34 samplingInterval,
    SOURCE_MAC_ADDRESS = 56 sourceMacAddress,
    VLAN_ID = 58 vlanId,
    IP_VERSION = 60 ipVersion,
    FLOW_DIRECTION = 61 flowDirection,
    DESTINATION_MAC_ADDRESS = 80 destinationMacAddress,
    INTERFACE_NAME = 82 interfaceName,
    INTERFACE_DESCRIPTION = 83 interfaceDescription,
    FORWARDING_STATUS = 89 forwardingStatus,
    FLOW_END_REASON = 136 flowEndReason,
    ICMP_TYPE_CODE_IPV6 = 139 icmpTypeCodeIPv6,
    OBSERVATION_DOMAIN_ID = 149 observationDomainId,
    FLOW_START_MILLISECONDS = 152 flowStartMilliseconds,
    FLOW_END_MILLISECONDS = 153 flowEndMilliseconds,
    FLOW_START_NANOSECONDS = 156 flowStartNanoseconds,
    FLOW_END_NANOSECONDS = 157 flowEndNanoseconds,
    INGRESS_VRF_ID = 234 ingressVRFID,
    EGRESS_VRF_ID = 235 egressVRFID,
    ETHERNET_TYPE = 256 ethernetType,
}
