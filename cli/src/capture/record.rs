// SPDX-License-Identifier: Apache-2.0
//! What both formats make of their records: packets in batches, and the reasons to stop.
//!
//! Owns the description of one packet and the count of those that are longer than their
//! file says. Knows nothing of how a record is laid out.

use flowmeter::observation::{Direction, LinkType};
use flowmeter::time::Timestamp;

use super::error::{Cause, Part};

/// The most octets of one packet that are captured: libpcap's `MAXIMUM_SNAPLEN`, beyond
/// which it takes the record for damaged too.
const MAX_PACKET: u32 = 262_144;

/// Checks the length of a packet, which a damaged file may claim to be anything.
#[inline(always)]
pub(super) fn check_captured(octets: u32) -> Result<(), Stop> {
    if octets > MAX_PACKET {
        return Err(Stop::Damaged(Cause::PacketLength {
            octets,
            limit: MAX_PACKET,
        }));
    }
    Ok(())
}

/// Packets that are made room for before they are known to be there.
const MAX_RESERVED: usize = 64 * 1024;

/// One packet of a capture, by its position, so that it can go to another thread together
/// with its [`Block`](super::Block).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CapturedPacket {
    /// Where its octets begin in the block, which holds all that were captured.
    pub(crate) offset: usize,
    /// Octets that were captured.
    pub(crate) captured: u32,
    /// Octets that it had on the wire; at least those captured.
    pub(crate) length: u32,
    /// When it was captured.
    pub(crate) time: Timestamp,
    /// The file's own number of the interface; the number that records have for it after
    /// [`Capture::number_interfaces`](super::Capture::number_interfaces).
    pub(crate) interface: u32,
    /// Which way it passed the interface, where it says; else into it.
    pub(crate) direction: Direction,
    /// How its octets begin.
    pub(crate) link_type: LinkType,
}

impl CapturedPacket {
    /// The octets that were captured, out of the `block` that came with the packet.
    #[inline]
    pub(crate) fn data<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        block
            .get(self.offset..)
            .and_then(|octets| octets.get(..self.captured as usize))
            .unwrap_or_default()
    }
}

/// Packets that have more octets than the snapshot length of their file or interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Oversized {
    /// How many there are among the packets that have been read.
    pub(crate) packets: u64,
    /// Where in the capture the octets of the first one begin.
    pub(crate) first_offset: u64,
}

impl Oversized {
    #[cold]
    pub(super) fn count(&mut self, offset: u64) {
        if self.packets == 0 {
            self.first_offset = offset;
        }
        self.packets += 1;
    }
}

/// The packets of one call of [`Capture::read`](super::Capture::read).
pub(super) struct Batch<'a> {
    packets: &'a mut Vec<CapturedPacket>,
    limit: usize,
    pub(super) oversized: &'a mut Oversized,
}

impl<'a> Batch<'a> {
    /// A batch of at least one and at most `limit` packets in `packets`, which is empty.
    pub(super) fn new(
        packets: &'a mut Vec<CapturedPacket>,
        limit: usize,
        oversized: &'a mut Oversized,
    ) -> Self {
        let limit = limit.max(1);
        packets.reserve(limit.min(MAX_RESERVED));
        Self {
            packets,
            limit,
            oversized,
        }
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.packets.len() >= self.limit
    }

    #[inline(always)]
    pub(super) fn push(&mut self, packet: CapturedPacket) {
        self.packets.push(packet);
    }
}

/// Why no more records are read for the moment.
pub(super) enum Stop {
    /// The batch is full, or what follows does not belong into it.
    BatchEnds,
    /// The octets end before the next record does, of which at least `needed` octets are
    /// to follow.
    Short { needed: usize, part: Part },
    /// The next record is damaged.
    Damaged(Cause),
}
