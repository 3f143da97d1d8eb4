// SPDX-License-Identifier: Apache-2.0
//! The pcap format (draft-ietf-opsawg-pcap): a file header, then packet records.
//!
//! Owns the layout of records and the unit of their times. Knows nothing of the source of octets. It
//! consumes whole records.
//!
//! It reads everything that libpcap reads: versions 2.0 to 2.4 and 543.0, in both byte orders, in micro- and
//! nanoseconds, and the modified layout (libpcap, sf-pcap.c).
//!
//! The functions of pcap-parser take half as long again (5 million packets of 64 octets: 10.8 against
//! 6.7 ns each), and do not support all of these layouts.

use flowmeter::observation::Direction;
use flowmeter::time::Timestamp;

use super::error::{Cause, Part};
use super::input::Input;
use super::interface::{Clock, Interface};
use super::link_type::link_type;
use super::order::ByteOrder;
use super::record::{Batch, CapturedPacket, Stop, check_captured};

/// The length of the file header.
pub(super) const FILE_HEADER_OCTETS: usize = 24;

/// The bits of the header's network field that are the link type, as in libpcap. Others say whether
/// frames end with a check sequence.
const LINK_TYPE_BITS: u32 = 0x03ff_ffff;

/// A pcap file, whose packets all have the same layout.
#[derive(Debug)]
pub(super) struct Pcap {
    order: ByteOrder,
    layout: Layout,
    /// Whether the two lengths of a record may be swapped, as they are in versions before 2.3 and
    /// sometimes in 2.3. The captured length is never the larger number.
    lengths_may_be_swapped: bool,
    /// An array, so that it can be returned as a slice.
    interface: [Interface; 1],
}

/// The layout of record headers, by magic number.
#[derive(Clone, Copy, Debug)]
enum Layout {
    Microseconds,
    Nanoseconds,
    /// Alexey Kuznetzov's, with 8 more octets in each header.
    Modified,
}

impl Layout {
    fn from_magic(magic: u32) -> Option<Self> {
        match magic {
            0xa1b2_c3d4 => Some(Self::Microseconds),
            0xa1b2_3c4d => Some(Self::Nanoseconds),
            0xa1b2_cd34 => Some(Self::Modified),
            _ => None,
        }
    }
}

/// The length of a record header in the usual layouts: seconds, fraction, captured length, length on
/// the wire.
const HEADER: usize = 16;

/// The length of a record header in the modified layout, which adds interface, protocol and packet
/// type.
const MODIFIED_HEADER: usize = 24;

impl Pcap {
    /// Decodes the file header at the start of `octets`.
    pub(super) fn from_header(octets: &[u8]) -> Result<Self, Cause> {
        let found = [ByteOrder::Little, ByteOrder::Big]
            .into_iter()
            .find_map(|order| {
                let magic = order.u32_of(*octets.first_chunk()?);
                Some((order, Layout::from_magic(magic)?))
            });
        let Some((order, layout)) = found else {
            let start = octets.iter().copied().take(4).collect();
            return Err(Cause::NotACapture { start });
        };
        let Some(header) = octets.first_chunk::<FILE_HEADER_OCTETS>() else {
            return Err(Cause::Truncated {
                part: Part::FileHeader,
                missing: FILE_HEADER_OCTETS - octets.len(),
            });
        };
        let major = order.u16::<4, FILE_HEADER_OCTETS>(header);
        let minor = order.u16::<6, FILE_HEADER_OCTETS>(header);
        let lengths_may_be_swapped = match (major, minor) {
            (2, 0..=3) | (543, 0) => true,
            (2, 4) => false,
            _ => {
                return Err(Cause::Version {
                    format: "pcap",
                    major,
                    minor,
                });
            }
        };
        let network = order.u32::<20, FILE_HEADER_OCTETS>(header) & LINK_TYPE_BITS;
        Ok(Self {
            order,
            layout,
            lengths_may_be_swapped,
            interface: [Interface {
                name: None,
                description: None,
                link_type: link_type(network),
                link_number: network,
                occurrence: 0,
                number: None,
                snap_length: order.u32::<16, FILE_HEADER_OCTETS>(header),
                clock: Clock::default(),
            }],
        })
    }

    pub(super) fn interfaces(&self) -> &[Interface] {
        &self.interface
    }

    pub(super) fn interfaces_mut(&mut self) -> &mut [Interface] {
        &mut self.interface
    }

    /// Reads records from `input` into `batch` until one of them ends.
    pub(super) fn decode(&self, input: &mut Input, batch: &mut Batch<'_>) -> Stop {
        use ByteOrder::{Big, Little};
        use Layout::{Microseconds, Modified, Nanoseconds};
        match (self.layout, self.order) {
            (Microseconds, Little) => self.run::<HEADER, false>(Little, input, batch),
            (Microseconds, Big) => self.run::<HEADER, false>(Big, input, batch),
            (Nanoseconds, Little) => self.run::<HEADER, true>(Little, input, batch),
            (Nanoseconds, Big) => self.run::<HEADER, true>(Big, input, batch),
            (Modified, Little) => self.run::<MODIFIED_HEADER, false>(Little, input, batch),
            (Modified, Big) => self.run::<MODIFIED_HEADER, false>(Big, input, batch),
        }
    }

    /// The loop over records, compiled once for each layout and resolution.
    #[inline(always)]
    fn run<const HEADER: usize, const NANOSECONDS: bool>(
        &self,
        order: ByteOrder,
        input: &mut Input,
        batch: &mut Batch<'_>,
    ) -> Stop {
        let [interface] = &self.interface;
        let (link_type, max_captured) = (interface.link_type, interface.max_captured());
        let block: &[u8] = input.block();
        let base = input.base();
        let mut cursor = input.cursor();
        let stop = loop {
            if batch.is_full() {
                break Stop::BatchEnds;
            }
            let rest = block.get(cursor..).unwrap_or_default();
            let Some(header) = rest.first_chunk::<HEADER>() else {
                break Stop::Short {
                    needed: HEADER,
                    part: Part::RecordHeader,
                };
            };
            let mut captured = order.u32::<8, HEADER>(header);
            let mut length = order.u32::<12, HEADER>(header);
            if self.lengths_may_be_swapped && captured > length {
                (captured, length) = (length, captured);
            }
            if let Err(stop) = check_captured(captured) {
                break stop;
            }
            let needed = HEADER + captured as usize;
            if needed > rest.len() {
                break Stop::Short {
                    needed,
                    part: Part::Record,
                };
            }
            let offset = cursor + HEADER;
            if captured > max_captured {
                batch.oversized.count(base + offset as u64);
            }
            let seconds = order.u32::<0, HEADER>(header);
            let fraction = order.u32::<4, HEADER>(header);
            batch.push(CapturedPacket {
                offset,
                captured,
                length: length.max(captured),
                time: timestamp::<NANOSECONDS>(seconds, fraction),
                interface: 0,
                direction: Direction::Ingress,
                link_type,
            });
            cursor += needed;
        };
        input.consume(cursor - input.cursor());
        stop
    }
}

/// Returns the instant of a record header. A fraction of more than a second, which is invalid, is
/// added; that cannot overflow 64 bits.
#[inline(always)]
fn timestamp<const NANOSECONDS: bool>(seconds: u32, fraction: u32) -> Timestamp {
    let fraction = if NANOSECONDS {
        fraction / 1_000_000
    } else {
        fraction / 1_000
    };
    Timestamp::from_millis(u64::from(seconds) * 1_000 + u64::from(fraction))
}
