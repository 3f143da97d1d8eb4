// SPDX-License-Identifier: Apache-2.0
//! Compressed captures: gzip (RFC 1952), Zstandard (RFC 8878) and LZ4 frames.
//!
//! Owns the recognition, by the first octets of a capture and not by its name, and the decompression
//! of one frame after the other. A decoder holds its window and a buffer, however much comes out of
//! it. Knows nothing of captures; decompressed data is not examined for another compression.
//!
//! If a frame is damaged or cut, everything that was decompressed before is returned, then an error.

use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;
use lz4_flex::frame::FrameDecoder as Lz4Decoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder as ZstandardDecoder};

/// Octets at the start of a capture by which a compression is recognised.
pub(super) const START: usize = 4;

/// The first octet of an LZ4 frame of the legacy format.
const LZ4_LEGACY: u8 = 0x02;

/// A compression that can be read.
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
            // A skippable frame, with which parallel compressors begin.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstandard),
            [0x04, 0x22, 0x4d, 0x18, ..] | [LZ4_LEGACY, 0x21, 0x4c, 0x18, ..] => Some(Self::Lz4),
            _ => None,
        }
    }

    /// Returns a reader of what `reader` decompresses to.
    pub(super) fn unpack(self, reader: impl Read + Send + 'static) -> Box<dyn Read + Send> {
        let source = BufReader::new(Watched {
            reader,
            has_ended: false,
        });
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
                    failure: None,
                },
            }),
            Self::Lz4 => Box::new(Named {
                name: "LZ4",
                reader: Lz4 {
                    is_legacy: false,
                    next: Some(source),
                    decoder: None,
                },
            }),
        }
    }
}

/// Returns a reader of what `reader` decompresses to, or of `reader` itself if it is not compressed.
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

/// A reader that adds the name of the compression to errors.
struct Named<R> {
    name: &'static str,
    reader: R,
}

impl<R: Read> Read for Named<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer).map_err(|error| {
            let text = match error.kind() {
                ErrorKind::Interrupted => return error,
                ErrorKind::UnexpectedEof => "the file ends inside compressed data".to_owned(),
                _ => error.to_string(),
            };
            io::Error::new(error.kind(), format!("{}: {text}", self.name))
        })
    }
}

/// A reader that remembers whether its end was reached. If a decoder reaches it inside a frame, the
/// frame is cut.
struct Watched<R> {
    reader: R,
    has_ended: bool,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.has_ended = count == 0;
        Ok(count)
    }
}

type Source<R> = BufReader<Watched<R>>;

/// A sequence of Zstandard frames.
struct Zstandard<R> {
    source: Source<R>,
    decoder: ZstandardDecoder,
    in_frame: bool,
    /// Why the frame cannot be decoded further. It is returned after everything before it.
    failure: Option<io::Error>,
}

/// An empty raw block that is the last of its frame (RFC 8878 §3.1.1.2), and a checksum.
const LAST_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

impl<R: Read> Zstandard<R> {
    /// Begins the next frame that has content; returns `false` at the end.
    fn begin_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let mut frame = (&mut self.source).take(length);
                    if io::copy(&mut frame, &mut io::sink())? < length {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(self.error(error)),
            }
        }
        Ok(false)
    }

    fn end_frame(&mut self) -> io::Result<()> {
        self.in_frame = false;
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let expected = self.decoder.get_checksum_from_data();
        if expected.is_some() && expected != self.decoder.get_calculated_checksum() {
            return Err(io::Error::other("a frame's checksum is wrong"));
        }
        Ok(())
    }

    /// Ends a frame that cannot be decoded further. The decoder keeps a window of octets until the
    /// last block, so it gets one.
    fn fail(&mut self, error: FrameDecoderError) -> io::Result<()> {
        let error = self.error(error);
        let ended = self
            .decoder
            .decode_blocks(&LAST_BLOCK[..], BlockDecodingStrategy::UptoBlocks(1));
        if ended.is_err() {
            return Err(error);
        }
        self.failure = Some(error);
        Ok(())
    }

    fn error(&self, error: FrameDecoderError) -> io::Error {
        if self.source.get_ref().has_ended {
            ErrorKind::UnexpectedEof.into()
        } else {
            io::Error::other(error)
        }
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
            let one = BlockDecodingStrategy::UptoBlocks(1);
            if let Err(error) = decoder.decode_blocks(&mut self.source, one) {
                self.fail(error)?;
            }
        }
    }
}

/// A sequence of LZ4 frames. Each has a decoder of its own, since their buffers may have different
/// sizes.
struct Lz4<R: Read> {
    /// The source between two frames.
    next: Option<Source<R>>,
    decoder: Option<Lz4Decoder<Source<R>>>,
    /// Whether the frame has the legacy format, which ends with the file.
    is_legacy: bool,
}

impl<R: Read> Read for Lz4<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(source) = &mut self.next {
                let start = source.fill_buf()?;
                if start.is_empty() {
                    return Ok(0);
                }
                self.is_legacy = start.first() == Some(&LZ4_LEGACY);
                self.decoder = self.next.take().map(Lz4Decoder::new);
            }
            let Some(decoder) = &mut self.decoder else {
                return Ok(0);
            };
            let count = decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            // The decoder takes the end of the file for the end of a frame.
            if decoder.get_ref().get_ref().has_ended && !self.is_legacy {
                self.decoder = None;
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.next = self.decoder.take().map(Lz4Decoder::into_inner);
        }
    }
}
