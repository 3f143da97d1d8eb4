// SPDX-License-Identifier: Apache-2.0
//! The pcapng format (draft-ietf-opsawg-pcapng): sections of blocks, which describe interfaces and
//! contain packets.
//!
//! Owns the layout of blocks, the interfaces of the current section and its byte order. Knows nothing
//! of the source of octets. It consumes whole blocks and skips unknown ones.
//!
//! pcap-parser decodes interface descriptions, which have options. Packets are decoded here, as
//! pcap-parser allocates a list of options for each and does not support the obsolete Packet Block.

use std::collections::HashMap;

use flowmeter::observation::Direction;
use flowmeter::time::Timestamp;
use pcap_parser::{
    InterfaceDescriptionBlock, OptionCode, parse_interfacedescriptionblock_be,
    parse_interfacedescriptionblock_le,
};

use super::error::{Cause, Part};
use super::input::Input;
use super::interface::{Clock, Interface, Resolution, text};
use super::link_type::link_type;
use super::numbering::MAX_INTERFACES;
use super::order::ByteOrder;
use super::record::{Batch, CapturedPacket, Stop, check_captured};

/// The start of each pcapng file: the type of a Section Header Block, which is the same in both byte
/// orders.
pub(super) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// The maximum length of a block: libpcap's `INITIAL_MAX_BLOCK_SIZE`.
const MAX_BLOCK: u32 = 16 * 1024 * 1024;

/// Block types (§4).
mod kind {
    pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
    pub(super) const INTERFACE_DESCRIPTION: u32 = 1;
    pub(super) const PACKET: u32 = 2;
    pub(super) const SIMPLE_PACKET: u32 = 3;
    pub(super) const ENHANCED_PACKET: u32 = 6;
}

/// The state at one position of a pcapng file.
#[derive(Debug, Default)]
pub(super) struct Pcapng {
    order: ByteOrder,
    interfaces: Vec<Interface>,
    /// The number of interfaces of each name in the section.
    occurrences: HashMap<Option<String>, u32>,
    /// The time of the latest packet that has one, for packets without.
    time: Timestamp,
}

impl Pcapng {
    pub(super) fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    pub(super) fn interfaces_mut(&mut self) -> &mut [Interface] {
        &mut self.interfaces
    }

    /// Reads packets from `input` into `batch` until one of them or the section ends.
    pub(super) fn decode(&mut self, input: &mut Input, batch: &mut Batch<'_>) -> Stop {
        let base = input.base();
        let mut cursor = input.cursor();
        let stop = loop {
            if batch.is_full() {
                break Stop::BatchEnds;
            }
            match self.step(input.block(), cursor, base, batch) {
                Ok(length) => cursor += length,
                Err(stop) => break stop,
            }
        };
        input.consume(cursor - input.cursor());
        stop
    }

    /// Reads the block at `cursor` and returns its length.
    #[inline(always)]
    fn step(
        &mut self,
        octets: &[u8],
        cursor: usize,
        base: u64,
        batch: &mut Batch<'_>,
    ) -> Result<usize, Stop> {
        let rest = octets.get(cursor..).unwrap_or_default();
        let block = self.block(rest, batch)?;
        let packet = match block.kind {
            kind::ENHANCED_PACKET => Some(self.packet(&block, cursor, false)?),
            kind::PACKET => Some(self.packet(&block, cursor, true)?),
            kind::SIMPLE_PACKET => Some(self.simple_packet(&block, cursor)?),
            kind::SECTION_HEADER => {
                self.begin_section(&block)?;
                None
            }
            kind::INTERFACE_DESCRIPTION => {
                self.describe_interface(&block)?;
                None
            }
            _ => None,
        };
        if let Some((packet, exceeds)) = packet {
            if exceeds {
                batch.oversized.count(base + packet.offset as u64);
            }
            batch.push(packet);
        }
        Ok(block.octets.len())
    }

    /// Returns the block at the start of `rest`, with its lengths checked (§3.1).
    #[inline(always)]
    fn block<'a>(&mut self, rest: &'a [u8], batch: &Batch<'_>) -> Result<RawBlock<'a>, Stop> {
        let Some(header) = rest.first_chunk::<12>() else {
            return Err(Stop::Short {
                needed: 12,
                part: Part::BlockHeader,
            });
        };
        if header.first_chunk() == Some(&MAGIC) {
            if !batch.is_empty() {
                // Packets before it have interfaces of the previous section.
                return Err(Stop::BatchEnds);
            }
            self.order = match ByteOrder::Little.u32::<8, 12>(header) {
                0x1a2b_3c4d => ByteOrder::Little,
                0x4d3c_2b1a => ByteOrder::Big,
                _ => return Err(Stop::Damaged(Cause::ByteOrder)),
            };
        }
        let kind = self.order.u32::<0, 12>(header);
        let length = self.order.u32::<4, 12>(header);
        if length < 12 || !length.is_multiple_of(4) || length > MAX_BLOCK {
            return Err(Stop::Damaged(Cause::BlockLength { octets: length }));
        }
        let Some(octets) = rest.get(..length as usize) else {
            return Err(Stop::Short {
                needed: length as usize,
                part: Part::Block,
            });
        };
        let trailer = octets.last_chunk().map(|&octets| self.order.u32_of(octets));
        match trailer {
            Some(trailer) if trailer == length => Ok(RawBlock { kind, octets }),
            trailer => Err(Stop::Damaged(Cause::BlockLengthsDiffer {
                before: length,
                after: trailer.unwrap_or(0),
            })),
        }
    }

    /// Reads a Section Header Block (§4.1), which ends the previous section.
    #[cold]
    fn begin_section(&mut self, block: &RawBlock<'_>) -> Result<(), Stop> {
        let header = block.header::<28>()?;
        let major = self.order.u16::<12, 28>(header);
        let minor = self.order.u16::<14, 28>(header);
        // 1.2 has the same format as 1.0 (§4.1).
        if major != 1 || !matches!(minor, 0 | 2) {
            return Err(Stop::Damaged(Cause::Version {
                format: "pcapng",
                major,
                minor,
            }));
        }
        self.interfaces.clear();
        self.occurrences.clear();
        Ok(())
    }

    /// Reads an Interface Description Block (§4.2).
    #[cold]
    fn describe_interface(&mut self, block: &RawBlock<'_>) -> Result<(), Stop> {
        block.header::<20>()?;
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(Stop::Damaged(Cause::TooManyInterfaces {
                limit: MAX_INTERFACES,
            }));
        }
        let parsed = match self.order {
            ByteOrder::Little => parse_interfacedescriptionblock_le(block.octets),
            ByteOrder::Big => parse_interfacedescriptionblock_be(block.octets),
        };
        let Ok((_, description)) = parsed else {
            return Err(block.too_short());
        };
        let mut interface = interface(&description, self.order);
        let occurrences = self.occurrences.entry(interface.name.clone());
        let occurrences = occurrences.or_default();
        interface.occurrence = *occurrences;
        *occurrences += 1;
        self.interfaces.push(interface);
        Ok(())
    }

    /// Reads an Enhanced Packet Block (§4.3), or an obsolete Packet Block (appendix A), whose
    /// interface has 16 bits and is followed by a count of drops. Returns the packet, and whether it
    /// is longer than its interface's snap length.
    #[inline(always)]
    fn packet(
        &mut self,
        block: &RawBlock<'_>,
        cursor: usize,
        obsolete: bool,
    ) -> Result<(CapturedPacket, bool), Stop> {
        let header = block.header::<32>()?;
        let id = if obsolete {
            u32::from(self.order.u16::<8, 32>(header))
        } else {
            self.order.u32::<8, 32>(header)
        };
        let high = self.order.u32::<12, 32>(header);
        let low = self.order.u32::<16, 32>(header);
        let captured = self.order.u32::<20, 32>(header);
        let length = self.order.u32::<24, 32>(header);
        let interface = self.interface(id)?;
        check_captured(captured)?;
        if captured as usize > block.octets.len() - 32 {
            return Err(Stop::Damaged(Cause::PacketOverrunsBlock {
                octets: captured,
                block: block.octets.len() as u32,
            }));
        }
        let time = interface
            .clock
            .timestamp(u64::from(high) << 32 | u64::from(low));
        let packet = CapturedPacket {
            offset: cursor + 28,
            captured,
            length: length.max(captured),
            time,
            interface: id,
            direction: Direction::Ingress,
            link_type: interface.link_type,
        };
        let exceeds = captured > interface.max_captured();
        self.time = time;
        Ok((packet, exceeds))
    }

    /// Reads a Simple Packet Block (§4.4): of the first interface, without a time. Its length is
    /// limited by the packet's, the snap length and the block.
    fn simple_packet(
        &self,
        block: &RawBlock<'_>,
        cursor: usize,
    ) -> Result<(CapturedPacket, bool), Stop> {
        let header = block.header::<16>()?;
        let length = self.order.u32::<8, 16>(header);
        let interface = self.interface(0)?;
        let captured = length
            .min(interface.max_captured())
            .min(block.octets.len() as u32 - 16);
        check_captured(captured)?;
        let packet = CapturedPacket {
            offset: cursor + 12,
            captured,
            length,
            time: self.time,
            interface: 0,
            direction: Direction::Ingress,
            link_type: interface.link_type,
        };
        Ok((packet, false))
    }

    #[inline(always)]
    fn interface(&self, id: u32) -> Result<&Interface, Stop> {
        match self.interfaces.get(id as usize) {
            Some(interface) => Ok(interface),
            None => Err(Stop::Damaged(Cause::UnknownInterface {
                id,
                described: self.interfaces.len(),
            })),
        }
    }
}

/// A block of any type, of 12 octets to [`MAX_BLOCK`].
struct RawBlock<'a> {
    kind: u32,
    octets: &'a [u8],
}

impl RawBlock<'_> {
    /// Returns the first `N` octets, or an error if the block is shorter.
    #[inline(always)]
    fn header<const N: usize>(&self) -> Result<&[u8; N], Stop> {
        self.octets.first_chunk().ok_or_else(|| self.too_short())
    }

    #[cold]
    fn too_short(&self) -> Stop {
        Stop::Damaged(Cause::BlockTooShort {
            kind: self.kind,
            octets: self.octets.len() as u32,
        })
    }
}

/// Returns the interface that `block` describes. Options are decoded here, as pcap-parser decodes
/// `if_tsoffset` as little-endian in every file.
fn interface(block: &InterfaceDescriptionBlock<'_>, order: ByteOrder) -> Interface {
    let mut interface = Interface {
        name: None,
        description: None,
        link_type: link_type(block.linktype.0 as u32),
        link_number: block.linktype.0 as u32,
        occurrence: 0,
        number: None,
        snap_length: block.snaplen,
        clock: Clock::default(),
    };
    for option in &block.options {
        let Ok(value) = option.as_bytes() else {
            continue;
        };
        match option.code {
            OptionCode::EndOfOpt => break,
            OptionCode::IfName => interface.name = text(value),
            OptionCode::IfDescription => interface.description = text(value),
            OptionCode::IfTsresol => {
                if let [octet] = value {
                    interface.clock.resolution = Resolution::from_option(*octet);
                }
            }
            OptionCode::IfTsoffset => {
                if let Ok(octets) = value.try_into() {
                    interface.clock.offset = order.i64_of(octets).saturating_mul(1_000);
                }
            }
            _ => {}
        }
    }
    interface
}
