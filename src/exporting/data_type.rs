// SPDX-License-Identifier: Apache-2.0
//! Abstract data types and units of Information Elements, as IANA's IPFIX registries name them.
//!
//! The build script includes this file, to check the table of elements. Therefore it imports nothing
//! of the engine.

/// Declares an enumeration whose variants have a name in a registry of IANA.
macro_rules! registry {
    (
        $(#[$attribute:meta])*
        pub enum $type:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)+ }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $type { $($(#[$doc])* $variant,)+ }

        impl $type {
            /// All of them, in the order of their numbers in IANA's registry.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Returns its name in IANA's registry.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

registry! {
    /// An abstract data type. RFC 7011 §6.1 defines the encoding; multi-octet numbers are in
    /// network byte order.
    pub enum DataType {
        /// Octets, without an interpretation.
        OctetArray = "octetArray",
        /// An unsigned number of 1 octet.
        Unsigned8 = "unsigned8",
        /// An unsigned number of 2 octets.
        Unsigned16 = "unsigned16",
        /// An unsigned number of 4 octets.
        Unsigned32 = "unsigned32",
        /// An unsigned number of 8 octets.
        Unsigned64 = "unsigned64",
        /// A signed number of 1 octet.
        Signed8 = "signed8",
        /// A signed number of 2 octets.
        Signed16 = "signed16",
        /// A signed number of 4 octets.
        Signed32 = "signed32",
        /// A signed number of 8 octets.
        Signed64 = "signed64",
        /// An IEEE 754 number of 4 octets.
        Float32 = "float32",
        /// An IEEE 754 number of 8 octets.
        Float64 = "float64",
        /// One octet: 1 is true, 2 is false (RFC 7011 §6.1.5).
        Boolean = "boolean",
        /// An IEEE 802 address of 6 octets.
        MacAddress = "macAddress",
        /// A string in UTF-8.
        String = "string",
        /// Seconds since 1970, in 4 octets.
        DateTimeSeconds = "dateTimeSeconds",
        /// Milliseconds since 1970, in 8 octets.
        DateTimeMilliseconds = "dateTimeMilliseconds",
        /// An NTP timestamp of 8 octets, precise to microseconds (RFC 7011 §6.1.9).
        DateTimeMicroseconds = "dateTimeMicroseconds",
        /// An NTP timestamp of 8 octets, precise to nanoseconds (RFC 7011 §6.1.10).
        DateTimeNanoseconds = "dateTimeNanoseconds",
        /// An IPv4 address of 4 octets.
        Ipv4Address = "ipv4Address",
        /// An IPv6 address of 16 octets.
        Ipv6Address = "ipv6Address",
        /// Values of one element (RFC 6313 §4.5.1).
        BasicList = "basicList",
        /// Records of one template (RFC 6313 §4.5.2).
        SubTemplateList = "subTemplateList",
        /// Records of several templates (RFC 6313 §4.5.3).
        SubTemplateMultiList = "subTemplateMultiList",
        /// An unsigned number of 32 octets (RFC 9740 §5.1).
        Unsigned256 = "unsigned256",
    }
}

registry! {
    /// A unit of an element's values (RFC 5610 §3.3).
    pub enum Unit {
        /// Bits.
        Bits = "bits",
        /// Octets.
        Octets = "octets",
        /// Packets.
        Packets = "packets",
        /// Flows.
        Flows = "flows",
        /// Seconds.
        Seconds = "seconds",
        /// Milliseconds.
        Milliseconds = "milliseconds",
        /// Microseconds.
        Microseconds = "microseconds",
        /// Nanoseconds.
        Nanoseconds = "nanoseconds",
        /// Words of four octets.
        FourOctetWords = "4-octet words",
        /// Messages.
        Messages = "messages",
        /// Hops.
        Hops = "hops",
        /// Entries, as of a label stack.
        Entries = "entries",
        /// Frames of the link layer.
        Frames = "frames",
        /// Transport ports.
        Ports = "ports",
        /// The unit of another element, which the record names (RFC 5477 §8.8.2).
        Inferred = "inferred",
    }
}

impl DataType {
    /// Returns the octets of a value, or `None` if the type has no fixed length.
    pub const fn length(self) -> Option<u16> {
        match self {
            Self::Unsigned8 | Self::Signed8 | Self::Boolean => Some(1),
            Self::Unsigned16 | Self::Signed16 => Some(2),
            Self::Unsigned32
            | Self::Signed32
            | Self::Float32
            | Self::DateTimeSeconds
            | Self::Ipv4Address => Some(4),
            Self::MacAddress => Some(6),
            Self::Unsigned64
            | Self::Signed64
            | Self::Float64
            | Self::DateTimeMilliseconds
            | Self::DateTimeMicroseconds
            | Self::DateTimeNanoseconds => Some(8),
            Self::Ipv6Address => Some(16),
            Self::Unsigned256 => Some(32),
            Self::OctetArray
            | Self::String
            | Self::BasicList
            | Self::SubTemplateList
            | Self::SubTemplateMultiList => None,
        }
    }

    /// Whether a template may give a value so many octets: those of its type, or fewer if it is a
    /// number (reduced-size encoding, RFC 7011 §6.2).
    pub const fn allows(self, octets: u16) -> bool {
        match (self, self.length()) {
            (_, None) => true,
            (Self::Float64, _) => octets == 4 || octets == 8,
            (
                Self::Unsigned16
                | Self::Unsigned32
                | Self::Unsigned64
                | Self::Unsigned256
                | Self::Signed16
                | Self::Signed32
                | Self::Signed64,
                Some(length),
            ) => octets > 0 && octets <= length,
            (_, Some(length)) => octets == length,
        }
    }
}
