// SPDX-License-Identifier: Apache-2.0
//! Reads capture files: pcap and pcapng, compressed or not.
//!
//! Owns the path from a file (or standard input) to packets with a time, a length, an interface and
//! a link type. Knows nothing of flows, nor of the content of packets. For any input, reading never
//! panics, uses bounded memory, and returns every packet before the first damage.

mod block;
mod compression;
mod error;
mod input;
mod interface;
mod link_type;
mod numbering;
mod order;
mod pcap;
mod pcapng;
mod record;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::Path;

use flowmeter::observation::LinkType;

use self::error::Cause;
use self::input::Input;
use self::pcap::Pcap;
use self::pcapng::Pcapng;
use self::record::{Batch, Stop};

pub(crate) use self::block::Block;
pub(crate) use self::error::CaptureError;
use self::interface::Interface;
pub(crate) use self::link_type::UnsupportedLinkTypes;
pub(crate) use self::numbering::Numbering;
pub(crate) use self::record::{CapturedPacket, Oversized};

/// A capture, read from its first packet to its last.
#[derive(Debug)]
pub(crate) struct Capture {
    name: String,
    input: Input,
    format: Format,
    oversized: Oversized,
    unsupported: UnsupportedLinkTypes,
    /// An error that was found after packets had been read; the next read returns it.
    failure: Option<Cause>,
    finished: bool,
}

impl Capture {
    /// Opens `path` and detects its format; `-` is standard input.
    ///
    /// A regular file is memory-mapped. If it is shortened while it is read, the system ends the
    /// process with `SIGBUS`. Anything else is streamed, as is a file that cannot be mapped or is
    /// compressed (gzip, Zstandard or LZ4).
    pub(crate) fn open(path: &Path) -> Result<Self, CaptureError> {
        if path.as_os_str() == "-" {
            return Self::stream("standard input".to_owned(), std::io::stdin());
        }
        let name = path.display().to_string();
        match Input::open(path) {
            Ok(input) => Self::start(name, input),
            Err(error) => Err(CaptureError::new(&name, None, Cause::Io(error))),
        }
    }

    /// Reads a capture, which errors call `name`, from a stream; what tells its format at once.
    pub(crate) fn stream(
        name: String,
        reader: impl Read + Send + 'static,
    ) -> Result<Self, CaptureError> {
        match Input::stream(reader, input::BLOCK_OCTETS) {
            Ok(input) => Self::start(name, input),
            Err(error) => Err(CaptureError::new(&name, None, Cause::Io(error))),
        }
    }

    /// Replaces `packets` with the next packets of the capture, at least one and at most `limit` (0
    /// counts as 1), and returns the block that contains them; `None` at the end of the capture.
    ///
    /// An error is returned after all packets before it, and ends the capture.
    pub(crate) fn read(
        &mut self,
        packets: &mut Vec<CapturedPacket>,
        limit: usize,
    ) -> Result<Option<Block>, CaptureError> {
        packets.clear();
        if let Some(cause) = self.failure.take() {
            self.finished = true;
            return Err(CaptureError::new(&self.name, None, cause));
        }
        if self.finished {
            return Ok(None);
        }
        let mut batch = Batch::new(packets, limit, &mut self.oversized);
        loop {
            let stop = self.format.decode(&mut self.input, &mut batch);
            if !batch.is_empty() {
                self.count_unsupported(packets);
                return Ok(Some(self.input.block().clone()));
            }
            let cause = match stop {
                Stop::BatchEnds => continue,
                Stop::Short { needed, part } => match self.input.refill(needed) {
                    Ok(true) => continue,
                    Ok(false) if self.input.rest().is_empty() => {
                        self.finished = true;
                        return Ok(None);
                    }
                    Ok(false) => Cause::Truncated {
                        part,
                        missing: needed - self.input.rest().len(),
                    },
                    Err(error) => Cause::Io(error),
                },
                Stop::Damaged(cause) => cause,
            };
            self.finished = true;
            let offset = Some(self.input.position());
            return Err(CaptureError::new(&self.name, offset, cause));
        }
    }

    /// Returns the interfaces of the packets that [`Capture::read`] returned last. Packets have an
    /// index into them.
    ///
    /// A pcap file has one, without a name. A pcapng file describes them between its packets, and
    /// each section has its own; no batch spans two sections.
    #[cfg(test)]
    pub(crate) fn interfaces(&self) -> &[Interface] {
        self.format.interfaces()
    }

    /// Sets the interface numbers of the packets that [`Capture::read`] returned last together with
    /// `block`, and their directions if they contain one.
    ///
    /// If there are too many interfaces, packets are removed from the first one without a number on,
    /// and the next read returns the error.
    pub(crate) fn number_interfaces(
        &mut self,
        packets: &mut Vec<CapturedPacket>,
        block: &Block,
        numbering: &mut Numbering,
    ) {
        let interfaces = self.format.interfaces_mut();
        if let Err((numbered, cause)) = numbering.apply(interfaces, packets, block) {
            packets.truncate(numbered);
            self.failure = Some(cause);
        }
    }

    /// Returns the name that errors have for it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the number of octets that have been read.
    pub(crate) fn position(&self) -> u64 {
        self.input.position()
    }

    /// Returns the length of the capture, if it is known before it has been read.
    #[cfg(test)]
    pub(crate) fn size(&self) -> Option<u64> {
        self.input.size()
    }

    /// Returns the packets so far that are longer than the file's snap length. They were returned
    /// like all others.
    pub(crate) fn oversized(&self) -> Option<Oversized> {
        (self.oversized.packets > 0).then_some(self.oversized)
    }

    /// Takes the number of packets since the last call whose link type the engine does not read.
    pub(crate) fn take_unsupported(&mut self) -> UnsupportedLinkTypes {
        std::mem::take(&mut self.unsupported)
    }

    fn count_unsupported(&mut self, packets: &[CapturedPacket]) {
        for packet in packets {
            if packet.link_type == LinkType::Unsupported
                && let Some(interface) = self.format.interfaces().get(packet.interface as usize)
            {
                self.unsupported.count(interface.link_number);
            }
        }
    }

    /// Detects the format of `input`.
    fn start(name: String, mut input: Input) -> Result<Self, CaptureError> {
        let format = Format::detect(&mut input)
            .map_err(|cause| CaptureError::new(&name, cause.offset_of_start(), cause))?;
        Ok(Self {
            name,
            input,
            format,
            oversized: Oversized::default(),
            unsupported: UnsupportedLinkTypes::default(),
            failure: None,
            finished: false,
        })
    }
}

/// The two families of capture files.
#[derive(Debug)]
enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

impl Format {
    fn detect(input: &mut Input) -> Result<Self, Cause> {
        // The header of a pcap file, and less than the first block of a pcapng file.
        input.refill(pcap::FILE_HEADER_OCTETS).map_err(Cause::Io)?;
        let rest = input.rest();
        if rest.is_empty() {
            return Err(Cause::Empty);
        }
        if rest.starts_with(&pcapng::MAGIC) {
            return Ok(Self::Pcapng(Pcapng::default()));
        }
        let pcap = Pcap::from_header(rest)?;
        input.consume(pcap::FILE_HEADER_OCTETS);
        Ok(Self::Pcap(pcap))
    }

    fn interfaces(&self) -> &[Interface] {
        match self {
            Self::Pcap(pcap) => pcap.interfaces(),
            Self::Pcapng(pcapng) => pcapng.interfaces(),
        }
    }

    fn interfaces_mut(&mut self) -> &mut [Interface] {
        match self {
            Self::Pcap(pcap) => pcap.interfaces_mut(),
            Self::Pcapng(pcapng) => pcapng.interfaces_mut(),
        }
    }

    fn decode(&mut self, input: &mut Input, batch: &mut Batch<'_>) -> Stop {
        match self {
            Self::Pcap(pcap) => pcap.decode(input, batch),
            Self::Pcapng(pcapng) => pcapng.decode(input, batch),
        }
    }
}
