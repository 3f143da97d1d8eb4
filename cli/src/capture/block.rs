// SPDX-License-Identifier: Apache-2.0
//! Memory with octets of a capture, shared between threads.
//!
//! Owns the memory that contains packets, mapped or read. Knows nothing of its content. A buffer is
//! written only while it has a single owner, so the octets behind a handle never change.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::ops::Deref;
use std::sync::Arc;

use memmap2::{Advice, Mmap};

/// A memory-mapped file, or one buffer of a stream.
///
/// A clone shares the octets, which live as long as the last clone.
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
        // SAFETY: the mapping is private and read-only. If another process writes to the file
        // meanwhile, other octets are read; that is harmless, as each length is checked against the
        // mapping before it is used. If the file is shortened, the process ends with SIGBUS, as
        // documented at `Capture::open`.
        let map = unsafe { Mmap::map(file) }?;
        // A hint, which not every system supports.
        let _ = map.advise(Advice::Sequential);
        Ok(Self(Arc::new(Octets::Mapped(map))))
    }

    /// Returns a block of no octets.
    pub(crate) fn empty() -> Self {
        Self::with_capacity(0)
    }

    /// Returns an empty block with room for `capacity` octets.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self(Arc::new(Octets::Buffered(Buffer {
            octets: vec![0; capacity].into_boxed_slice(),
            filled: 0,
        })))
    }

    /// Returns the number of octets that it has room for: 0 if it is mapped.
    pub(super) fn capacity(&self) -> usize {
        match &*self.0 {
            Octets::Mapped(_) => 0,
            Octets::Buffered(buffer) => buffer.octets.len(),
        }
    }

    /// Returns the buffer to write to, unless it is shared.
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

/// Memory whose first `filled` octets have been read from a stream. It is initialized once, however
/// often it is filled.
#[derive(Debug)]
pub(super) struct Buffer {
    octets: Box<[u8]>,
    filled: usize,
}

impl Buffer {
    /// Replaces its content with `octets`, as far as they fit.
    pub(super) fn assign(&mut self, octets: &[u8]) {
        self.filled = octets.len().min(self.octets.len());
        self.octets[..self.filled].copy_from_slice(&octets[..self.filled]);
    }

    /// Reads until it has at least `wanted` octets, or fewer at the end of `reader`. A read may return
    /// more, but no read is made for more.
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
