// SPDX-License-Identifier: Apache-2.0
//! Octets of a capture that several threads can look at.
//!
//! Owns the memory that packets lie in, mapped or read. Knows nothing of what the octets
//! mean. A buffer is written only while it has a single owner, so the octets that a handle
//! shows stay the same for as long as it lives.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::ops::Deref;
use std::sync::Arc;

use memmap2::{Advice, Mmap};

/// A run of capture octets: a whole memory-mapped file, or one buffer of a stream.
///
/// Cloning it copies a pointer; the octets live as long as the last clone.
#[derive(Clone, Debug)]
pub(crate) struct Block(Arc<Octets>);

#[derive(Debug)]
enum Octets {
    Mapped(Mmap),
    Buffered(Buffer),
}

impl Block {
    /// Maps the whole of `file`.
    pub(super) fn map(file: &File) -> io::Result<Self> {
        // SAFETY: the mapping is private and read-only. Should another process write to the
        // file meanwhile, we read other octets, which harms nobody as every length is
        // checked against the mapping before it is used; that shortening the file ends the
        // process with SIGBUS is documented at `Capture::open`.
        let map = unsafe { Mmap::map(file) }?;
        // Only a hint, which not every system takes.
        let _ = map.advise(Advice::Sequential);
        Ok(Self(Arc::new(Octets::Mapped(map))))
    }

    /// A block of no octets.
    pub(crate) fn empty() -> Self {
        Self::with_capacity(0)
    }

    /// An empty block that has room for `capacity` octets.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self(Arc::new(Octets::Buffered(Buffer {
            octets: vec![0; capacity].into_boxed_slice(),
            filled: 0,
        })))
    }

    /// Octets that can be read into it; none into a mapped one.
    pub(super) fn capacity(&self) -> usize {
        match &*self.0 {
            Octets::Mapped(_) => 0,
            Octets::Buffered(buffer) => buffer.octets.len(),
        }
    }

    /// The buffer to write to, where nobody else looks at it.
    pub(super) fn buffer(&mut self) -> Option<&mut Buffer> {
        match Arc::get_mut(&mut self.0) {
            Some(Octets::Buffered(buffer)) => Some(buffer),
            _ => None,
        }
    }
}

impl Deref for Block {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &*self.0 {
            Octets::Mapped(map) => map,
            Octets::Buffered(buffer) => &buffer.octets[..buffer.filled],
        }
    }
}

/// Memory of which the first `filled` octets have been read from a stream. It is
/// initialized once, however often it is filled.
#[derive(Debug)]
pub(super) struct Buffer {
    octets: Box<[u8]>,
    filled: usize,
}

impl Buffer {
    /// Replaces what it holds by `octets`, as far as they fit.
    pub(super) fn assign(&mut self, octets: &[u8]) {
        self.filled = octets.len().min(self.octets.len());
        self.octets[..self.filled].copy_from_slice(&octets[..self.filled]);
    }

    /// Reads from `reader` until it holds at least `wanted` octets; fewer at the end of
    /// `reader`. It takes more where a read gives more, but never waits for more.
    pub(super) fn fill(&mut self, reader: &mut dyn Read, wanted: usize) -> io::Result<usize> {
        while self.filled < wanted.min(self.octets.len()) {
            match reader.read(&mut self.octets[self.filled..]) {
                Ok(0) => break,
                Ok(count) => self.filled = (self.filled + count).min(self.octets.len()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.filled)
    }
}
