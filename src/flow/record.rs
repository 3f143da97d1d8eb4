// SPDX-License-Identifier: Apache-2.0
//! A flow as the table keeps it, and the Flow Record that it becomes (RFC 7011 §2).
//!
//! A flow outlives its records: after the active timeout it goes on with zeroed counts.
//! A record without packets is never made.

use bytemuck::Zeroable;

use super::key::FlowKey;
use super::tally::Tally;
use crate::observation::ObservationPoint;
use crate::time::{Timestamp, Uptime};

/// Why a record was made (IANA element 136, `flowEndReason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum EndReason {
    /// No packet for the idle timeout.
    IdleTimeout = 1,
    /// The flow went on for the active timeout; more records of it may follow.
    ActiveTimeout = 2,
    /// TCP FIN or RST was seen, and then nothing for a short while, or the SYN of another connection
    /// with the same key.
    EndOfFlow = 3,
    /// The host asked for it.
    ForcedEnd = 4,
    /// Its slot was needed for another flow.
    LackOfResources = 5,
}

impl EndReason {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::IdleTimeout,
        Self::ActiveTimeout,
        Self::EndOfFlow,
        Self::ForcedEnd,
        Self::LackOfResources,
    ];

    /// The name that reports show.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IdleTimeout => "idle_timeout",
            Self::ActiveTimeout => "active_timeout",
            Self::EndOfFlow => "end_of_flow",
            Self::ForcedEnd => "forced_end",
            Self::LackOfResources => "lack_of_resources",
        }
    }
}

/// What is exported of one flow.
#[derive(Clone, Copy, Debug)]
pub struct FlowRecord<K: FlowKey> {
    /// The flow.
    pub key: K,
    /// What was kept of its first packet.
    pub attributes: K::Attributes,
    /// IANA element 2, `packetDeltaCount`; never 0.
    pub packets: u64,
    /// IANA element 1, `octetDeltaCount`.
    pub octets: u64,
    /// IANA element 152, `flowStartMilliseconds`.
    pub start: Timestamp,
    /// IANA element 153, `flowEndMilliseconds`; never before `start`.
    pub end: Timestamp,
    /// IANA element 234, `ingressVRFID`, as the first packet met it.
    pub ingress_vrf: u32,
    /// IANA element 235, `egressVRFID`, likewise.
    pub egress_vrf: u32,
    /// IANA element 5, `ipClassOfService`, of the first packet.
    pub type_of_service: u8,
    /// IANA element 6, `tcpControlBits`: the low 8 bits, of all packets.
    pub tcp_flags: u8,
    /// IANA element 136, `flowEndReason`.
    pub end_reason: EndReason,
}

/// The measures of a live flow: 40 octets, so that with an IPv4 key it fills one cache line.
///
/// Two clocks meet here. A record's *line* says which time belongs to which uptime: its start
/// belongs to `began`, and time passes as uptime does. Nearly all packets stand on that line, and
/// change nothing but `seen` ([`Self::is_on_line`]). Those that do not, because a clock was set or
/// they come out of order, move the line or leave the record's end behind it ([`Self::add`]).
///
/// There is room for one table's id. The other's halves are the low 16 bits of two words that need
/// no more than the 48 above them: a packet each nanosecond takes three days to fill these, and
/// milliseconds since 1970 fill them in the year 10889. Octets need no more than 56 bits: those of
/// 16 days at 400 Gbit/s.
#[derive(Clone, Copy, Debug, Zeroable)]
#[repr(C)]
pub(crate) struct Flow {
    packets_and_vrf: u64,
    /// The earliest time of the record. Between the counts, which would else be added to as a
    /// vector, in more instructions.
    start_and_vrf: u64,
    /// The type of service in the high octet.
    octets_and_service: u64,
    /// The uptime that belongs to the start.
    began: u32,
    /// The uptime of the latest packet.
    seen: u32,
    ingress_vrf: u32,
    /// TCP flags of this record in the low octet, this file's own in the high one.
    flags: u16,
    /// Milliseconds from the latest time of the record to the one that belongs to `seen`.
    lag: u16,
}

/// TCP FIN, SYN and RST (RFC 9293 §3.1).
const FIN_OR_RST: u16 = 0x05;
pub(crate) const SYN: u8 = 0x02;

/// FIN or RST was seen before the last record.
const ENDED_BEFORE: u16 = 0x100;
/// No packet has come since the last record.
const EMPTY: u16 = 0x200;
/// `lag` is not 0.
const LAGS: u16 = 0x400;
/// A packet of the batch under way was deferred, so all later ones are.
const DEFERRED: u16 = 0x800;

/// Where a record's times are with one more packet, in milliseconds.
#[derive(Clone, Copy)]
struct Extent {
    /// From the start so far to the new one; never positive.
    first: i64,
    /// From the new start to the time that belongs to the packet's uptime.
    reach: i64,
    /// From the latest time to that.
    lag: i64,
}

impl Extent {
    /// Longer than any active timeout, and still far from where uptime wraps around.
    const MAX_REACH: i64 = 1 << 31;

    /// Whether a flow has room for it.
    fn is_representable(&self) -> bool {
        self.reach < Self::MAX_REACH && self.lag <= i64::from(u16::MAX)
    }
}

impl Flow {
    /// Bits of a word that are half of a table's id.
    const VRF: u64 = (1 << Self::VRF_BITS) - 1;
    const VRF_BITS: u32 = 16;

    /// Bits of a word that are octets.
    const OCTETS: u64 = (1 << Self::OCTET_BITS) - 1;
    const OCTET_BITS: u32 = 56;

    /// The flags of which a flow that ended has any.
    pub(crate) const ENDED: u16 = FIN_OR_RST | ENDED_BEFORE;

    /// The flags of which a flow has any that can't simply count a packet.
    pub(crate) const UNUSUAL: u16 = EMPTY | LAGS | DEFERRED;

    /// A flow that has yet to count its first packet.
    #[inline(always)]
    pub(crate) fn new<K: FlowKey>(
        type_of_service: u8,
        point: &ObservationPoint,
        time: Timestamp,
        uptime: Uptime,
    ) -> Self {
        let [ingress_vrf, egress_vrf] = K::vrf_ids(point);
        let uptime = uptime.as_millis();
        Self {
            packets_and_vrf: u64::from(egress_vrf) & Self::VRF,
            octets_and_service: u64::from(type_of_service) << Self::OCTET_BITS,
            start_and_vrf: representable(time) << Self::VRF_BITS
                | u64::from(egress_vrf >> Self::VRF_BITS),
            began: uptime,
            seen: uptime,
            ingress_vrf,
            flags: 0,
            lag: 0,
        }
    }

    /// Whether a packet's time and uptime belong together as the record's do.
    #[inline(always)]
    pub(crate) fn is_on_line(&self, time: Timestamp, uptime: Uptime) -> bool {
        let since_start = time.as_millis().wrapping_sub(self.start());
        since_start == u64::from(uptime.since(self.began()))
    }

    /// Counts a packet that is on the line, or `packets` of one time, with `octets` in all.
    #[inline(always)]
    pub(crate) fn count(&mut self, packets: u32, octets: u32, tcp_flags: u8, uptime: Uptime) {
        let packets = u64::from(packets) << Self::VRF_BITS;
        self.packets_and_vrf = self.packets_and_vrf.wrapping_add(packets);
        self.octets_and_service = self.octets_and_service.wrapping_add(octets.into());
        self.seen = uptime.as_millis();
        self.flags |= u16::from(tcp_flags);
    }

    /// Counts packets, wherever their time is: then the record's times contain it. Where they can't,
    /// and the record could not be made before it got there, the time counts that belongs to the
    /// uptime.
    #[inline(always)]
    pub(crate) fn add(
        &mut self,
        packets: u32,
        octets: u32,
        tcp_flags: u8,
        time: Timestamp,
        uptime: Uptime,
    ) {
        if self.lag != 0 || !self.is_on_line(time, uptime) {
            self.extend(time, uptime);
        }
        self.count(packets, octets, tcp_flags, uptime);
    }

    /// Makes the record's times contain `time`.
    #[cold]
    fn extend(&mut self, time: Timestamp, uptime: Uptime) {
        let mut extent = self.extent(time, uptime);
        if !extent.is_representable() {
            extent = Extent {
                first: 0,
                reach: uptime.since(self.began()).into(),
                lag: 0,
            };
        }
        let start = self.start().saturating_add_signed(extent.first);
        self.start_and_vrf = start << Self::VRF_BITS | (self.start_and_vrf & Self::VRF);
        self.began = uptime.as_millis().wrapping_sub(extent.reach as u32);
        self.lag = extent.lag as u16;
        self.flags = (self.flags & !LAGS) | if extent.lag > 0 { LAGS } else { 0 };
    }

    /// The record's times with a packet at `time`. The line goes through that packet of the record
    /// whose time is furthest ahead of its uptime, so no end is beyond it.
    fn extent(&self, time: Timestamp, uptime: Uptime) -> Extent {
        let at = representable(time) as i64 - self.start() as i64;
        let age = i64::from(uptime.since(self.began()));
        let first = at.min(0);
        let last = at.max(self.duration() as i64);
        let span = last - first;
        let reach = span.max(age - first);
        Extent {
            first,
            reach,
            lag: reach - span,
        }
    }

    /// Whether the record's times may contain `time` as well: they stay less than `active`
    /// milliseconds apart, and there is room for them.
    pub(crate) fn fits(&self, time: Timestamp, uptime: Uptime, active: u32) -> bool {
        let extent = self.extent(time, uptime);
        let span = extent.reach - extent.lag;
        self.has_any(EMPTY) || (span < i64::from(active) && extent.is_representable())
    }

    /// Has all further packets of the batch deferred.
    #[inline(always)]
    pub(crate) fn defer(&mut self) {
        self.flags |= DEFERRED;
    }

    /// The first deferred packet has come.
    pub(crate) fn undefer(&mut self) {
        self.flags &= !DEFERRED;
    }

    /// Forgets what has been recorded; the flow goes on.
    pub(crate) fn clear(&mut self) {
        self.packets_and_vrf &= Self::VRF;
        self.octets_and_service &= !Self::OCTETS;
        self.flags = EMPTY | if self.ended() { ENDED_BEFORE } else { 0 };
        self.lag = 0;
    }

    /// Makes a packet the first of the next record, if there was none yet.
    pub(crate) fn resume(&mut self, time: Timestamp, uptime: Uptime) {
        if self.has_any(EMPTY) {
            let start = representable(time) << Self::VRF_BITS;
            self.start_and_vrf = start | (self.start_and_vrf & Self::VRF);
            self.began = uptime.as_millis();
            self.seen = uptime.as_millis();
            self.flags &= !EMPTY;
        }
    }

    #[inline(always)]
    pub(crate) fn packets(&self) -> u64 {
        self.packets_and_vrf >> Self::VRF_BITS
    }

    #[inline(always)]
    fn octets(&self) -> u64 {
        self.octets_and_service & Self::OCTETS
    }

    #[inline(always)]
    fn start(&self) -> u64 {
        self.start_and_vrf >> Self::VRF_BITS
    }

    /// Milliseconds from the record's start to its end.
    #[inline(always)]
    fn duration(&self) -> u64 {
        u64::from(self.seen().since(self.began())).saturating_sub(self.lag.into())
    }

    /// The packets and octets that no record has reported yet.
    #[inline(always)]
    pub(crate) fn tally(&self) -> Tally {
        Tally {
            packets: self.packets(),
            octets: self.octets(),
        }
    }

    /// When its latest packet was observed.
    #[inline(always)]
    pub(crate) fn seen(&self) -> Uptime {
        Uptime::from_millis(self.seen)
    }

    /// When its record began, if it has packets.
    #[inline(always)]
    pub(crate) fn began(&self) -> Uptime {
        Uptime::from_millis(self.began)
    }

    /// Whether TCP FIN or RST was seen.
    #[inline(always)]
    pub(crate) fn ended(&self) -> bool {
        self.has_any(Self::ENDED)
    }

    /// Whether it has any of these flags.
    #[inline(always)]
    pub(crate) fn has_any(&self, flags: u16) -> bool {
        self.flags & flags != 0
    }

    #[inline(always)]
    pub(crate) fn record<K: FlowKey>(
        &self,
        key: &K,
        attributes: &K::Attributes,
        end_reason: EndReason,
    ) -> FlowRecord<K> {
        FlowRecord {
            key: *key,
            attributes: *attributes,
            packets: self.packets(),
            octets: self.octets(),
            start: Timestamp::from_millis(self.start()),
            end: Timestamp::from_millis(self.start() + self.duration()),
            ingress_vrf: self.ingress_vrf,
            egress_vrf: (((self.start_and_vrf & Self::VRF) << Self::VRF_BITS)
                | (self.packets_and_vrf & Self::VRF)) as u32,
            type_of_service: (self.octets_and_service >> Self::OCTET_BITS) as u8,
            tcp_flags: self.flags as u8,
            end_reason,
        }
    }
}

/// A time in milliseconds; the latest that there is room for, where it is later.
#[inline(always)]
fn representable(time: Timestamp) -> u64 {
    time.as_millis().min(u64::MAX >> Flow::VRF_BITS)
}
