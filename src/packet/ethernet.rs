// SPDX-License-Identifier: Apache-2.0
//! Ethernet frames: both forms of IEEE 802.3, EtherType and length with LLC.
//!
//! Owns the MAC header and the LLC and SNAP headers behind a length; what an EtherType
//! means is `ether_type`'s. A frame has at most one LLC header, so that nothing recurs.

use bytemuck::{Pod, Zeroable};

use super::ether_type;
use super::link::{Carried, Frame, Network, Tags};
use super::wire::split_header;
use crate::metering::ignored::IgnoredReason;

/// IEEE 802.3 §3.1.1.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct EthernetHeader {
    destination: [u8; 6],
    source: [u8; 6],
    type_or_length: [u8; 2],
}

/// IEEE 802.2 §3.2 with a control field of one octet: destination SAP, source SAP, control.
type LogicalLinkHeader = [u8; 3];

/// SNAP follows, in an unnumbered information PDU (RFC 1042).
const SNAP: LogicalLinkHeader = [0xaa, 0xaa, 0x03];
/// IP follows, without SNAP.
const IP: LogicalLinkHeader = [0x06, 0x06, 0x03];

/// RFC 1042: the last five octets of its eight.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct SnapHeader {
    organization: [u8; 3],
    ether_type: [u8; 2],
}

impl SnapHeader {
    /// The organization code under which the other two octets are an EtherType.
    const ETHER_TYPE: [u8; 3] = [0; 3];
}

/// Reads an Ethernet frame.
#[inline]
pub(super) fn read(octets: &[u8]) -> Result<Frame<'_>, IgnoredReason> {
    let (header, rest) =
        split_header::<EthernetHeader>(octets).ok_or(IgnoredReason::LinkHeaderTruncated)?;
    let mut tags = Tags::default();
    let (type_or_length, rest) =
        ether_type::skip_tags(u16::from_be_bytes(header.type_or_length), rest, &mut tags)?;
    let carried = if type_or_length < ether_type::MINIMUM {
        logical_link(rest, &mut tags)?
    } else {
        ether_type::carried(type_or_length, rest, &mut tags)?
    };
    Ok(Frame {
        carried,
        vlan: tags.vlan,
        source: header.source,
        destination: header.destination,
    })
}

fn logical_link<'a>(octets: &'a [u8], tags: &mut Tags) -> Result<Carried<'a>, IgnoredReason> {
    let (header, rest) =
        split_header::<LogicalLinkHeader>(octets).ok_or(IgnoredReason::LinkHeaderTruncated)?;
    match *header {
        SNAP => {
            let (snap, rest) =
                split_header::<SnapHeader>(rest).ok_or(IgnoredReason::LinkHeaderTruncated)?;
            if snap.organization != SnapHeader::ETHER_TYPE {
                return Ok(Carried {
                    network: Network::Other(0),
                    octets: rest,
                });
            }
            let (ether_type, rest) =
                ether_type::skip_tags(u16::from_be_bytes(snap.ether_type), rest, tags)?;
            ether_type::carried(ether_type, rest, tags)
        }
        IP => Ok(Carried {
            network: Network::Ipv4,
            octets: rest,
        }),
        _ => Ok(Carried {
            network: Network::Other(0),
            octets: rest,
        }),
    }
}
