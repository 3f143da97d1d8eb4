// SPDX-License-Identifier: Apache-2.0
//! Frames that are not IP: their flows are those of MAC addresses and EtherTypes.

use super::cursor::Cursor;
use super::dissection::{Dissection, Headers};
use crate::flow::L2Key;

/// Returns what a frame of the protocol of this EtherType is; 0 if it has no EtherType.
#[inline]
pub(super) fn read(cursor: &Cursor<'_>, ether_type: u16) -> Dissection {
    let [source, destination] = cursor.addresses();
    Dissection::NonIp(Headers {
        key: L2Key {
            source,
            destination,
            observed: cursor.observed(ether_type),
        },
        octets: cursor.on_wire(),
        packets: 1,
        type_of_service: 0,
        tcp_flags: 0,
        attributes: (),
    })
}
