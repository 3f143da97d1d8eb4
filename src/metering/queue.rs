// SPDX-License-Identifier: Apache-2.0
//! What is known of a frame's packets of one kind between the phases.
//!
//! Each measure has an array of its own: a phase touches only those that it needs, and can
//! work on several packets at a time. It knows nothing of tables.

use core::ops::Range;

use bytemuck::Zeroable;

use crate::flow::FlowKey;
use crate::flow_table::{Candidates, SlotIndex};
use crate::packet::{Headers, Packet, Packets};
use crate::time::{Timestamp, Uptime};

/// Packets in a frame at most, as in VPP.
pub(super) const FRAME: usize = 256;

/// The packets of one call of which one frame is metered.
pub(super) struct Framed<P> {
    pub(super) packets: P,
    pub(super) numbers: Range<usize>,
}

impl<P: Packets> Framed<P> {
    #[inline(always)]
    pub(super) fn packet<K: FlowKey>(&self, pending: &Pending<K>) -> Packet<'_> {
        self.packets.packet(pending.number as usize)
    }

    #[inline(always)]
    pub(super) fn times<K: FlowKey>(&self, pending: &Pending<K>) -> (Timestamp, Uptime) {
        self.packets.times(pending.number as usize)
    }
}

/// Room for the packets of one kind in a frame.
pub(super) struct Queue<K: FlowKey> {
    pub(super) keys: [K; FRAME],
    /// Their keys' hashes, and in the same place their tags.
    pub(super) tags: [u64; FRAME],
    /// Their candidates' groups.
    pub(super) groups: [u64; FRAME],
    /// The slots that the probe found.
    pub(super) probed: [SlotIndex; FRAME],
    pub(super) octets: [u32; FRAME],
    /// How many packets each counts as, where some count as several; see [`Self::put_superframe`].
    pub(super) packets: [u32; FRAME],
    pub(super) tcp_flags: [u8; FRAME],
    type_of_service: [u8; FRAME],
    attributes: [K::Attributes; FRAME],
    /// Their numbers in the call.
    pub(super) numbers: [u32; FRAME],
    waiting: [Pending<K>; FRAME],
}

/// One packet that waits. Times and the like are asked of [`Packets`](crate::packet::Packets)
/// again where they are needed: a host knows them without looking, or has them in a cache.
#[derive(Clone, Copy)]
pub(super) struct Pending<K: FlowKey> {
    pub(super) key: K,
    pub(super) octets: u32,
    pub(super) packets: u32,
    /// Its number in the call.
    pub(super) number: u32,
    pub(super) candidates: Candidates,
    pub(super) tcp_flags: u8,
    pub(super) type_of_service: u8,
    pub(super) attributes: K::Attributes,
}

/// The packets of a queue that wait, by their places.
pub(super) struct Waiting {
    places: [u8; FRAME],
    length: usize,
}

impl<K: FlowKey> Queue<K> {
    /// Room, where a process has it to stay.
    pub(super) fn new() -> Box<Self> {
        let empty = Pending {
            key: K::zeroed(),
            octets: 0,
            packets: 0,
            number: 0,
            candidates: Candidates::default(),
            tcp_flags: 0,
            type_of_service: 0,
            attributes: K::Attributes::zeroed(),
        };
        Box::new(Self {
            keys: [K::zeroed(); FRAME],
            tags: [0; FRAME],
            groups: [0; FRAME],
            probed: [SlotIndex::NONE; FRAME],
            octets: [0; FRAME],
            packets: [1; FRAME],
            tcp_flags: [0; FRAME],
            type_of_service: [0; FRAME],
            attributes: [K::Attributes::zeroed(); FRAME],
            numbers: [0; FRAME],
            waiting: [empty; FRAME],
        })
    }

    /// Writes down what was read of packet `number`.
    #[inline(always)]
    pub(super) fn put(&mut self, place: usize, number: usize, headers: Headers<K>) {
        let place = place % FRAME;
        self.keys[place] = headers.key;
        self.octets[place] = headers.octets;
        self.tcp_flags[place] = headers.tcp_flags;
        self.type_of_service[place] = headers.type_of_service;
        self.attributes[place] = headers.attributes;
        self.numbers[place] = number as u32;
    }

    /// Where the key of the packet at `place` may stand.
    #[inline(always)]
    pub(super) fn candidates(&self, place: usize) -> Candidates {
        Candidates {
            groups: self.groups[place],
            tag: self.tags[place],
        }
    }

    /// Notes that the packet at `place` counts as several, the frame's first of this kind or not.
    /// All frames without such packets spare themselves the counts.
    #[cold]
    pub(super) fn put_superframe(&mut self, place: usize, packets: u32, is_first: bool) {
        if is_first {
            self.packets = [1; FRAME];
        }
        self.packets[place % FRAME] = packets;
    }

    /// What is known of those that wait; `superframes` says that some packets count as several.
    #[inline(always)]
    pub(super) fn gather(&mut self, waiting: &Waiting, superframes: bool) -> &[Pending<K>] {
        let places = waiting.places.get(..waiting.length).unwrap_or_default();
        for (number, place) in places.iter().enumerate() {
            let place = usize::from(*place);
            self.waiting[number] = Pending {
                key: self.keys[place],
                octets: self.octets[place],
                packets: if superframes { self.packets[place] } else { 1 },
                number: self.numbers[place],
                candidates: self.candidates(place),
                tcp_flags: self.tcp_flags[place],
                type_of_service: self.type_of_service[place],
                attributes: self.attributes[place],
            };
        }
        self.waiting.get(..places.len()).unwrap_or_default()
    }
}

impl Waiting {
    /// The packet at `place` waits, too.
    #[inline(always)]
    pub(super) fn add(&mut self, place: usize) {
        self.places[self.length % FRAME] = place as u8;
        self.length += 1;
    }
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            places: [0; FRAME],
            length: 0,
        }
    }
}
