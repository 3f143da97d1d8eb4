// SPDX-License-Identifier: Apache-2.0
//! The packets that both formats return in batches, and why a batch ends.
//!
//! Owns the description of a packet, and the count of packets that are longer than the snap
//! length. Knows nothing of how a record is laid out.

use flowmeter::observation::{Direction, LinkType};
use flowmeter::time::Timestamp;

use super::error::{Cause, Part};

/// The maximum length of a captured packet: libpcap's `MAXIMUM_SNAPLEN`. libpcap rejects longer
/// ones, too.
const MAX_PACKET: u32 = 262_144;

/// Checks the length of a captured packet.
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

/// The maximum number of packets to reserve memory for in advance.
const MAX_RESERVED: usize = 64 * 1024;

/// A packet of a capture, by its position, so that it can be sent to another thread together with
/// its [`Block`](super::Block).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CapturedPacket {
    /// The position of its first octet in the block, which contains all that were captured.
    pub(crate) offset: usize,
    /// The number of octets that were captured.
    pub(crate) captured: u32,
    /// Its length on the wire, at least `captured`.
    pub(crate) length: u32,
    /// When it was captured.
    pub(crate) time: Timestamp,
    /// The interface's number in the file. After
    /// [`Capture::number_interfaces`](super::Capture::number_interfaces), its number in records.
    pub(crate) interface: u32,
    /// Its direction, if the capture has it, else ingress.
    pub(crate) direction: Direction,
    /// Its first header.
    pub(crate) link_type: LinkType,
}

impl CapturedPacket {
    /// Returns the octets that were captured, which are in the `block` that came with the packet.
    #[inline]
    pub(crate) fn data<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        block
            .get(self.offset..)
            .and_then(|octets| octets.get(..self.captured as usize))
            .unwrap_or_default()
    }
}

/// Packets that are longer than the snap length of their file or interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Oversized {
    /// Their number among the packets that have been read.
    pub(crate) packets: u64,
    /// The position of the first one's first octet in the capture.
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
    /// Creates a batch of at most `limit` packets, and at least one, in `packets`, which is empty.
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

/// Why no more records are read into a batch.
pub(super) enum Stop {
    /// The batch is full, or what follows belongs to the next one.
    BatchEnds,
    /// The input ends inside the next record, which has at least `needed` octets.
    Short { needed: usize, part: Part },
    /// The next record is damaged.
    Damaged(Cause),
}
