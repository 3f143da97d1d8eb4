// SPDX-License-Identifier: Apache-2.0
//! The BSD loopback encapsulations (LINKTYPE_NULL and LINKTYPE_LOOP): an address family.

use super::cursor::Cursor;
use super::next::{Next, Step};

/// `AF_INET`, the same number everywhere.
const AF_INET: u32 = 2;

/// Reads a header in the byte order of the machine that captured.
pub(super) fn read_null(cursor: &mut Cursor<'_>) -> Step {
    let family = *cursor.take()?;
    // Families are small numbers, so the right byte order is the one in which it is small.
    Ok(announced(
        u32::from_be_bytes(family).min(u32::from_le_bytes(family)),
    ))
}

/// Reads a header in network byte order.
pub(super) fn read_loop(cursor: &mut Cursor<'_>) -> Step {
    Ok(announced(u32::from_be_bytes(*cursor.take()?)))
}

/// Returns what an address family announces.
fn announced(family: u32) -> Next {
    match family {
        AF_INET => Next::Ipv4,
        // AF_INET6 is 10 on Linux, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on Darwin.
        10 | 24 | 28 | 30 => Next::Ipv6,
        _ => Next::NonIp(0),
    }
}
