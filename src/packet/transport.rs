// SPDX-License-Identifier: Apache-2.0
//! What flow keys take from the header after IP's: ports, ICMP's type and code, TCP flags.
//!
//! Its callers pass only octets of the packet itself: nothing past the IP length, and nothing of a
//! later fragment. What was not captured is zero.

use super::wire::split_header;
use crate::flow::Ports;
use crate::number::protocol;

/// What the transport header says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Transport {
    /// The ports, or ICMP type and code in place of the destination's.
    pub(super) ports: Ports,
    /// The low 8 bits of the TCP flags.
    pub(super) tcp_flags: u8,
}

/// Where a TCP header's flags are (RFC 9293 §3.1).
const TCP_FLAGS: usize = 13;

/// Reads the header of this protocol that `octets` begin with.
#[inline]
pub(super) fn read(protocol: u8, octets: &[u8]) -> Transport {
    match protocol {
        protocol::TCP => Transport {
            ports: ports(octets),
            tcp_flags: octets.get(TCP_FLAGS).copied().unwrap_or(0),
        },
        // RFC 768, RFC 3828 §3.1, RFC 9260 §3.1, RFC 4340 §5.1: ports come first, as in TCP.
        protocol::UDP | protocol::UDP_LITE | protocol::SCTP | protocol::DCCP => Transport {
            ports: ports(octets),
            tcp_flags: 0,
        },
        // RFC 792 and RFC 4443 §2.1: type and code come first.
        protocol::ICMP | protocol::ICMPV6 => {
            let destination = octets.first_chunk().copied().unwrap_or_default();
            Transport {
                ports: Ports {
                    source: [0; 2],
                    destination,
                },
                tcp_flags: 0,
            }
        }
        _ => Transport::default(),
    }
}

#[inline]
fn ports(octets: &[u8]) -> Ports {
    split_header(octets).map_or_else(Ports::default, |(ports, _)| *ports)
}
