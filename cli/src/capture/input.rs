// SPDX-License-Identifier: Apache-2.0
//! The octets of a capture in order, one block at a time.
//!
//! Owns the choice between mapping and streaming, and the position, which counts decompressed
//! octets. Knows nothing of capture formats. The rest of a block is copied to the start of the next
//! one, so that the octets that were asked for are contiguous.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::block::Block;
use super::compression::{self, Compression};

/// The length of a stream's blocks: the minimum for four of the longest records. On 5 million packets
/// of 64 octets, blocks of 64 KiB took half as long again, and blocks of 4 MiB the same time.
pub(super) const BLOCK_OCTETS: usize = 1024 * 1024;

/// The maximum number of blocks to keep for reuse, which avoids page faults.
const SPARE_BLOCKS: usize = 16;

/// A capture's octets and the position in them.
#[derive(Debug)]
pub(super) struct Input {
    block: Block,
    /// The position of the block in the capture.
    base: u64,
    /// The number of octets of the block that have been consumed.
    cursor: usize,
    /// The source of the next block; `None` for a mapped file, which is a single block.
    stream: Option<Stream>,
}

impl Input {
    /// Maps the file at `path`, or streams it if it cannot be mapped or is compressed.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        // Files in /proc have the length 0, but can be read.
        if metadata.is_file()
            && metadata.len() > 0
            && let Ok(block) = Block::map(&file)
        {
            if let Some(compression) = Compression::of(&block) {
                return Ok(Self::of(compression.unpack(file), BLOCK_OCTETS));
            }
            return Ok(Self {
                block,
                base: 0,
                cursor: 0,
                stream: None,
            });
        }
        Self::stream(file, BLOCK_OCTETS)
    }

    /// Streams `reader`, decompressed if necessary, in blocks of `block_octets`, or more for a longer
    /// record.
    pub(super) fn stream(
        reader: impl Read + Send + 'static,
        block_octets: usize,
    ) -> io::Result<Self> {
        Ok(Self::of(compression::unpack(reader)?, block_octets))
    }

    fn of(reader: Box<dyn Read + Send>, block_octets: usize) -> Self {
        Self {
            block: Block::with_capacity(0),
            base: 0,
            cursor: 0,
            stream: Some(Stream {
                reader,
                block_octets,
                spare: Vec::new(),
                ended: false,
            }),
        }
    }

    pub(super) fn block(&self) -> &Block {
        &self.block
    }

    /// Returns the position of the block in the capture.
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// Returns the number of octets of the block that have been consumed.
    pub(super) fn cursor(&self) -> usize {
        self.cursor
    }

    /// Returns the octets of the block that have not been consumed.
    pub(super) fn rest(&self) -> &[u8] {
        self.block.get(self.cursor..).unwrap_or_default()
    }

    /// Consumes `count` octets of [`Input::rest`].
    pub(super) fn consume(&mut self, count: usize) {
        self.cursor = (self.cursor + count).min(self.block.len());
    }

    /// Returns the number of octets of the capture that have been consumed.
    pub(super) fn position(&self) -> u64 {
        self.base + self.cursor as u64
    }

    /// Returns the length of the capture, if known.
    #[cfg(test)]
    pub(super) fn size(&self) -> Option<u64> {
        self.stream.is_none().then_some(self.block.len() as u64)
    }

    /// Reads until at least `needed` octets follow in one block; returns `false` if the capture has
    /// fewer.
    pub(super) fn refill(&mut self, needed: usize) -> io::Result<bool> {
        let rest = self.block.get(self.cursor..).unwrap_or_default();
        if rest.len() >= needed {
            return Ok(true);
        }
        let Some(stream) = &mut self.stream else {
            return Ok(false);
        };
        if stream.ended {
            return Ok(false);
        }
        let block = stream.next(rest, needed)?;
        let consumed = std::mem::replace(&mut self.block, block);
        stream.keep(consumed);
        self.base += self.cursor as u64;
        self.cursor = 0;
        Ok(self.block.len() >= needed)
    }
}

/// The source of blocks that are not mapped.
struct Stream {
    reader: Box<dyn Read + Send>,
    block_octets: usize,
    spare: Vec<Block>,
    ended: bool,
}

impl Stream {
    /// Returns a block that begins with `carried` and has at least `needed` octets, unless the stream
    /// ends before.
    fn next(&mut self, carried: &[u8], needed: usize) -> io::Result<Block> {
        let capacity = needed.max(self.block_octets);
        let mut block = self.take_spare(capacity);
        if let Some(buffer) = block.buffer() {
            buffer.assign(carried);
            self.ended = buffer.fill(&mut *self.reader, needed)? < needed;
        }
        Ok(block)
    }

    /// Returns a block that is no longer shared, or a new one.
    fn take_spare(&mut self, capacity: usize) -> Block {
        let free = self
            .spare
            .iter_mut()
            .position(|block| block.capacity() >= capacity && block.buffer().is_some());
        match free {
            Some(index) => self.spare.swap_remove(index),
            None => Block::with_capacity(capacity),
        }
    }

    /// Keeps `block` for reuse once it is no longer shared. Larger blocks, which few records need, are
    /// freed.
    fn keep(&mut self, block: Block) {
        if self.spare.len() < SPARE_BLOCKS && block.capacity() == self.block_octets {
            self.spare.push(block);
        }
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Stream")
            .field("block_octets", &self.block_octets)
            .field("spare", &self.spare.len())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
