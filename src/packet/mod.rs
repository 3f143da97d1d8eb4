// SPDX-License-Identifier: Apache-2.0
//! Packets as hosts hand them over, and what is read from their headers.
//!
//! [`dissect()`] turns a packet into a flow key and the packet's own measures, or into the
//! reason why it has none. It borrows, allocates nothing, and cannot fail on any octets.
//! The outermost IP header makes the flow: what a tunnel carries is not looked at.
//!
//! Each header has a file, which reads it and hands the rest on: from `link` by way of
//! `ethernet`, `cooked`, `ppp`, `cisco_hdlc`, `fddi`, `netfilter_log` or `wireless`, then
//! `ether_type` with what it looks through, `logical_link` and `mpls`, to `ipv4` or `ipv6`, and
//! from there to `transport`. `wire` is how headers are read.

mod cisco_hdlc;
mod cooked;
mod dissect;
mod ether_type;
mod ethernet;
mod fddi;
mod ipv4;
mod ipv6;
mod layered_key;
mod link;
mod logical_link;
mod mac_in_mac;
mod mpls;
mod netfilter_log;
mod plain;
mod port_extension;
mod ppp;
mod segments;
mod service_header;
#[cfg(test)]
mod tests;
mod transport;
mod wire;
mod wireless;

pub use dissect::{Dissection, Headers, dissect};
pub(crate) use plain::{plain_ipv4, plain_ipv6};

use crate::cpu::prefetch;
use crate::observation::ObservationPoint;
use crate::time::{Timestamp, Uptime};

/// One packet at one observation point.
#[derive(Clone, Copy, Debug, Default)]
pub struct Packet<'a> {
    /// The captured octets, from the header that [`ObservationPoint::link_type`] names.
    pub data: &'a [u8],
    /// Where it was observed.
    pub point: ObservationPoint,
    /// When it was observed, for records.
    pub time: Timestamp,
    /// When it was observed, for timeouts; never less than that of the packet before.
    pub uptime: Uptime,
    /// Octets that the packet had on the wire, from the same header; at least those captured.
    pub length: u32,
    /// Where the packet is yet to be cut into segments (a superframe of segmentation offload, as
    /// TSO and UDP's GSO make it), the octets of payload that each will have; else 0.
    ///
    /// Such a packet counts as the segments that it becomes, in packets and octets. How long it
    /// is says [`Self::length`] alone; what its IP header says may be out of date.
    pub segment_size: u16,
}

impl Packet<'_> {
    /// Octets on the wire, whatever `length` says: what was captured was also there.
    #[inline]
    pub(crate) fn octets_on_wire(&self) -> u32 {
        let captured = u32::try_from(self.data.len()).unwrap_or(u32::MAX);
        self.length.max(captured)
    }
}

/// The packets of one call, as a host keeps them: each is made into a [`Packet`] when it is
/// read, so that none of them is written down only to be read again.
///
/// Copied, so that what it consists of stays in registers.
pub trait Packets: Copy {
    /// How many there are.
    fn count(&self) -> usize;

    /// Packet number `number`, less than [`Self::count`].
    ///
    /// It is asked for when its headers are read, and again where they are unusual or begin a
    /// flow; the answer must be the same throughout a call.
    fn packet(&self, number: usize) -> Packet<'_>;

    /// Packet number `number` as it begins: like [`Self::packet`], but its data may end behind the
    /// usual headers (Ethernet with a VLAN tag at most, IP, and TCP or UDP), TCP's flags being the
    /// last octet that is needed. It may not be one that is yet to be segmented. For hosts that get
    /// at these more cheaply.
    #[inline(always)]
    fn head(&self, number: usize) -> Packet<'_> {
        self.packet(number)
    }

    /// The time and the uptime of packet number `number`, as [`Self::packet`] says; asked for
    /// when it is counted. A host whose packets all have the same answers with a constant.
    #[inline(always)]
    fn times(&self, number: usize) -> (Timestamp, Uptime) {
        let packet = self.packet(number);
        (packet.time, packet.uptime)
    }

    /// Asks the processor for what [`Self::packet`] and the reading of its headers will need;
    /// the number may be any.
    fn prefetch(&self, number: usize);
}

impl Packets for &[Packet<'_>] {
    #[inline(always)]
    fn count(&self) -> usize {
        self.len()
    }

    #[inline(always)]
    fn packet(&self, number: usize) -> Packet<'_> {
        self[number]
    }

    #[inline(always)]
    fn prefetch(&self, number: usize) {
        if let Some(packet) = self.get(number) {
            prefetch(packet.data.as_ptr());
        }
    }
}

/// VLAN tags and MPLS labels that are read in one packet, so that nobody who builds
/// packets decides how long reading takes.
pub const MAX_TAGS: usize = 16;

/// IPv6 extension headers that are read in one packet, for the same reason.
pub const MAX_EXTENSION_HEADERS: usize = 16;
