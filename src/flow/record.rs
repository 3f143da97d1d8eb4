// SPDX-License-Identifier: Apache-2.0
//! A flow as the table keeps it, and the Flow Record that is exported of it (RFC 7011 §2).
//!
//! A flow outlives its records: after the active timeout it goes on with zeroed counts. No record
//! without packets is made.

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
    /// TCP FIN or RST was seen, and then nothing for a second, or the SYN of another connection with
    /// the same key.
    EndOfFlow = 3,
    /// The host ended it.
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

    /// The name in reports.
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

/// A Flow Record.
#[derive(Clone, Copy, Debug)]
pub struct FlowRecord<K: FlowKey> {
    /// The flow's key.
    pub key: K,
    /// What the flow keeps of its first packet.
    pub attributes: K::Attributes,
    /// IANA element 2, `packetDeltaCount`; never 0.
    pub packets: u64,
    /// IANA element 1, `octetDeltaCount`.
    pub octets: u64,
    /// IANA element 152, `flowStartMilliseconds`.
    pub start: Timestamp,
    /// IANA element 153, `flowEndMilliseconds`; never before `start`.
    pub end: Timestamp,
    /// IANA element 234, `ingressVRFID`, of the first packet.
    pub ingress_vrf: u32,
    /// IANA element 235, `egressVRFID`, of the first packet.
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
/// It relates two clocks. A record's *line* says which time belongs to which uptime: its start belongs
/// to `began`, and time passes as uptime does. Nearly all packets are on that line and change nothing
/// but `seen` ([`Self::is_on_line`]). Those that are not, because a clock was set or because they are
/// out of order, move the line or leave the record's end behind it ([`Self::add`]).
///
/// There is room for one table's id. The halves of the other are the low 16 bits of two words that
/// need only the 48 above them: with a packet each nanosecond they last for three days, and
/// milliseconds since 1970 last until the year 10889. Octets need only 56 bits: those of 16 days at
/// 400 Gbit/s.
#[derive(Clone, Copy, Debug, Zeroable)]
#[repr(C)]
pub(crate) struct Flow {
    packets_and_vrf: u64,
    /// The earliest time of the record. It is between the counts because otherwise the compiler adds
    /// to these as a vector, in more instructions.
    start_and_vrf: u64,
    /// The type of service in the high octet.
    octets_and_service: u64,
    /// The uptime that belongs to the start.
    began: u32,
    /// The uptime of the latest packet.
    seen: u32,
    ingress_vrf: u32,
    /// The record's TCP flags in the low octet, the flags of this file in the high one.
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
/// A packet of the current batch was deferred, so all later ones of the flow are.
const DEFERRED: u16 = 0x800;

/// A record's times with one more packet, in milliseconds.
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
    /// Longer than any active timeout, and far from where uptime wraps.
    const MAX_REACH: i64 = 1 << 31;

    /// Whether a flow has room for these times.
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

    /// A flow with any of these flags has ended.
    pub(crate) const ENDED: u16 = FIN_OR_RST | ENDED_BEFORE;

    /// A flow with any of these flags cannot simply count a packet.
    pub(crate) const UNUSUAL: u16 = EMPTY | LAGS | DEFERRED;

    /// A flow that has not counted its first packet yet.
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

    /// Whether a packet with this time and uptime is on the record's line.
    #[inline(always)]
    pub(crate) fn is_on_line(&self, time: Timestamp, uptime: Uptime) -> bool {
        let since_start = time.as_millis().wrapping_sub(self.start());
        since_start == u64::from(uptime.since(self.began()))
    }

    /// Counts a packet on the line, or `packets` of the same time, with `octets` in all.
    #[inline(always)]
    pub(crate) fn count(&mut self, packets: u32, octets: u32, tcp_flags: u8, uptime: Uptime) {
        let packets = u64::from(packets) << Self::VRF_BITS;
        self.packets_and_vrf = self.packets_and_vrf.wrapping_add(packets);
        self.octets_and_service = self.octets_and_service.wrapping_add(octets.into());
        self.seen = uptime.as_millis();
        self.flags |= u16::from(tcp_flags);
    }

    /// Counts packets with any time, and extends the record's times to contain it. If there is no room
    /// for it, which happens only while records are refused, the time that belongs to the uptime
    /// counts instead.
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

    /// Extends the record's times to contain `time`.
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

    /// The record's times with a packet at `time`. The line goes through the packet whose time is
    /// furthest ahead of its uptime, so no end is beyond the line.
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

    /// Whether the record may contain `time` as well: its times stay less than `active` milliseconds
    /// apart, and there is room for them.
    pub(crate) fn fits(&self, time: Timestamp, uptime: Uptime, active: u32) -> bool {
        let extent = self.extent(time, uptime);
        let span = extent.reach - extent.lag;
        self.has_any(EMPTY) || (span < i64::from(active) && extent.is_representable())
    }

    /// Defers all further packets of the batch.
    #[inline(always)]
    pub(crate) fn defer(&mut self) {
        self.flags |= DEFERRED;
    }

    /// Ends the deferral, at the first deferred packet.
    pub(crate) fn undefer(&mut self) {
        self.flags &= !DEFERRED;
    }

    /// Clears what the record has reported; the flow goes on.
    pub(crate) fn clear(&mut self) {
        self.packets_and_vrf &= Self::VRF;
        self.octets_and_service &= !Self::OCTETS;
        self.flags = EMPTY | if self.ended() { ENDED_BEFORE } else { 0 };
        self.lag = 0;
    }

    /// Starts the next record at a packet, if it has none yet.
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

/// A time in milliseconds, limited to what the slot has room for.
#[inline(always)]
fn representable(time: Timestamp) -> u64 {
    time.as_millis().min(u64::MAX >> Flow::VRF_BITS)
}
