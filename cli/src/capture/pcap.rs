// SPDX-License-Identifier: Apache-2.0
//! The pcap format (draft-ietf-opsawg-pcap): a file header, then packet records.
//!
//! Owns the records' layouts and what their times count. Knows nothing of where octets come
//! from. It consumes whole records only.
//!
//! pcap-parser reads the file header. Records are read here, as its functions for them take
//! half as long again (5 million packets of 64 octets: 10.8 against 6.7 ns each).

use flowmeter::time::Timestamp;
use pcap_parser::{nom, parse_pcap_header};

use super::error::{Cause, Part};
use super::input::Input;
use super::interface::{Clock, Interface, link_type};
use super::order::ByteOrder;
use super::record::{Batch, CapturedPacket, MAX_PACKET, Stop};

/// Octets before the first record.
pub(super) const FILE_HEADER_OCTETS: usize = 24;

/// The bits of the header's network field that are the link type, as libpcap has them; the
/// others say whether frames end in a check sequence.
const LINK_TYPE_BITS: u32 = 0x03ff_ffff;

/// A pcap file's packets are all of one kind.
#[derive(Debug)]
pub(super) struct Pcap {
    layout: Layout,
    nanoseconds: bool,
    /// The only one, as a slice for those who ask.
    interface: [Interface; 1],
}

/// How a record's header is laid out.
#[derive(Clone, Copy, Debug)]
enum Layout {
    Little,
    Big,
    /// Alexey Kuznetzov's, with 8 octets more in each header.
    Modified,
}

/// Octets of a record's header in the usual layouts: seconds, fraction, octets captured,
/// octets on the wire.
const HEADER: usize = 16;

/// Octets of a record's header in the modified layout, which adds interface, protocol and
/// packet type.
const MODIFIED_HEADER: usize = 24;

impl Pcap {
    /// Reads the file header that `octets` begin with.
    pub(super) fn from_header(octets: &[u8]) -> Result<Self, Cause> {
        let header = match parse_pcap_header(octets) {
            Ok((_, header)) => header,
            Err(nom::Err::Incomplete(_)) if octets.len() >= 4 => {
                return Err(Cause::Truncated {
                    part: Part::FileHeader,
                    missing: FILE_HEADER_OCTETS.saturating_sub(octets.len()),
                });
            }
            Err(_) => {
                let start = octets.iter().copied().take(4).collect();
                return Err(Cause::NotACapture { start });
            }
        };
        // Before 2.4 the two lengths of a record changed places (libpcap, sf-pcap.c).
        if (header.version_major, header.version_minor) != (2, 4) {
            return Err(Cause::Version {
                format: "pcap",
                major: header.version_major,
                minor: header.version_minor,
            });
        }
        Ok(Self {
            layout: match (header.is_bigendian(), header.is_modified_format()) {
                (true, _) => Layout::Big,
                (false, false) => Layout::Little,
                (false, true) => Layout::Modified,
            },
            nanoseconds: header.is_nanosecond_precision(),
            interface: [Interface {
                name: None,
                description: None,
                link_type: link_type(header.network.0 as u32 & LINK_TYPE_BITS),
                snap_length: header.snaplen,
                clock: Clock::default(),
            }],
        })
    }

    pub(super) fn interfaces(&self) -> &[Interface] {
        &self.interface
    }

    /// Moves records from `input` to `batch` until one of them ends.
    pub(super) fn decode(&self, input: &mut Input, batch: &mut Batch<'_>) -> Stop {
        use ByteOrder::{Big, Little};
        match (self.layout, self.nanoseconds) {
            (Layout::Little, false) => self.run::<HEADER, false>(Little, input, batch),
            (Layout::Little, true) => self.run::<HEADER, true>(Little, input, batch),
            (Layout::Big, false) => self.run::<HEADER, false>(Big, input, batch),
            (Layout::Big, true) => self.run::<HEADER, true>(Big, input, batch),
            (Layout::Modified, _) => self.run::<MODIFIED_HEADER, false>(Little, input, batch),
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
            let captured = order.u32::<8, HEADER>(header);
            if captured > MAX_PACKET {
                break Stop::Damaged(Cause::PacketLength { octets: captured });
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
                length: order.u32::<12, HEADER>(header).max(captured),
                time: timestamp::<NANOSECONDS>(seconds, fraction),
                interface: 0,
                link_type,
            });
            cursor += needed;
        };
        input.consume(cursor - input.cursor());
        stop
    }
}

/// The instant that a record's header says. A fraction of more than a second, which no
/// writer means, is added all the same; that cannot overflow 64 bits.
#[inline(always)]
fn timestamp<const NANOSECONDS: bool>(seconds: u32, fraction: u32) -> Timestamp {
    let fraction = if NANOSECONDS {
        fraction / 1_000_000
    } else {
        fraction / 1_000
    };
    Timestamp::from_millis(u64::from(seconds) * 1_000 + u64::from(fraction))
}
