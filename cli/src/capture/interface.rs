// SPDX-License-Identifier: Apache-2.0
//! Interfaces of captures: the link type and the clock of their packets.
//!
//! Owns the meaning of `if_tsresol` and `if_tsoffset` (draft-ietf-opsawg-pcapng §4.2). Knows nothing
//! of the layout of descriptions. Times saturate instead of overflowing.

use flowmeter::observation::LinkType;
use flowmeter::time::Timestamp;

/// An interface at which packets were captured. Its number in the file is the number of interfaces
/// that were described before it.
#[derive(Clone, Debug)]
pub(crate) struct Interface {
    /// Its name, if the file has one.
    pub(crate) name: Option<String>,
    /// Its description, if the file has one.
    pub(crate) description: Option<String>,
    /// The first header of its packets.
    pub(crate) link_type: LinkType,
    /// The link type's number in files.
    pub(super) link_number: u32,
    /// The number of interfaces of the same name that its section described before.
    pub(super) occurrence: u32,
    /// Its number in records, once it has one.
    pub(super) number: Option<u32>,
    /// The maximum length of its captured packets; 0 if there is no limit.
    pub(super) snap_length: u32,
    pub(super) clock: Clock,
}

impl Interface {
    /// Returns the maximum length of its captured packets.
    #[inline(always)]
    pub(super) fn max_captured(&self) -> u32 {
        match self.snap_length {
            0 => u32::MAX,
            snap_length => snap_length,
        }
    }
}

/// The unit and the origin of the times of an interface's packets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    pub(super) resolution: Resolution,
    /// Milliseconds between the Unix epoch and the time 0.
    pub(super) offset: i64,
}

impl Clock {
    /// Returns the instant `ticks` after the time 0, rounded down to a millisecond.
    #[inline(always)]
    pub(super) fn timestamp(self, ticks: u64) -> Timestamp {
        let milliseconds = self.resolution.milliseconds(ticks);
        Timestamp::from_millis(milliseconds.saturating_add_signed(self.offset))
    }
}

/// The length of a tick. The two common ones have variants of their own, so that they divide by a
/// constant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Resolution {
    /// 10⁻⁶ seconds, the default.
    #[default]
    Microseconds,
    /// 10⁻⁹ seconds.
    Nanoseconds,
    /// This number of milliseconds.
    Multiple(u64),
    /// A millisecond has this number of ticks; 0 if it exceeds 64 bits.
    Fraction(u64),
    /// A second has two to this power of ticks.
    Binary(u32),
}

impl Resolution {
    /// Decodes `if_tsresol`: the negative power of ten, or of two if the highest bit is set.
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

/// The maximum length of a name or description. It keeps the memory for all interfaces within the
/// length of the file.
const MAX_TEXT: usize = 255;

/// Decodes the text of an option as UTF-8, up to the first NUL, which some writers append.
pub(super) fn text(octets: &[u8]) -> Option<String> {
    let octets = octets.split(|&octet| octet == 0).next().unwrap_or_default();
    let octets = &octets[..octets.len().min(MAX_TEXT)];
    let text = String::from_utf8_lossy(octets);
    // Part of a character, cut at the limit.
    let text = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
    (!text.is_empty()).then(|| text.to_owned())
}
