// SPDX-License-Identifier: Apache-2.0
//! IP packets without a link-layer header: the version says which IP it is.

use super::cursor::Cursor;
use super::next::{Next, Step};
use crate::flow::IgnoredReason;

/// Returns which IP header follows.
#[inline]
pub(super) fn read(cursor: &mut Cursor<'_>) -> Step {
    let first = cursor
        .rest()
        .first()
        .ok_or(IgnoredReason::IpHeaderTruncated)?;
    match first >> 4 {
        4 => Ok(Next::Ipv4),
        6 => Ok(Next::Ipv6),
        _ => Err(IgnoredReason::IpVersion),
    }
}
