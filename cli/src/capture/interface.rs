// SPDX-License-Identifier: Apache-2.0
//! Interfaces as captures describe them: how their packets begin and what their times mean.
//!
//! Owns the meaning of `if_tsresol` and of `if_tsoffset` (draft-ietf-opsawg-pcapng §4.2). Knows nothing of how a
//! description is laid out. No time stamp overflows: times saturate.

use flowmeter::observation::LinkType;
use flowmeter::time::Timestamp;

/// One interface that packets were captured at. The file's own number of it is the count of those
/// described before it.
#[derive(Clone, Debug)]
pub(crate) struct Interface {
    /// Its name, where the file says.
    pub(crate) name: Option<String>,
    /// Its description, where the file says.
    pub(crate) description: Option<String>,
    /// How the octets of its packets begin.
    pub(crate) link_type: LinkType,
    /// The link type's number in files.
    pub(super) link_number: u32,
    /// How many of its name the same section described before.
    pub(super) occurrence: u32,
    /// The number that records have for it, once it has been given one.
    pub(super) number: Option<u32>,
    /// The most octets that are captured of each of its packets; 0 where there is no limit.
    pub(super) snap_length: u32,
    pub(super) clock: Clock,
}

impl Interface {
    /// The most octets that, as the file itself says, are captured of a packet.
    #[inline(always)]
    pub(super) fn max_captured(&self) -> u32 {
        match self.snap_length {
            0 => u32::MAX,
            snap_length => snap_length,
        }
    }
}

/// What the times of an interface's packets count.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    pub(super) resolution: Resolution,
    /// Milliseconds between the Unix epoch and the time 0.
    pub(super) offset: i64,
}

impl Clock {
    /// The instant `ticks` after the time 0, rounded down to a millisecond.
    #[inline(always)]
    pub(super) fn timestamp(self, ticks: u64) -> Timestamp {
        let milliseconds = self.resolution.milliseconds(ticks);
        Timestamp::from_millis(milliseconds.saturating_add_signed(self.offset))
    }
}

/// How long a tick is. The two that files have are apart from the rest, so that they
/// divide by a constant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Resolution {
    /// 10⁻⁶ seconds, which holds where a file says nothing.
    #[default]
    Microseconds,
    /// 10⁻⁹ seconds.
    Nanoseconds,
    /// So many milliseconds.
    Multiple(u64),
    /// A millisecond has so many; 0 where they are more than 64 bits hold.
    Fraction(u64),
    /// A second has two to the power of so many.
    Binary(u32),
}

impl Resolution {
    /// The resolution that the octet of `if_tsresol` says: the negative power of ten, or of
    /// two where the highest bit is set.
    pub(super) fn from_option(octet: u8) -> Self {
        let exponent = u32::from(octet & 0x7f);
        match (octet, exponent.checked_sub(3)) {
            (0x80.., _) => Self::Binary(exponent),
            (6, _) => Self::Microseconds,
            (9, _) => Self::Nanoseconds,
            (_, None) => Self::Multiple(10_u64.pow(3 - exponent)),
            (_, Some(below)) => Self::Fraction(10_u64.checked_pow(below).unwrap_or(0)),
        }
    }

    #[inline(always)]
    fn milliseconds(self, ticks: u64) -> u64 {
        match self {
            Self::Microseconds => ticks / 1_000,
            Self::Nanoseconds => ticks / 1_000_000,
            Self::Multiple(milliseconds) => ticks.saturating_mul(milliseconds),
            Self::Fraction(per_millisecond) => ticks.checked_div(per_millisecond).unwrap_or(0),
            Self::Binary(exponent) => {
                let milliseconds = (u128::from(ticks) * 1000) >> exponent;
                u64::try_from(milliseconds).unwrap_or(u64::MAX)
            }
        }
    }
}

/// Octets of a name or a description that are kept, so that a file cannot make us hold
/// more than it is long.
const MAX_TEXT: usize = 255;

/// The text of an option: up to its first NUL, which some writers put, as UTF-8.
pub(super) fn text(octets: &[u8]) -> Option<String> {
    let octets = octets.split(|&octet| octet == 0).next().unwrap_or_default();
    let octets = &octets[..octets.len().min(MAX_TEXT)];
    let text = String::from_utf8_lossy(octets);
    // A character that was cut in two at the limit.
    let text = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
    (!text.is_empty()).then(|| text.to_owned())
}
