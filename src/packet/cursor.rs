// SPDX-License-Identifier: Apache-2.0
//! How far a packet has been read, and what its link-layer headers say of the whole packet.
//!
//! Owns the reading of headers and the rules that all link layers share: whose VLAN and addresses
//! are the packet's, and that at most [`MAX_TAGS`] tags and labels are read. Knows no protocol.
//!
//! A header is a struct of octets, laid over the packet's own. Its length is checked once, in
//! [`Cursor::take`]; reading its fields cannot fail after that.

use bytemuck::Pod;

use super::wire::split_header;
use super::{MAX_TAGS, Packet};
use crate::flow::{IgnoredReason, Observed};

/// A packet, the octets of it that are yet to be read, and what those before said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    packet: &'a Packet<'a>,
    /// The packet's last octets, from the first one that is yet to be read.
    rest: &'a [u8],
    source: &'a [u8; 6],
    destination: &'a [u8; 6],
    /// Tags and labels.
    tags: u32,
    /// The packet's VLAN, and flags. Wider than a VLAN also to avoid padding: it would be written
    /// with two octets and read with four, which processors cannot forward.
    vlan: u32,
}

impl<'a> Cursor<'a> {
    /// The observation point or a tag has said the VLAN, or none can any more.
    const VLAN_IS_KNOWN: u32 = 1 << 16;
    /// See [`Self::no_more_lengths`].
    const NO_MORE_LENGTHS: u32 = 1 << 17;

    /// Returns a cursor at the first octet of `packet`.
    #[inline(always)]
    pub(super) fn new(packet: &'a Packet<'a>) -> Self {
        let vlan = match packet.point.vlan {
            0 => 0,
            vlan => u32::from(vlan) | Self::VLAN_IS_KNOWN,
        };
        Self {
            packet,
            rest: packet.data,
            source: &[0; 6],
            destination: &[0; 6],
            tags: 0,
            vlan,
        }
    }

    /// Returns the octets that are yet to be read.
    #[inline(always)]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes the link-layer header that follows.
    ///
    /// # Errors
    /// The packet was captured up to somewhere inside it.
    #[inline(always)]
    pub(super) fn take<H: Pod>(&mut self) -> Result<&'a H, IgnoredReason> {
        let (header, rest) = split_header(self.rest).ok_or(IgnoredReason::LinkHeaderTruncated)?;
        self.rest = rest;
        Ok(header)
    }

    /// Skips `octets` of link-layer headers.
    ///
    /// # Errors
    /// Fewer were captured.
    #[inline(always)]
    pub(super) fn skip(&mut self, octets: usize) -> Result<(), IgnoredReason> {
        self.rest = self
            .rest
            .get(octets..)
            .ok_or(IgnoredReason::LinkHeaderTruncated)?;
        Ok(())
    }

    /// Sets the packet's source MAC address.
    #[inline(always)]
    pub(super) fn set_source(&mut self, source: &'a [u8; 6]) {
        self.source = source;
    }

    /// Sets the packet's destination MAC address.
    #[inline(always)]
    pub(super) fn set_destination(&mut self, destination: &'a [u8; 6]) {
        self.destination = destination;
    }

    /// Returns the source and the destination MAC address; zeros if no header has them.
    #[inline(always)]
    pub(super) fn addresses(&self) -> [[u8; 6]; 2] {
        [*self.source, *self.destination]
    }

    /// Notes that from here on numbers below the least EtherType are not lengths.
    #[inline(always)]
    pub(super) fn no_more_lengths(&mut self) {
        self.vlan |= Self::NO_MORE_LENGTHS;
    }

    /// Returns whether a number below the least EtherType is a length.
    #[inline(always)]
    pub(super) fn has_lengths(&self) -> bool {
        self.vlan & Self::NO_MORE_LENGTHS == 0
    }

    /// Counts a tag or label. VLAN tags behind it are inner ones.
    ///
    /// # Errors
    /// It is one too many.
    #[inline(always)]
    pub(super) fn count_tag(&mut self) -> Result<(), IgnoredReason> {
        self.vlan |= Self::VLAN_IS_KNOWN;
        self.count_encapsulation()
    }

    /// Counts an encapsulation as a tag. The outermost VLAN tag may be behind it.
    ///
    /// # Errors
    /// It is one too many.
    #[inline(always)]
    pub(super) fn count_encapsulation(&mut self) -> Result<(), IgnoredReason> {
        self.tags += 1;
        if self.tags > MAX_TAGS as u32 {
            return Err(IgnoredReason::TooManyTags);
        }
        Ok(())
    }

    /// Counts a VLAN tag with this tag control information (IEEE 802.1Q §9.6). The outermost tag's
    /// VLAN is the packet's, unless the observation point has one.
    ///
    /// # Errors
    /// It is one too many.
    #[inline(always)]
    pub(super) fn count_vlan_tag(&mut self, control: [u8; 2]) -> Result<(), IgnoredReason> {
        const IDENTIFIER: u16 = 0x0fff;
        if self.vlan & Self::VLAN_IS_KNOWN == 0 {
            self.vlan |= u32::from(u16::from_be_bytes(control) & IDENTIFIER);
        }
        self.count_tag()
    }

    /// Returns the observation point's part of the packet's key.
    #[inline(always)]
    pub(super) fn observed(&self, protocol: u16) -> Observed {
        Observed::new(&self.packet.point, self.vlan as u16, protocol)
    }

    /// Returns how many octets there were on the wire from the first octet of `rest` on, which are
    /// the packet's last ones.
    #[inline(always)]
    pub(super) fn on_wire_from(&self, rest: &[u8]) -> u32 {
        let before = self.packet.data.len().saturating_sub(rest.len());
        self.on_wire()
            .saturating_sub(u32::try_from(before).unwrap_or(u32::MAX))
    }

    /// Returns how many octets the whole packet had on the wire.
    #[inline(always)]
    pub(super) fn on_wire(&self) -> u32 {
        self.packet.octets_on_wire()
    }

    /// See [`Packet::segment_size`].
    #[inline(always)]
    pub(super) fn segment_size(&self) -> u16 {
        self.packet.segment_size
    }
}
