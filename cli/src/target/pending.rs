// SPDX-License-Identifier: Apache-2.0
//! Messages in sequence (RFC 7011 §10.4, RFC 5655) for a stream, which may accept any number of octets
//! at a time. A message counts as sent when its last octet has been accepted.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;

use super::Outgoing;
use super::accounts::Accounts;

/// The length of one write: a few hundred messages.
const BATCH: usize = 256 << 10;

/// Octets that are to be written to a stream.
#[derive(Default)]
pub(super) struct Pending {
    octets: Vec<u8>,
    written: usize,
    parts: VecDeque<Part>,
}

struct Part {
    end: usize,
    /// The message, unless it is announced again at the beginning of a session.
    message: Option<Arc<Outgoing>>,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.octets.len() >= BATCH
    }

    /// Adds a message as `octets`.
    pub(super) fn push(&mut self, octets: &[u8], message: Option<Arc<Outgoing>>) {
        self.octets.extend_from_slice(octets);
        let end = self.octets.len();
        self.parts.push_back(Part { end, message });
    }

    /// Makes one write to `stream`.
    pub(super) fn write(&mut self, stream: &mut impl Write, accounts: &Accounts) -> io::Result<()> {
        match stream.write(&self.octets[self.written..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => self.written += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        let mut records = 0;
        while let Some(part) = self.parts.pop_front_if(|part| part.end <= self.written) {
            records += part
                .message
                .map_or(0, |message| u64::from(message.flow_records));
        }
        accounts.send(records);
        if self.parts.is_empty() {
            self.octets.clear();
            self.written = 0;
        }
        Ok(())
    }

    /// Takes the messages that were not written completely.
    pub(super) fn take(&mut self) -> impl DoubleEndedIterator<Item = Arc<Outgoing>> {
        self.octets.clear();
        self.written = 0;
        let parts = std::mem::take(&mut self.parts);
        parts.into_iter().filter_map(|part| part.message)
    }
}
