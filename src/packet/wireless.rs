// SPDX-License-Identifier: Apache-2.0
//! IEEE 802.11 frames, bare or behind what a receiver adds to them: radiotap or PPI.
//!
//! Owns these headers as far as they say where the frame's body begins. Bodies that hold LLC are
//! those of data frames that are neither protected nor a later fragment nor several in one
//! (A-MSDU); all other frames are not IP.

use bytemuck::{Pod, Zeroable};

use super::dissect::Dissection;
use super::link::Link;
use super::wire::split_header;
use super::{ethernet, logical_link};
use crate::flow::IgnoredReason;

/// IEEE 802.11 §9.3.2.1, without what not all data frames have.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct DataHeader {
    control: u8,
    flags: u8,
    _duration: [u8; 2],
    addresses: [[u8; 6]; 3],
    sequence_control: [u8; 2],
}

/// IEEE 802.11 §9.2.4.1, first octet: version (0), type and subtype.
mod control {
    pub(super) const VERSION_AND_TYPE: u8 = 0x0f;
    pub(super) const DATA: u8 = 0x08;
    /// Of data frames: there is no body.
    pub(super) const NULL: u8 = 0x40;
    /// Of data frames: QoS control follows.
    pub(super) const QOS: u8 = 0x80;
}

/// The same, second octet.
mod flag {
    pub(super) const TO_DS: u8 = 0x01;
    pub(super) const FROM_DS: u8 = 0x02;
    pub(super) const PROTECTED: u8 = 0x40;
    /// Of QoS frames: HT control follows.
    pub(super) const ORDER: u8 = 0x80;
}

/// Octets that some data frames have after [`DataHeader`], in this order.
const FOURTH_ADDRESS: usize = 6;
const QOS_CONTROL: usize = 2;
const HT_CONTROL: usize = 4;

/// QoS control's first octet: the body is of several frames (IEEE 802.11 §9.2.4.5.9).
const AGGREGATE: u8 = 0x80;

/// Reads a frame that nothing was added to.
pub(super) fn read<'a>(octets: &'a [u8], link: Link<'a>) -> Dissection {
    read_frame(octets, link, false)
}

/// Reads a frame; `padded` says whether its header is filled up to 32 bits.
fn read_frame<'a>(octets: &'a [u8], link: Link<'a>, padded: bool) -> Dissection {
    let Some((&first, _)) = octets.split_first() else {
        return Dissection::LINK_TRUNCATED;
    };
    if first & control::VERSION_AND_TYPE != control::DATA {
        return link.non_ip(0);
    }
    let Some((header, rest)) = split_header::<DataHeader>(octets) else {
        return Dissection::LINK_TRUNCATED;
    };
    let is_qos = header.control & control::QOS != 0;
    let [one, two, three] = &header.addresses;
    let mut after = 0;
    let (destination, source) = match header.flags & (flag::TO_DS | flag::FROM_DS) {
        0 => (one, two),
        flag::TO_DS => (three, two),
        flag::FROM_DS => (one, three),
        _ => {
            after += FOURTH_ADDRESS;
            let Some(four) = rest.first_chunk() else {
                return Dissection::LINK_TRUNCATED;
            };
            (three, four)
        }
    };
    let link = link.with_source(source).with_destination(destination);
    let mut is_aggregate = false;
    if is_qos {
        let Some(qos) = rest.get(after) else {
            return Dissection::LINK_TRUNCATED;
        };
        is_aggregate = qos & AGGREGATE != 0;
        after += QOS_CONTROL;
        if header.flags & flag::ORDER != 0 {
            after += HT_CONTROL;
        }
    }
    if padded {
        after = (size_of::<DataHeader>() + after).next_multiple_of(4) - size_of::<DataHeader>();
    }
    let is_later_fragment = header.sequence_control[0] & 0x0f != 0;
    if header.control & control::NULL != 0
        || header.flags & flag::PROTECTED != 0
        || is_later_fragment
        || is_aggregate
    {
        return link.non_ip(0);
    }
    match rest.get(after..) {
        Some(body) => logical_link::read(body, link),
        None => Dissection::LINK_TRUNCATED,
    }
}

/// <https://www.radiotap.org>: numbers are little-endian.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct RadiotapHeader {
    version: u8,
    _padding: u8,
    length: [u8; 2],
    present: [u8; 4],
}

/// Reads a frame behind a radiotap header.
pub(super) fn read_radiotap<'a>(octets: &'a [u8], link: Link<'a>) -> Dissection {
    let Some((header, _)) = split_header::<RadiotapHeader>(octets) else {
        return Dissection::LINK_TRUNCATED;
    };
    let length = usize::from(u16::from_le_bytes(header.length));
    if header.version != 0 || length < size_of::<RadiotapHeader>() {
        return link.non_ip(0);
    }
    let Some((radiotap, frame)) = octets.split_at_checked(length) else {
        return Dissection::LINK_TRUNCATED;
    };
    /// Of the field "flags": the frame's header is filled up to 32 bits.
    const PADDED: u8 = 0x20;
    let padded = radiotap_flags(radiotap).is_some_and(|flags| flags & PADDED != 0);
    read_frame(frame, link, padded)
}

/// The field "flags" of a whole radiotap header. Only the time stamp may be before it.
fn radiotap_flags(radiotap: &[u8]) -> Option<u8> {
    const TIME_STAMP: u32 = 1 << 0;
    const FLAGS: u32 = 1 << 1;
    const ANOTHER_WORD: u32 = 1 << 31;
    /// Words that say which fields there are; no receiver has as many antennas.
    const MAX_WORDS: usize = 16;

    let mut words = radiotap.get(4..)?.chunks_exact(4).take(MAX_WORDS);
    let word = |octets: &[u8]| Some(u32::from_le_bytes(octets.try_into().ok()?));
    let first = word(words.next()?)?;
    if first & FLAGS == 0 {
        return None;
    }
    let mut offset = size_of::<RadiotapHeader>();
    let mut last = first;
    while last & ANOTHER_WORD != 0 {
        last = word(words.next()?)?;
        offset += 4;
    }
    if first & TIME_STAMP != 0 {
        // Aligned to its own size.
        offset = offset.next_multiple_of(8) + 8;
    }
    radiotap.get(offset).copied()
}

/// Per-Packet Information (CACE Technologies, 2007): numbers are little-endian.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct PacketInformationHeader {
    version: u8,
    _flags: u8,
    length: [u8; 2],
    link_type: [u8; 4],
}

/// Reads a frame behind Per-Packet Information: of IEEE 802.11, or of Ethernet.
pub(super) fn read_packet_information<'a>(octets: &'a [u8], link: Link<'a>) -> Dissection {
    /// As captures number link types.
    const ETHERNET: u32 = 1;
    const IEEE_802_11: u32 = 105;

    let Some((header, _)) = split_header::<PacketInformationHeader>(octets) else {
        return Dissection::LINK_TRUNCATED;
    };
    let length = usize::from(u16::from_le_bytes(header.length));
    if header.version != 0 || length < size_of::<PacketInformationHeader>() {
        return link.non_ip(0);
    }
    let Some(frame) = octets.get(length..) else {
        return Dissection::LINK_TRUNCATED;
    };
    match u32::from_le_bytes(header.link_type) {
        ETHERNET => ethernet::read(frame, link),
        IEEE_802_11 => read_frame(frame, link, false),
        _ => Dissection::Ignored(IgnoredReason::UnsupportedLinkType),
    }
}
