// SPDX-License-Identifier: Apache-2.0
//! Packets as hosts hand them over, and what is read from their headers.
//!
//! [`dissect()`] turns a packet into a flow key and the packet's own measures, or into the
//! reason why it has none. It borrows, allocates nothing, and cannot fail on any octets.
//! The outermost IP header makes the flow: what a tunnel carries is not looked at.
//!
//! Each header has a file with its parser. A parser reads its header at the `cursor` and returns
//! what comes `next`; it calls no other parser. The loop in `dissect` calls the next one, until
//! `ipv4`, `ipv6` or `non_ip` makes the key. So encapsulations nest without recursion, and a new
//! one is a file and a line in that loop. `plain` reads the most usual headers at once, which is
//! faster, and `layered_key` makes the keys of layered flows.

mod bsd;
mod cisco_hdlc;
mod cooked;
mod cursor;
mod dissect;
mod dissection;
mod ethernet;
mod fddi;
mod ipv4;
mod ipv6;
mod layered_key;
mod logical_link;
mod mac_in_mac;
mod mpls;
mod netfilter_log;
mod next;
mod non_ip;
mod plain;
mod port_extension;
mod ppp;
mod pppoe;
mod raw_ip;
mod segments;
mod service_header;
#[cfg(test)]
mod tests;
mod transport;
mod vlan;
mod wire;
mod wireless;

pub use dissect::dissect;
pub use dissection::{Dissection, Headers};
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
    /// Such a packet counts as the segments that it becomes, in packets and octets. Its length is
    /// [`Self::length`]; the lengths in its IP header may be out of date.
    pub segment_size: u16,
}

impl Packet<'_> {
    /// Returns how many octets there were on the wire: at least those captured, whatever `length`
    /// says.
    #[inline]
    pub(crate) fn octets_on_wire(&self) -> u32 {
        let captured = u32::try_from(self.data.len()).unwrap_or(u32::MAX);
        self.length.max(captured)
    }
}

/// The packets of one call, as a host keeps them: each is made into a [`Packet`] when it is
/// read, so that a host need not build a list of them.
///
/// It is copied, so that its fields stay in registers.
pub trait Packets: Copy {
    /// Returns how many there are.
    fn count(&self) -> usize;

    /// Returns packet number `number`, which is less than [`Self::count`].
    ///
    /// It is called when the packet's headers are read, and again if they are unusual or begin a
    /// flow; it must return the same throughout a call of the metering process.
    fn packet(&self, number: usize) -> Packet<'_>;

    /// Returns the beginning of packet number `number`: like [`Self::packet`], but its data may end
    /// behind the usual headers (Ethernet with at most one VLAN tag, IP, and TCP or UDP). The last
    /// octet that is needed is TCP's flags. The packet must not be one that is yet to be segmented.
    ///
    /// This is for hosts in which it costs less than the whole packet.
    #[inline(always)]
    fn head(&self, number: usize) -> Packet<'_> {
        self.packet(number)
    }

    /// Returns the time and the uptime of packet number `number`, which are those of
    /// [`Self::packet`]. It is called when the packet is counted. A host whose packets all have
    /// the same times returns a constant.
    #[inline(always)]
    fn times(&self, number: usize) -> (Timestamp, Uptime) {
        let packet = self.packet(number);
        (packet.time, packet.uptime)
    }

    /// Prefetches the memory that [`Self::packet`] and the reading of its headers need. The number
    /// may be any.
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

/// The most VLAN tags, MPLS labels and other encapsulations that are read in one packet, so that
/// no packet takes long to read.
pub const MAX_TAGS: usize = 16;

/// The most IPv6 extension headers that are read in one packet, for the same reason.
pub const MAX_EXTENSION_HEADERS: usize = 16;
