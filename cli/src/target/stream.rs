// SPDX-License-Identifier: Apache-2.0
//! Messages one after the other, over TCP (RFC 7011 §10.4) or in a file (RFC 5655).

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use super::Sink;

/// How long a collector may take to accept a connection, and then octets.
const PATIENCE: Duration = Duration::from_secs(10);

/// Octets that are written in one go: a few hundred messages.
const BUFFER: usize = 256 << 10;

/// A connection or a file.
pub(super) struct Stream<W: Write> {
    writer: BufWriter<W>,
}

impl Stream<TcpStream> {
    /// A connection to `collector`.
    pub(super) fn connect(collector: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&collector, PATIENCE)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self::new(stream))
    }
}

impl Stream<File> {
    /// A new file at `path`, in place of one that may be there.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        File::create(path).map(Self::new)
    }

    /// Standard output, past the lock and the buffer that the standard library has for it.
    pub(super) fn standard_output() -> io::Result<Self> {
        let descriptor = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self::new(File::from(descriptor)))
    }
}

impl<W: Write> Stream<W> {
    fn new(writer: W) -> Self {
        Self {
            writer: BufWriter::with_capacity(BUFFER, writer),
        }
    }
}

impl<W: Write + Send> Sink for Stream<W> {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.writer.write_all(message)
    }

    fn held(&self) -> usize {
        self.writer.buffer().len()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }

    fn abandon(self: Box<Self>) {
        // Dropping the buffer itself would try to write once more.
        drop(self.writer.into_parts());
    }
}
