// SPDX-License-Identifier: Apache-2.0
//! Two kinds of time. Hosts provide both; the engine has no clock.
//!
//! A flow record has the absolute times of its packets ([`Timestamp`]), which step when a clock is
//! set or two captures are joined. Timeouts are decided on [`Uptime`], which never steps back.

/// Milliseconds since the Unix epoch, the precision of IANA elements 152 and 153
/// (`dateTimeMilliseconds`, RFC 7011 §6.1.8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The instant `milliseconds` after the Unix epoch.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Seconds since the Unix epoch, as the export time of a message
    /// (RFC 7011 §3.1: unsigned 32 bits, which wrap in 2106).
    pub const fn as_export_seconds(self) -> u32 {
        (self.0 / 1000) as u32
    }
}

/// Milliseconds since the metering process started: monotonic, unsigned 32 bits that
/// wrap after 49 days, as IANA element 22 (`flowStartSysUpTime`) counts them.
///
/// Only differences between instants less than 49 days apart are meaningful.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Uptime(u32);

impl Uptime {
    /// The instant `milliseconds` after the start, modulo 2³².
    pub const fn from_millis(milliseconds: u32) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds since the start, modulo 2³².
    pub const fn as_millis(self) -> u32 {
        self.0
    }

    /// Milliseconds from `earlier` to this instant.
    #[inline(always)]
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7011 §3.1: whole seconds, modulo 2³².
    #[test]
    fn an_export_time_is_in_seconds() {
        let seconds = |milliseconds| Timestamp::from_millis(milliseconds).as_export_seconds();
        assert_eq!(seconds(1_700_000_000_999), 1_700_000_000);
        assert_eq!(seconds(1_700_000_001_000), 1_700_000_001);
        assert_eq!(seconds((u64::from(u32::MAX) + 3) * 1000), 2);
    }

    #[test]
    fn uptime_goes_on_where_it_wraps_around() {
        let [before, behind] = [u32::MAX - 1, 5].map(Uptime::from_millis);
        assert_eq!(behind.since(before), 7);
        assert_eq!(behind.since(behind), 0);
        assert_eq!(behind.as_millis(), 5);
    }
}
