// SPDX-License-Identifier: Apache-2.0
//! The octets of one capture, from the first to the last, a block at a time.
//!
//! Owns the choice between mapping and streaming, and the place that has been read up to: that of
//! a compressed capture is counted unpacked. Knows nothing of capture formats. What is left of a block when more octets are wanted
//! opens the next block, so that whatever was asked for lies in one piece.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::block::Block;
use super::compression::{self, Compression};

/// Octets of a block of a stream: the least that holds four of the largest records. On 5
/// million packets of 64 octets, blocks of 64 KiB took half as long again, and blocks of
/// 4 MiB no less.
pub(super) const BLOCK_OCTETS: usize = 1024 * 1024;

/// Blocks that are kept for reuse, so that filling one costs no page faults.
const SPARE_BLOCKS: usize = 16;

/// A capture's octets and how many of them have been consumed.
#[derive(Debug)]
pub(super) struct Input {
    block: Block,
    /// Where in the capture the block begins.
    base: u64,
    /// Octets of the block that have been consumed.
    cursor: usize,
    /// Where the next block comes from; a mapped file is a single block.
    stream: Option<Stream>,
}

impl Input {
    /// Maps the file at `path`, or streams what cannot be mapped or is compressed.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        // The files of /proc say that they are empty, and give octets to who reads them.
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

    /// Streams `reader`, unpacked where it is compressed, through blocks of `block_octets`, or
    /// more where a record needs it.
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

    /// Where in the capture the block begins.
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// Octets of the block that have been consumed.
    pub(super) fn cursor(&self) -> usize {
        self.cursor
    }

    /// The octets of the block that have not been consumed.
    pub(super) fn rest(&self) -> &[u8] {
        self.block.get(self.cursor..).unwrap_or_default()
    }

    /// Moves on by `count` octets of [`Input::rest`].
    pub(super) fn consume(&mut self, count: usize) {
        self.cursor = (self.cursor + count).min(self.block.len());
    }

    /// Octets of the capture that have been consumed.
    pub(super) fn position(&self) -> u64 {
        self.base + self.cursor as u64
    }

    /// Octets of the whole capture, where that is known.
    #[cfg(test)]
    pub(super) fn size(&self) -> Option<u64> {
        self.stream.is_none().then_some(self.block.len() as u64)
    }

    /// Sees to it that at least `needed` octets follow in one block; `false` where the
    /// capture has fewer left.
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

/// Where blocks come from that are not mapped.
struct Stream {
    reader: Box<dyn Read + Send>,
    block_octets: usize,
    spare: Vec<Block>,
    ended: bool,
}

impl Stream {
    /// A block of `carried` and then at least as many octets as `needed` takes, if the
    /// stream has them.
    fn next(&mut self, carried: &[u8], needed: usize) -> io::Result<Block> {
        let capacity = needed.max(self.block_octets);
        let mut block = self.take_spare(capacity);
        if let Some(buffer) = block.buffer() {
            buffer.assign(carried);
            self.ended = buffer.fill(&mut *self.reader, needed)? < needed;
        }
        Ok(block)
    }

    /// A block that nobody looks at any more, or else a new one.
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

    /// Keeps `block` until nobody looks at it any more. Those of records that are
    /// larger than usual are not worth their memory.
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
