// SPDX-License-Identifier: Apache-2.0
//! A flow as the table keeps it, and the Flow Record that it becomes (RFC 7011 §2).
//!
//! A flow outlives its records: after the active timeout it goes on with zeroed counts.
//! A record without packets is never made.

use bytemuck::Zeroable;

use super::flow_key::FlowKey;
use super::statistics::Tally;
use crate::packet::Packet;
use crate::time::{Timestamp, Uptime};

/// Why a record was made (IANA element 136, `flowEndReason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum EndReason {
    /// No packet for the idle timeout.
    IdleTimeout = 1,
    /// The flow went on for the active timeout; more records of it may follow.
    ActiveTimeout = 2,
    /// TCP FIN or RST was seen, and then nothing for a short while.
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
/// There is room for one table's id. The other's halves are the low 16 bits of two words that need
/// no more than the 48 above them: a packet each nanosecond takes three days to fill these, and
/// milliseconds since 1970 fill them in the year 10889.
#[derive(Clone, Copy, Debug, Zeroable)]
#[repr(C)]
pub(super) struct Flow {
    packets_and_vrf: u64,
    /// Between the counts, which would else be added to as a vector, in more instructions.
    start_and_vrf: u64,
    octets: u64,
    /// Milliseconds from the first packet's time to the latest; [`Self::NO_PACKETS`] where
    /// none has come since the last record.
    duration: u32,
    seen: u32,
    ingress_vrf: u32,
    /// TCP flags of this record; in the high octet whether FIN or RST was among those before.
    tcp_flags: u16,
    type_of_service: u8,
    _reserved: u8,
}

/// TCP FIN and RST (RFC 9293 §3.1).
const FIN_OR_RST: u16 = 0x05;

/// The same before the last record.
const ENDED_BEFORE: u16 = 0x100;

/// A start, where a flow has it; the latest that there is room for, where it is later.
#[inline(always)]
fn start(time: Timestamp) -> u64 {
    time.as_millis().min(u64::MAX >> Flow::VRF_BITS) << Flow::VRF_BITS
}

impl Flow {
    /// Longer than any active timeout, so that the packet path's one test for timeouts
    /// also finds the flows that have to start anew.
    pub(super) const NO_PACKETS: u32 = u32::MAX;

    /// Bits of a word that are half of a table's id.
    const VRF: u64 = (1 << Self::VRF_BITS) - 1;
    const VRF_BITS: u32 = 16;

    /// The flags of which a flow that ended has any.
    pub(super) const ENDED: u16 = FIN_OR_RST | ENDED_BEFORE;

    /// A flow that has yet to count its first packet.
    #[inline(always)]
    pub(super) fn new<K: FlowKey>(type_of_service: u8, first: &Packet<'_>) -> Self {
        let [ingress_vrf, egress_vrf] = K::vrf_ids(&first.point);
        Self {
            packets_and_vrf: u64::from(egress_vrf) & Self::VRF,
            octets: 0,
            start_and_vrf: start(first.time) | u64::from(egress_vrf >> Self::VRF_BITS),
            duration: 0,
            seen: first.uptime.as_millis(),
            ingress_vrf,
            tcp_flags: 0,
            type_of_service,
            _reserved: 0,
        }
    }

    /// Counts a packet, or `packets` of one time, with `octets` in all.
    #[inline(always)]
    pub(super) fn add(
        &mut self,
        packets: u32,
        octets: u32,
        tcp_flags: u8,
        time: Timestamp,
        uptime: Uptime,
    ) {
        let packets = u64::from(packets) << Self::VRF_BITS;
        self.packets_and_vrf = self.packets_and_vrf.wrapping_add(packets);
        self.octets += u64::from(octets);
        // A packet from before the first one leaves the duration as it is.
        let since_start = time.as_millis().wrapping_sub(self.start()).cast_signed();
        let duration = since_start.max(i64::from(self.duration));
        self.duration = duration.min(i64::from(Self::NO_PACKETS - 1)) as u32;
        self.seen = uptime.as_millis();
        self.tcp_flags |= u16::from(tcp_flags);
    }

    /// Forgets what has been recorded; the flow goes on.
    pub(super) fn clear(&mut self) {
        self.packets_and_vrf &= Self::VRF;
        self.octets = 0;
        self.duration = Self::NO_PACKETS;
        self.tcp_flags = u16::from(self.ended()) << 8;
    }

    /// Makes a packet at `time` the first of the next record, if there was none yet.
    pub(super) fn resume(&mut self, time: Timestamp) {
        if self.packets() == 0 {
            self.start_and_vrf = start(time) | (self.start_and_vrf & Self::VRF);
            self.duration = 0;
        }
    }

    #[inline(always)]
    pub(super) fn packets(&self) -> u64 {
        self.packets_and_vrf >> Self::VRF_BITS
    }

    #[inline(always)]
    fn start(&self) -> u64 {
        self.start_and_vrf >> Self::VRF_BITS
    }

    /// The packets and octets that no record has reported yet.
    #[inline(always)]
    pub(super) fn tally(&self) -> Tally {
        Tally {
            packets: self.packets(),
            octets: self.octets,
        }
    }

    /// When its latest packet was observed.
    #[inline(always)]
    pub(super) fn seen(&self) -> Uptime {
        Uptime::from_millis(self.seen)
    }

    /// Milliseconds from its first packet to its latest; longer than any timeout where it
    /// has had no packet since its last record.
    #[inline(always)]
    pub(super) fn duration(&self) -> u32 {
        self.duration
    }

    /// Whether TCP FIN or RST was seen.
    #[inline(always)]
    pub(super) fn ended(&self) -> bool {
        self.has_any(Self::ENDED)
    }

    /// Whether it has any of these flags.
    #[inline(always)]
    pub(super) fn has_any(&self, flags: u16) -> bool {
        self.tcp_flags & flags != 0
    }

    #[inline(always)]
    pub(super) fn record<K: FlowKey>(
        &self,
        key: &K,
        attributes: &K::Attributes,
        end_reason: EndReason,
    ) -> FlowRecord<K> {
        FlowRecord {
            key: *key,
            attributes: *attributes,
            packets: self.packets(),
            octets: self.octets,
            start: Timestamp::from_millis(self.start()),
            end: Timestamp::from_millis(self.start() + u64::from(self.duration)),
            ingress_vrf: self.ingress_vrf,
            egress_vrf: (((self.start_and_vrf & Self::VRF) << Self::VRF_BITS)
                | (self.packets_and_vrf & Self::VRF)) as u32,
            type_of_service: self.type_of_service,
            tcp_flags: self.tcp_flags as u8,
            end_reason,
        }
    }
}
