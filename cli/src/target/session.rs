// SPDX-License-Identifier: Apache-2.0
//! A Transport Session (RFC 7011 §2): templates come first in each, and Data Records are counted
//! from its beginning.
//!
//! It reads and writes the fixed fields of message headers (RFC 7011 §3.1).

use std::collections::BTreeMap;
use std::sync::Arc;

use flowmeter::exporting::MessageKind;

use super::Outgoing;

/// What a session's messages need to be known of each Observation Domain.
#[derive(Default)]
pub(super) struct Session {
    domains: BTreeMap<u32, Domain>,
}

#[derive(Default)]
struct Domain {
    /// The messages of its latest announcement.
    templates: Vec<Arc<Outgoing>>,
    /// Whether the latest message was one of these, so that the next may be, too.
    is_announcing: bool,
    /// The sequence number with which this session began; `None` before its templates.
    first: Option<u32>,
}

/// The sequence number, the domain, and the export time, in a message's header.
const EXPORT_TIME: std::ops::Range<usize> = 4..8;
const SEQUENCE: std::ops::Range<usize> = 8..12;
const DOMAIN: std::ops::Range<usize> = 12..16;

impl Session {
    /// Notes a message that is to be sent, in this session or a later one.
    pub(super) fn note(&mut self, message: &Arc<Outgoing>) {
        let domain = self.domains.entry(number(message, DOMAIN)).or_default();
        let announces = message.kind != MessageKind::Data;
        if announces {
            if !domain.is_announcing {
                domain.templates.clear();
            }
            domain.templates.push(Arc::clone(message));
        }
        domain.is_announcing = announces;
    }

    /// Begins another session.
    pub(super) fn restart(&mut self) {
        for domain in self.domains.values_mut() {
            domain.first = None;
        }
    }

    /// Whether templates of this message's domain have been sent in this session.
    pub(super) fn has_announced(&self, message: &Outgoing) -> bool {
        let domain = self.domains.get(&number(message, DOMAIN));
        domain.is_some_and(|domain| domain.first.is_some())
    }

    /// Calls `send` for each message to send for `message`, in order, and with whether it is `message`
    /// itself. Returns `false` if its templates are unknown, without which it cannot be decoded.
    pub(super) fn encode(&mut self, message: &Outgoing, mut send: impl FnMut(&[u8], bool)) -> bool {
        let domain = self.domains.entry(number(message, DOMAIN)).or_default();
        let sequence = number(message, SEQUENCE);
        let mut octets = Vec::with_capacity(message.length);
        let mut put = |of: &Outgoing, sequence: u32, is_itself: bool| {
            octets.clear();
            octets.extend_from_slice(&of.buffer[..of.length]);
            octets[EXPORT_TIME].copy_from_slice(&message.buffer[EXPORT_TIME]);
            octets[SEQUENCE].copy_from_slice(&sequence.to_be_bytes());
            send(&octets, is_itself);
        };
        let first = match domain.first {
            Some(first) => first,
            None if domain.templates.is_empty() => return false,
            None => {
                domain.first = Some(sequence);
                for templates in &domain.templates {
                    put(templates, 0, false);
                }
                if message.kind != MessageKind::Data {
                    return true;
                }
                sequence
            }
        };
        put(message, sequence.wrapping_sub(first), true);
        true
    }
}

fn number(message: &Outgoing, at: std::ops::Range<usize>) -> u32 {
    message
        .buffer
        .get(at)
        .and_then(|octets| octets.try_into().ok())
        .map_or(0, u32::from_be_bytes)
}
