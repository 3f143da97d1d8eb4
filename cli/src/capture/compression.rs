// SPDX-License-Identifier: Apache-2.0
//! Captures that are compressed: gzip (RFC 1952), Zstandard (RFC 8878) and LZ4 frames.
//!
//! Owns the recognition, by what a capture starts with and not by its name, and the unpacking of
//! one frame after the other. What is unpacked is never kept: a decoder holds its window and a
//! buffer, whatever comes out of it. Knows nothing of captures; what is unpacked is not looked at
//! again for another compression.
//!
//! Of a frame that is damaged or cut, what was unpacked before is given; of Zstandard not the last
//! window of it, since the decoder keeps that until the frame's end.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use lz4_flex::frame::FrameDecoder as Lz4Decoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder as ZstandardDecoder};

/// Octets that are read of a capture to recognise a compression.
pub(super) const START: usize = 4;

/// A compression that can be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstandard,
    Lz4,
}

impl Compression {
    /// The compression of a capture that starts with `start`.
    pub(super) fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstandard),
            // A frame to be skipped, with which parallel compressors begin.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstandard),
            // The frames of today, and those of before.
            [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => Some(Self::Lz4),
            _ => None,
        }
    }

    /// What `reader` unpacks to.
    pub(super) fn unpack(self, reader: impl Read + Send + 'static) -> Box<dyn Read + Send> {
        let source = BufReader::new(reader);
        match self {
            Self::Gzip => Box::new(Named {
                name: "gzip",
                reader: MultiGzDecoder::new(source),
            }),
            Self::Zstandard => Box::new(Named {
                name: "Zstandard",
                reader: Zstandard {
                    source,
                    decoder: ZstandardDecoder::new(),
                    in_frame: false,
                },
            }),
            Self::Lz4 => Box::new(Named {
                name: "LZ4",
                reader: Lz4 {
                    decoder: Some(Lz4Decoder::new(source)),
                },
            }),
        }
    }
}

/// `reader`, unpacked where it is compressed.
pub(super) fn unpack(mut reader: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut start = Vec::with_capacity(START);
    (&mut reader).take(START as u64).read_to_end(&mut start)?;
    let compression = Compression::of(&start);
    let reader = Cursor::new(start).chain(reader);
    Ok(match compression {
        Some(compression) => compression.unpack(reader),
        None => Box::new(reader),
    })
}

/// Says in errors which compression it was that went wrong.
struct Named<R> {
    name: &'static str,
    reader: R,
}

impl<R: Read> Read for Named<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader
            .read(buffer)
            .map_err(|error| match error.kind() {
                io::ErrorKind::Interrupted => error,
                kind => io::Error::new(kind, format!("{}: {error}", self.name)),
            })
    }
}

/// Frames of Zstandard one after the other.
struct Zstandard<R> {
    source: BufReader<R>,
    decoder: ZstandardDecoder,
    in_frame: bool,
}

impl<R: Read> Zstandard<R> {
    /// Begins the next frame that holds something; false at the end.
    fn begin_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut frame = (&mut self.source).take(length.into());
                    io::copy(&mut frame, &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }

    fn end_frame(&mut self) -> io::Result<()> {
        self.in_frame = false;
        let expected = self.decoder.get_checksum_from_data();
        if expected.is_some() && expected != self.decoder.get_calculated_checksum() {
            return Err(io::Error::other("a frame's checksum is wrong"));
        }
        Ok(())
    }
}

impl<R: Read> Read for Zstandard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame {
                if !self.begin_frame()? {
                    return Ok(0);
                }
                self.in_frame = true;
            }
            let decoder = &mut self.decoder;
            if decoder.can_collect() > 0 {
                return decoder.read(buffer);
            }
            if decoder.is_finished() {
                self.end_frame()?;
                continue;
            }
            decoder
                .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                .map_err(io::Error::other)?;
        }
    }
}

/// Frames of LZ4 one after the other. Each has a decoder of its own, since they may have buffers
/// of different sizes; there is none once all have been read.
struct Lz4<R: Read> {
    decoder: Option<Lz4Decoder<BufReader<R>>>,
}

impl<R: Read> Read for Lz4<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.decoder {
            let count = decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            if let Some(ended) = self.decoder.take() {
                let mut source = ended.into_inner();
                if !source.fill_buf()?.is_empty() {
                    self.decoder = Some(Lz4Decoder::new(source));
                }
            }
        }
        Ok(0)
    }
}
