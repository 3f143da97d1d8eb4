// SPDX-License-Identifier: Apache-2.0
//! A Transport Session (RFC 7011 §2): templates and options come first in each, and Data Records are
//! counted from its beginning.
//!
//! Each worker announces its templates and options once. They are kept here, and sent again when a
//! session begins and, over UDP, after an interval. What is repeated over UDP never has more octets
//! than the flow records that were sent, except for one repetition of the templates and one message
//! of options in each interval of real time.
//!
//! It reads and writes the fixed fields of message headers (RFC 7011 §3.1).

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use flowmeter::exporting::MessageKind;

use super::Outgoing;

/// Seconds of export time between two repetitions over UDP.
pub(super) const INTERVAL: u32 = 30;

/// The state of a session in each Observation Domain.
pub(super) struct Session {
    domains: BTreeMap<u32, Domain>,
    is_reliable: bool,
}

#[derive(Default)]
struct Domain {
    templates: Vec<Arc<Outgoing>>,
    options: Vec<Arc<Outgoing>>,
    /// Whether templates have been sent in this session.
    has_begun: bool,
    /// How many messages of `options` have been sent in this session. Over UDP, those that were sent
    /// in a previous one count.
    options_sent: usize,
    /// The sequence number that the worker's next message has if none is lost before it.
    expected: u32,
    /// Options records that were sent before their place in the worker's sequence.
    early: u32,
    /// The sequence number of the next message in this session.
    sequence: u32,
    /// The export time of the latest message, as in its header.
    export_time: [u8; 4],
    /// The export time of the latest repetition.
    repeated_at: u32,
    /// Octets that may be repeated.
    allowance: usize,
    /// The message of `options` that is repeated next.
    repeated: usize,
}

/// Fields of a message's header.
const EXPORT_TIME: Range<usize> = 4..8;
const SEQUENCE: Range<usize> = 8..12;
const DOMAIN: Range<usize> = 12..16;

impl Session {
    /// Creates a session over a stream, where nothing is repeated.
    pub(super) fn reliable() -> Self {
        Self {
            domains: BTreeMap::new(),
            is_reliable: true,
        }
    }

    /// Creates a session over datagrams.
    pub(super) fn unreliable() -> Self {
        Self {
            is_reliable: false,
            ..Self::reliable()
        }
    }

    /// Keeps a message of templates or options for this session and later ones.
    pub(super) fn note(&mut self, message: &Arc<Outgoing>) {
        let domain = self.domain(message);
        match message.kind {
            MessageKind::Templates | MessageKind::RepeatedTemplates => {
                domain.templates.push(Arc::clone(message));
            }
            MessageKind::Options => domain.options.push(Arc::clone(message)),
            MessageKind::Data => {}
        }
    }

    /// Keeps a message that is sent before others that precede it in the worker's sequence.
    pub(super) fn note_early(&mut self, message: &Arc<Outgoing>) {
        self.note(message);
        let domain = self.domain(message);
        domain.early = domain.early.wrapping_add(message.data_records);
    }

    /// Begins another session.
    pub(super) fn restart(&mut self) {
        for domain in self.domains.values_mut() {
            domain.has_begun = false;
        }
    }

    /// Calls `send` for each message to send for `message`, in order, with whether it is `message`
    /// itself. Returns `false` if its templates are unknown, without which it cannot be decoded.
    pub(super) fn encode(&mut self, message: &Outgoing, mut send: impl FnMut(&[u8], bool)) -> bool {
        let is_reliable = self.is_reliable;
        let domain = self.domain(message);
        if domain.templates.is_empty() {
            return false;
        }
        let sequence = u32::from_be_bytes(field(message, SEQUENCE));
        domain.export_time = field(message, EXPORT_TIME);
        if !domain.has_begun {
            domain.begin(sequence);
            domain.send_templates(&mut send);
            if is_reliable {
                domain.options_sent = 0;
            } else if domain.options_sent > 0 {
                domain.repeat_options(&mut send);
            }
        }
        domain.skip_lost(sequence);
        domain.expected = sequence.wrapping_add(message.data_records);
        while let Some(options) = domain.options.get(domain.options_sent).cloned() {
            domain.send(&options, false, &mut send);
            domain.options_sent += 1;
        }
        if message.kind == MessageKind::Data {
            domain.send(message, true, &mut send);
            domain.allowance = domain.allowance.saturating_add(message.length);
        }
        if !is_reliable && domain.is_due() {
            domain.repeat(&mut send);
        }
        true
    }

    /// Calls `send` for templates and options that are repeated in each domain.
    pub(super) fn repeat(&mut self, mut send: impl FnMut(&[u8], bool)) {
        for domain in self.domains.values_mut().filter(|domain| domain.has_begun) {
            domain.repeat(&mut send);
        }
    }

    fn domain(&mut self, message: &Outgoing) -> &mut Domain {
        let number = u32::from_be_bytes(field(message, DOMAIN));
        self.domains.entry(number).or_default()
    }
}

impl Domain {
    fn begin(&mut self, sequence: u32) {
        self.has_begun = true;
        self.expected = sequence;
        self.early = 0;
        self.sequence = 0;
        self.repeated = 0;
        self.repeated_at = u32::from_be_bytes(self.export_time);
    }

    /// Leaves a gap in the session's sequence where the worker's has one, as records were lost in a
    /// full queue.
    fn skip_lost(&mut self, sequence: u32) {
        let missing = sequence.wrapping_sub(self.expected);
        let early = missing.min(self.early);
        self.early -= early;
        self.sequence = self.sequence.wrapping_add(missing - early);
    }

    /// Returns whether a repetition is due by export time, and small enough.
    fn is_due(&self) -> bool {
        let now = u32::from_be_bytes(self.export_time);
        let options = self.options.get(self.repeated).into_iter();
        let octets: usize = self.templates.iter().chain(options).map(length).sum();
        now.wrapping_sub(self.repeated_at) >= INTERVAL && octets <= self.allowance
    }

    fn repeat(&mut self, send: &mut impl FnMut(&[u8], bool)) {
        self.repeated_at = u32::from_be_bytes(self.export_time);
        let octets: usize = self.templates.iter().map(length).sum();
        self.allowance = self.allowance.saturating_sub(octets);
        self.send_templates(send);
        self.repeat_options(send);
    }

    fn send_templates(&mut self, send: &mut impl FnMut(&[u8], bool)) {
        for number in 0..self.templates.len() {
            let templates = Arc::clone(&self.templates[number]);
            self.send(&templates, false, send);
        }
    }

    /// Repeats one message of options, and more of them as far as the allowance goes. The next call
    /// continues with the next message.
    fn repeat_options(&mut self, send: &mut impl FnMut(&[u8], bool)) {
        for _ in 0..self.options.len() {
            let options = Arc::clone(&self.options[self.repeated]);
            self.send(&options, false, send);
            self.repeated = (self.repeated + 1) % self.options.len();
            self.allowance = self.allowance.saturating_sub(options.length);
            let next = &self.options[self.repeated];
            if next.length > self.allowance {
                break;
            }
        }
    }

    /// Sends `message` with this session's sequence number and the latest export time.
    fn send(&mut self, message: &Outgoing, is_itself: bool, send: &mut impl FnMut(&[u8], bool)) {
        let mut octets = message.buffer[..message.length].to_vec();
        octets[EXPORT_TIME].copy_from_slice(&self.export_time);
        octets[SEQUENCE].copy_from_slice(&self.sequence.to_be_bytes());
        self.sequence = self.sequence.wrapping_add(message.data_records);
        send(&octets, is_itself);
    }
}

fn length(message: &Arc<Outgoing>) -> usize {
    message.length
}

fn field(message: &Outgoing, at: Range<usize>) -> [u8; 4] {
    let octets = message.buffer.get(at);
    octets
        .and_then(|octets| octets.try_into().ok())
        .unwrap_or_default()
}
