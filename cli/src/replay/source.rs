// SPDX-License-Identifier: Apache-2.0
//! Reads captures on a thread of its own, so that a blocked read delays neither expiry nor signals.
//!
//! It knows nothing of time, workers or targets.

use std::path::{Path, PathBuf};
use std::thread;

use crossbeam_channel::{Receiver, SendError, Sender, bounded};
use flowmeter::exporting::Interface;

use super::Complaint;
use crate::capture::{
    Block, Capture, CaptureError, CapturedPacket, Numbering, UnsupportedLinkTypes,
};

/// The maximum number of packets in a read.
const READ: usize = 256;

/// The maximum number of events that are read ahead.
const AHEAD: usize = 64;

/// An event of the reading thread.
pub(super) enum Event {
    /// The capture of this name was opened.
    Opened(String),
    /// Packets of one block.
    Packets(Packets),
    /// A capture could not be opened or not be read to its end, or has packets beyond its snap
    /// length.
    Complaint(Complaint),
}

/// Packets of one block.
pub(super) struct Packets {
    pub(super) block: Block,
    pub(super) packets: Vec<CapturedPacket>,
    /// Their interfaces that have a name and had no packet before.
    pub(super) named: Vec<Interface>,
    /// The number of them with an unsupported link type.
    pub(super) unsupported: UnsupportedLinkTypes,
    /// The number of octets that have been read of all captures.
    pub(super) position: u64,
}

/// Reads captures in sequence.
struct Source {
    events: Sender<Event>,
    /// Of all captures.
    numbering: Numbering,
    /// The number of octets of the captures before this one.
    read_before: u64,
}

/// The error if the receiver of events was dropped.
struct Unwanted;

impl<T> From<SendError<T>> for Unwanted {
    fn from(_: SendError<T>) -> Self {
        Self
    }
}

/// Starts to read `files`. The channel is disconnected after the last capture; dropping the receiver
/// ends the reading.
pub(super) fn read(files: Vec<PathBuf>) -> Receiver<Event> {
    let (events, receiver) = bounded(AHEAD);
    // The thread is not joined: it may be blocked in a read when the command ends.
    thread::spawn(move || {
        let mut source = Source {
            events,
            numbering: Numbering::default(),
            read_before: 0,
        };
        for file in &files {
            if source.read(file).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Returns whether `file` delivers packets over time, as a pipe or terminal does. A regular file is
/// complete.
pub(super) fn is_live(file: &Path) -> bool {
    if file.as_os_str() != "-" {
        return file.metadata().is_ok_and(|metadata| !metadata.is_file());
    }
    !same_file::Handle::stdin()
        .and_then(|handle| handle.as_file().metadata())
        .is_ok_and(|metadata| metadata.is_file())
}

impl Source {
    /// Reads one capture as far as it can be read.
    fn read(&mut self, file: &Path) -> Result<(), Unwanted> {
        let mut capture = match Capture::open(file) {
            Ok(capture) => capture,
            Err(error) => return Ok(self.events.send(Event::Complaint(error.into()))?),
        };
        self.events.send(Event::Opened(capture.name().to_owned()))?;
        self.read_packets(&mut capture)?;
        if let Some(oversized) = capture.oversized() {
            let plural = if oversized.packets == 1 { "" } else { "s" };
            self.events.send(Event::Complaint(Complaint {
                text: format!(
                    "{}: offset {}: {} packet{plural} longer than the capture's snap length, \
                     metered like all others",
                    capture.name(),
                    oversized.first_offset,
                    oversized.packets
                ),
                lost: false,
            }))?;
        }
        self.read_before += capture.position();
        Ok(())
    }

    fn read_packets(&mut self, capture: &mut Capture) -> Result<(), Unwanted> {
        loop {
            let mut packets = Vec::with_capacity(READ);
            let block = match capture.read(&mut packets, READ) {
                Ok(Some(block)) => block,
                Ok(None) => return Ok(()),
                Err(error) => return Ok(self.events.send(Event::Complaint(error.into()))?),
            };
            capture.number_interfaces(&mut packets, &block, &mut self.numbering);
            self.events.send(Event::Packets(Packets {
                block,
                packets,
                named: self.numbering.take_named(),
                unsupported: capture.take_unsupported(),
                position: self.read_before + capture.position(),
            }))?;
        }
    }
}

impl From<CaptureError> for Complaint {
    fn from(error: CaptureError) -> Self {
        Self {
            text: error.to_string(),
            lost: true,
        }
    }
}
