// SPDX-License-Identifier: Apache-2.0
//! One IPFIX message under construction in a host's buffer (RFC 7011 §3.1 to §3.3).
//!
//! It never writes past the buffer, leaves no set empty and pads nothing.

use crate::observation::ObservationDomainId;
use crate::time::Timestamp;

/// The content of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// Templates that this process sends for the first time in a session. Every collector needs them.
    Templates,
    /// Templates that were sent before, for datagrams, which may be lost and whose receiver may have
    /// restarted (RFC 7011 §8.4). A stream or a file does not need them.
    RepeatedTemplates,
    /// Options Data Records alone: what collectors need to know besides templates.
    Options,
    /// Flow records.
    Data,
}

/// A finished message: the first `length` octets of `buffer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<B> {
    /// The buffer that the transport provided.
    pub buffer: B,
    /// Octets of the message.
    pub length: usize,
    /// Its content.
    pub kind: MessageKind,
    /// The number of its Data Records, including options.
    pub data_records: u32,
    /// The number of its flow records.
    pub flow_records: u32,
}

/// The Set IDs of RFC 7011 §3.3.2.
pub(super) const TEMPLATE_SET: u16 = 2;
/// See [`TEMPLATE_SET`].
pub(super) const OPTIONS_TEMPLATE_SET: u16 = 3;

/// Octets of a message header (RFC 7011 §3.1).
const HEADER: usize = 16;
/// Octets of a set header (RFC 7011 §3.3.2).
const SET_HEADER: usize = 4;
const VERSION: u16 = 10;

/// The fields of a message header, except for the length.
pub(super) struct Header {
    pub(super) export_time: Timestamp,
    pub(super) sequence: u32,
    pub(super) domain: ObservationDomainId,
}

/// A message to which records can be appended.
pub(super) struct OpenMessage<B> {
    buffer: B,
    kind: MessageKind,
    length: usize,
    /// The id and the start of the open set; the id is 0 if none is open.
    set: u16,
    set_start: usize,
    pub(super) data_records: u32,
    pub(super) flow_records: u32,
}

impl<B: AsMut<[u8]>> OpenMessage<B> {
    pub(super) fn new(buffer: B, kind: MessageKind) -> Self {
        Self {
            buffer,
            kind,
            length: HEADER,
            set: 0,
            set_start: HEADER,
            data_records: 0,
            flow_records: 0,
        }
    }

    pub(super) fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Whether it has no record yet.
    pub(super) fn is_empty(&self) -> bool {
        self.length == HEADER
    }

    /// Appends `record` to the open set if that has the id `set`, else to a new one. Returns `false`
    /// if it does not fit.
    #[inline(always)]
    pub(super) fn append(&mut self, set: u16, record: &[u8]) -> bool {
        let start = if self.set == set {
            self.length
        } else {
            self.length + SET_HEADER
        };
        let buffer = self.buffer.as_mut();
        let end = start + record.len();
        // The message's length is 16 bits wide.
        let Some(target) = buffer.get_mut(start..end).filter(|_| end <= 0xffff) else {
            return false;
        };
        target.copy_from_slice(record);
        if self.set != set {
            self.close_set();
            self.set = set;
            self.set_start = self.length;
        }
        self.length = end;
        true
    }

    /// Ends the open set, so that the next record begins another.
    pub(super) fn close_set(&mut self) {
        if self.set != 0 {
            let length = (self.length - self.set_start) as u16;
            let header = &mut self.buffer.as_mut()[self.set_start..self.set_start + SET_HEADER];
            header[..2].copy_from_slice(&self.set.to_be_bytes());
            header[2..].copy_from_slice(&length.to_be_bytes());
            self.set = 0;
        }
    }

    /// Ends the message.
    pub(super) fn finish(mut self, header: &Header) -> Message<B> {
        self.close_set();
        let octets = self.buffer.as_mut();
        octets[..2].copy_from_slice(&VERSION.to_be_bytes());
        octets[2..4].copy_from_slice(&(self.length as u16).to_be_bytes());
        octets[4..8].copy_from_slice(&header.export_time.as_export_seconds().to_be_bytes());
        octets[8..12].copy_from_slice(&header.sequence.to_be_bytes());
        octets[12..HEADER].copy_from_slice(&header.domain.0.to_be_bytes());
        Message {
            buffer: self.buffer,
            length: self.length,
            kind: self.kind,
            data_records: self.data_records,
            flow_records: self.flow_records,
        }
    }
}
