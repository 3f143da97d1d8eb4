// SPDX-License-Identifier: Apache-2.0
//! The measures of a batch's packets between the phases, for one table.
//!
//! Each measure has an array of its own: a phase touches only those that it needs, and can process
//! several packets at a time.

use alloc::boxed::Box;
use core::ops::Range;

use bytemuck::Zeroable;

use crate::flow::FlowKey;
use crate::flow_table::{Candidates, SlotIndex};
use crate::packet::{Headers, Packet, Packets};
use crate::time::{Timestamp, Uptime};

/// The most packets in a batch; as many as in a frame of VPP.
pub(super) const BATCH: usize = 256;

/// A batch: some of the packets of one call.
pub struct Batch<P> {
    pub(super) packets: P,
    pub(super) numbers: Range<usize>,
}

impl<P: Packets> Batch<P> {
    #[inline(always)]
    pub(super) fn packet<K: FlowKey>(&self, pending: &Pending<K>) -> Packet<'_> {
        self.packets.packet(pending.number as usize)
    }

    #[inline(always)]
    pub(super) fn times<K: FlowKey>(&self, pending: &Pending<K>) -> (Timestamp, Uptime) {
        self.packets.times(pending.number as usize)
    }
}

/// Room for the packets of a batch that go into one table.
pub(super) struct Queue<K: FlowKey> {
    pub(super) keys: [K; BATCH],
    /// The keys' hashes, with the tags in their low octets.
    pub(super) tags: [u64; BATCH],
    /// The candidates' groups.
    pub(super) groups: [u64; BATCH],
    /// The slots that the probe found.
    pub(super) probed: [SlotIndex; BATCH],
    pub(super) octets: [u32; BATCH],
    /// How many packets each one counts as, if any counts as several; see [`Self::put_superframe`].
    pub(super) packets: [u32; BATCH],
    pub(super) tcp_flags: [u8; BATCH],
    type_of_service: [u8; BATCH],
    attributes: [K::Attributes; BATCH],
    /// The packets' numbers in the call.
    pub(super) numbers: [u32; BATCH],
    deferred: [Pending<K>; BATCH],
}

/// A deferred packet. Its times and observation point are read from [`Packets`] again when they are
/// needed: a host has them as constants or in a cache.
#[derive(Clone, Copy)]
pub(super) struct Pending<K: FlowKey> {
    pub(super) key: K,
    pub(super) octets: u32,
    pub(super) packets: u32,
    /// The packet's number in the call.
    pub(super) number: u32,
    pub(super) candidates: Candidates,
    pub(super) tcp_flags: u8,
    pub(super) type_of_service: u8,
    pub(super) attributes: K::Attributes,
}

/// The deferred packets of a queue, by their places.
pub(super) struct Deferred {
    places: [u8; BATCH],
    length: usize,
}

impl<K: FlowKey> Queue<K> {
    /// An empty queue.
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
            keys: [K::zeroed(); BATCH],
            tags: [0; BATCH],
            groups: [0; BATCH],
            probed: [SlotIndex::NONE; BATCH],
            octets: [0; BATCH],
            packets: [1; BATCH],
            tcp_flags: [0; BATCH],
            type_of_service: [0; BATCH],
            attributes: [K::Attributes::zeroed(); BATCH],
            numbers: [0; BATCH],
            deferred: [empty; BATCH],
        })
    }

    /// Stores the headers of packet `number`.
    #[inline(always)]
    pub(super) fn put(&mut self, place: usize, number: usize, headers: Headers<K>) {
        let place = place % BATCH;
        self.keys[place] = headers.key;
        self.octets[place] = headers.octets;
        self.tcp_flags[place] = headers.tcp_flags;
        self.type_of_service[place] = headers.type_of_service;
        self.attributes[place] = headers.attributes;
        self.numbers[place] = number as u32;
    }

    /// The candidates for the key of the packet at `place`.
    #[inline(always)]
    pub(super) fn candidates(&self, place: usize) -> Candidates {
        Candidates {
            groups: self.groups[place],
            tag: self.tags[place],
        }
    }

    /// Stores how many packets the one at `place` counts as. `is_first` is true for the first such
    /// packet of the batch; batches without one never write these counts.
    #[cold]
    pub(super) fn put_superframe(&mut self, place: usize, packets: u32, is_first: bool) {
        if is_first {
            self.packets = [1; BATCH];
        }
        self.packets[place % BATCH] = packets;
    }

    /// Copies what is stored of deferred packets; `superframes` says that some count as several.
    #[inline(always)]
    pub(super) fn gather(&mut self, deferred: &Deferred, superframes: bool) -> &[Pending<K>] {
        let places = deferred.places.get(..deferred.length).unwrap_or_default();
        for (number, place) in places.iter().enumerate() {
            let place = usize::from(*place);
            self.deferred[number] = Pending {
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
        self.deferred.get(..places.len()).unwrap_or_default()
    }
}

impl Deferred {
    /// Defers the packet at `place`.
    #[inline(always)]
    pub(super) fn add(&mut self, place: usize) {
        self.places[self.length % BATCH] = place as u8;
        self.length += 1;
    }
}

impl Default for Deferred {
    fn default() -> Self {
        Self {
            places: [0; BATCH],
            length: 0,
        }
    }
}
