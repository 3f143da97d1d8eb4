// SPDX-License-Identifier: Apache-2.0
//! IEEE 802.11 frames, and the headers that receivers add before them: radiotap and PPI.
//!
//! Owns these headers as far as they say where the frame's body begins. The body is LLC in data
//! frames that are not protected, no later fragment, and not several frames in one (A-MSDU). All
//! other frames are not IP.

use bytemuck::{Pod, Zeroable};

use super::cursor::Cursor;
use super::next::{Next, Step};
use super::wire::clip;
use crate::flow::IgnoredReason;

/// IEEE 802.11 §9.3.2.1, without the fields that only some data frames have.
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

/// Reads a frame's header; `padded` says whether it is padded to a multiple of four octets.
pub(super) fn read(cursor: &mut Cursor<'_>, padded: bool) -> Step {
    let first = cursor
        .rest()
        .first()
        .ok_or(IgnoredReason::LinkHeaderTruncated)?;
    if first & control::VERSION_AND_TYPE != control::DATA {
        return Ok(Next::NonIp(0));
    }
    let header: &DataHeader = cursor.take()?;
    let rest = cursor.rest();
    let is_qos = header.control & control::QOS != 0;
    let [one, two, three] = &header.addresses;
    let mut after = 0;
    let (destination, source) = match header.flags & (flag::TO_DS | flag::FROM_DS) {
        0 => (one, two),
        flag::TO_DS => (three, two),
        flag::FROM_DS => (one, three),
        _ => {
            after += FOURTH_ADDRESS;
            let four = rest.first_chunk();
            (three, four.ok_or(IgnoredReason::LinkHeaderTruncated)?)
        }
    };
    cursor.set_source(source);
    cursor.set_destination(destination);
    let mut is_aggregate = false;
    if is_qos {
        let qos = rest.get(after).ok_or(IgnoredReason::LinkHeaderTruncated)?;
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
        return Ok(Next::NonIp(0));
    }
    cursor.skip(after)?;
    Ok(Next::LogicalLink)
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

/// Reads a radiotap header.
pub(super) fn read_radiotap(cursor: &mut Cursor<'_>) -> Step {
    /// In the field "flags": the frame's header is padded to a multiple of four octets.
    const PADDED: u8 = 0x20;

    let octets = cursor.rest();
    let header: &RadiotapHeader = cursor.take()?;
    let length = usize::from(u16::from_le_bytes(header.length));
    if header.version != 0 || length < size_of::<RadiotapHeader>() {
        return Ok(Next::NonIp(0));
    }
    cursor.skip(length - size_of::<RadiotapHeader>())?;
    let flags = radiotap_flags(clip(octets, length));
    let padded = flags.is_some_and(|flags| flags & PADDED != 0);
    Ok(if padded {
        Next::PaddedIeee80211
    } else {
        Next::Ieee80211
    })
}

/// Returns the field "flags" of a whole radiotap header. Only the time stamp may be before it.
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

/// Reads a header of Per-Packet Information, behind which is an IEEE 802.11 or an Ethernet frame.
pub(super) fn read_packet_information(cursor: &mut Cursor<'_>) -> Step {
    /// As captures number link types.
    const ETHERNET: u32 = 1;
    const IEEE_802_11: u32 = 105;

    let header: &PacketInformationHeader = cursor.take()?;
    let length = usize::from(u16::from_le_bytes(header.length));
    if header.version != 0 || length < size_of::<PacketInformationHeader>() {
        return Ok(Next::NonIp(0));
    }
    cursor.skip(length - size_of::<PacketInformationHeader>())?;
    match u32::from_le_bytes(header.link_type) {
        ETHERNET => Ok(Next::Ethernet),
        IEEE_802_11 => Ok(Next::Ieee80211),
        _ => Err(IgnoredReason::UnsupportedLinkType),
    }
}
