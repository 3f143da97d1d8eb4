// SPDX-License-Identifier: Apache-2.0
//! The Exporting Process: what is announced when, and the sequence that collectors check.
//!
//! It fills buffers that a host gives and hands them back as messages; it sends nothing
//! itself. A record is taken only where a buffer has room for it, whole.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

use super::data_record::FlowTemplate;
use super::message::{
    Header, Message, MessageKind, OPTIONS_TEMPLATE_SET, OpenMessage, TEMPLATE_SET,
};
use super::options::{
    INTERFACES, Interface, Interfaces, SAMPLING, interface_record, sampling_record,
};
use super::template::Template;
use crate::flow::{Ipv4Key, Ipv6Key, L2Key};
use crate::metering::{Export, FlowRecord, NoRoom};
use crate::observation::ObservationDomainId;
use crate::time::{Timestamp, Uptime};

/// Where a host's buffers come from and where messages go.
pub trait Transport {
    /// A buffer for one message, as long as a message may be; 512 octets hold everything.
    type Buffer: AsMut<[u8]>;

    /// A buffer, or `None` where there is none now.
    fn buffer(&mut self) -> Option<Self::Buffer>;

    /// Sends a message. What becomes of it is the transport's to count.
    fn send(&mut self, message: Message<Self::Buffer>);
}

/// What an exporting process has handed to its transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportStatistics {
    /// Messages.
    pub messages: u64,
    /// Flow records in them.
    pub flow_records: u64,
}

/// The sequence of an observation domain; of several processes where they send in one.
pub type Sequence = Arc<AtomicU32>;

/// An Exporting Process for one observation domain.
pub struct ExportingProcess<T: Transport> {
    transport: T,
    domain: ObservationDomainId,
    /// Data Records in the messages that were sent, modulo 2³² (RFC 7011 §3.1).
    sequence: Sequence,
    now: Timestamp,
    pub(super) uptime: Uptime,
    open: Option<OpenMessage<T::Buffer>>,
    opened: Uptime,
    /// When templates were last announced.
    pub(super) announced: Option<Uptime>,
    announce_millis: u32,
    /// Templates of the announcement under way that stand in messages already.
    pub(super) written: usize,
    linger_millis: u32,
    /// What is announced instead of everything, each in a message of its own.
    pub(super) chosen: Option<Vec<Template>>,
    interfaces: Arc<[Interface]>,
    /// Options that are being announced.
    rounds: VecDeque<Round>,
    statistics: ExportStatistics,
}

/// What is announced, in this order.
const TEMPLATES: [Template; 5] = [
    Ipv4Key::TEMPLATE,
    Ipv6Key::TEMPLATE,
    L2Key::TEMPLATE,
    INTERFACES,
    SAMPLING,
];

/// Interfaces that are announced one after the other, over several calls.
struct Round {
    interfaces: Arc<[Interface]>,
    next: usize,
    /// Whether it announces all options, so also how packets are selected.
    is_whole: bool,
}

/// Messages of options that one call begins: with thousands of interfaces, records go on between.
const OPTIONS_MESSAGES: u64 = 8;

/// Rounds that may be under way; with more, one round announces all.
const MOST_ROUNDS: usize = 4;

/// Milliseconds after which templates and options are sent again, unless the host says
/// otherwise: often enough for a collector that restarts, within the 30 to 60 seconds that
/// all of them stand.
const ANNOUNCE_MILLIS: u32 = 30_000;

/// Milliseconds for which a message waits for more records.
const LINGER_MILLIS: u32 = 1000;

impl<T: Transport> ExportingProcess<T> {
    /// A process for `domain` that sends through `transport`.
    ///
    /// It announces the templates of all families, whatever is metered: no record can leave
    /// without its template.
    pub fn new(transport: T, domain: ObservationDomainId) -> Self {
        Self {
            transport,
            domain,
            sequence: Sequence::default(),
            now: Timestamp::default(),
            uptime: Uptime::default(),
            open: None,
            opened: Uptime::default(),
            announced: None,
            announce_millis: ANNOUNCE_MILLIS,
            written: 0,
            linger_millis: LINGER_MILLIS,
            chosen: None,
            interfaces: Arc::default(),
            rounds: VecDeque::new(),
            statistics: ExportStatistics::default(),
        }
    }

    /// Counts in `sequence` together with others that send in the same domain.
    pub fn share_sequence(&mut self, sequence: &Sequence) {
        self.sequence = Arc::clone(sequence);
    }

    /// Has messages wait for so many milliseconds for more records.
    pub fn set_linger(&mut self, milliseconds: u32) {
        self.linger_millis = milliseconds;
    }

    /// Tells the time, and sends what is due: a message that waited, templates and options.
    /// Call it before the records of each frame.
    pub fn tick(&mut self, now: Timestamp, uptime: Uptime) {
        self.now = now;
        self.uptime = uptime;
        if self.open.is_some() && uptime.since(self.opened) >= self.linger_millis {
            self.send_open();
        }
        let announced = self.announced;
        let is_due = announced.is_some_and(|at| uptime.since(at) >= self.announce_millis);
        // Without a buffer now, the next call tries again.
        if is_due {
            let _ = self.announce();
        } else if announced.is_some() {
            let _ = self.announce_options(OPTIONS_MESSAGES);
        }
    }

    /// Sends templates and options again after so many milliseconds.
    pub fn set_announce_interval(&mut self, milliseconds: u32) {
        self.announce_millis = milliseconds;
    }

    /// Begins a session with a collector that has heard nothing yet: what is under
    /// construction goes to the one before, templates precede the next record, and the
    /// sequence, which counts within a stream (RFC 7011 §3.1), begins at 0.
    pub fn restart(&mut self) {
        self.send_open();
        self.announced = None;
        self.written = 0;
        self.rounds.clear();
        self.sequence.store(0, Ordering::Relaxed);
    }

    /// The domain that it exports in.
    pub fn domain(&self) -> ObservationDomainId {
        self.domain
    }

    /// Exports in another domain from now on. What is under construction leaves in the one before;
    /// in the new one templates precede the next record, and the sequence begins at 0, since it
    /// counts in one domain (RFC 7011 §3.1).
    pub fn set_domain(&mut self, domain: ObservationDomainId) {
        if self.domain != domain {
            self.restart();
            self.domain = domain;
        }
    }

    /// Sets what collectors learn of interfaces: what has changed from the next call on, a few
    /// messages at a time, and all of it in each interval. Takes no time for those that have not
    /// changed.
    pub fn set_interfaces(&mut self, interfaces: &Interfaces) {
        self.interfaces = Arc::clone(interfaces.all());
        if self.announced.is_none() {
            return;
        }
        if self.rounds.len() == MOST_ROUNDS {
            self.rounds.clear();
            self.begin_round();
            return;
        }
        self.rounds.push_back(Round {
            interfaces: Arc::clone(interfaces.changed()),
            next: 0,
            is_whole: false,
        });
    }

    /// Sends the message that is under construction, if any.
    pub fn flush(&mut self) {
        self.send_open();
    }

    /// Whether a message is under construction.
    pub fn is_open(&self) -> bool {
        self.open.as_ref().is_some_and(|open| !open.is_empty())
    }

    /// Begins the counts of what was handed to the transport anew.
    pub fn clear_statistics(&mut self) {
        self.statistics = ExportStatistics::default();
    }

    /// What was handed to the transport.
    pub fn statistics(&self) -> &ExportStatistics {
        &self.statistics
    }

    /// The transport.
    pub fn transport(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Announces what is left of the options, however many messages that takes.
    ///
    /// # Errors
    /// Where there was no buffer.
    pub fn finish_options(&mut self) -> Result<(), NoRoom> {
        self.announce_options(u64::MAX)
    }

    /// Sends all templates, and begins to send all options in messages of their own: repeated
    /// templates do not go everywhere, but every Data Record counts in the sequence.
    ///
    /// Where there is no buffer in the middle of it, the next call goes on from there: one
    /// buffer now and then is enough.
    fn announce(&mut self) -> Result<(), NoRoom> {
        let kind = if self.announced.is_some() {
            MessageKind::RepeatedTemplates
        } else {
            MessageKind::Templates
        };
        if self.chosen.is_some() {
            return self.announce_these(kind);
        }
        for template in TEMPLATES.into_iter().skip(self.written) {
            self.announce_template(template, kind)?;
            self.written += 1;
        }
        self.send_open();
        self.written = 0;
        self.announced = Some(self.uptime);
        self.begin_round();
        self.announce_options(OPTIONS_MESSAGES)
    }

    /// Begins to announce all options, unless that is under way.
    fn begin_round(&mut self) {
        if self.rounds.iter().any(|round| round.is_whole) {
            return;
        }
        self.rounds.push_back(Round {
            interfaces: Arc::clone(&self.interfaces),
            next: 0,
            is_whole: true,
        });
    }

    /// Goes on with the options that are being announced, for about so many messages.
    fn announce_options(&mut self, messages: u64) -> Result<(), NoRoom> {
        let end = self.statistics.messages.saturating_add(messages);
        while let Some(round) = self.rounds.front() {
            if self.statistics.messages >= end {
                return Ok(());
            }
            let is_whole = round.is_whole;
            if let Some(interface) = round.interfaces.get(round.next) {
                let record = interface_record(self.domain, interface);
                self.append_options(&INTERFACES, &record)?;
                if let Some(round) = self.rounds.front_mut() {
                    round.next += 1;
                }
                continue;
            }
            if is_whole {
                let record = sampling_record(self.domain);
                self.append_options(&SAMPLING, &record)?;
            }
            self.rounds.pop_front();
            self.send_open();
        }
        Ok(())
    }

    pub(super) fn announce_template(
        &mut self,
        template: Template,
        kind: MessageKind,
    ) -> Result<(), NoRoom> {
        let record = template.to_octets();
        if !template.is_options() {
            self.append(kind, TEMPLATE_SET, &record)?;
            return Ok(());
        }
        // Some collectors read only the first options template of a set.
        self.append(kind, OPTIONS_TEMPLATE_SET, &record)?
            .close_set();
        Ok(())
    }

    /// Adds one options record in a set of its own, which some collectors need.
    fn append_options(&mut self, template: &Template, record: &[u8]) -> Result<(), NoRoom> {
        let message = self.append(MessageKind::Data, template.id.0, record)?;
        message.close_set();
        message.data_records += 1;
        Ok(())
    }

    /// Adds a record to the open message if that is of `kind` and has room, else to a new one.
    #[inline(always)]
    pub(super) fn append(
        &mut self,
        kind: MessageKind,
        set: u16,
        record: &[u8],
    ) -> Result<&mut OpenMessage<T::Buffer>, NoRoom> {
        let fits = self
            .open
            .as_mut()
            .is_some_and(|open| open.kind() == kind && open.append(set, record));
        if !fits {
            self.append_to_new(kind, set, record)?;
        }
        self.open.as_mut().ok_or(NoRoom::NoBuffer)
    }

    #[inline(never)]
    fn append_to_new(&mut self, kind: MessageKind, set: u16, record: &[u8]) -> Result<(), NoRoom> {
        self.send_open();
        let buffer = self.transport.buffer().ok_or(NoRoom::NoBuffer)?;
        let mut open = OpenMessage::new(buffer, kind);
        let fits = open.append(set, record);
        self.opened = self.uptime;
        self.open = Some(open);
        fits.then_some(()).ok_or(NoRoom::NoBuffer)
    }

    pub(super) fn send_open(&mut self) {
        let Some(open) = self.open.take_if(|open| !open.is_empty()) else {
            return;
        };
        let records = open.data_records;
        let message = open.finish(&Header {
            export_time: self.now,
            sequence: self.sequence.fetch_add(records, Ordering::Relaxed),
            domain: self.domain,
        });
        self.statistics.messages += 1;
        self.statistics.flow_records += u64::from(message.flow_records);
        self.transport.send(message);
    }
}

impl<K: FlowTemplate, T: Transport> Export<K> for ExportingProcess<T> {
    #[inline]
    fn export(&mut self, record: &FlowRecord<K>) -> Result<(), NoRoom> {
        if self.announced.is_none() {
            // A template precedes its data (RFC 7011 §8).
            self.announce()?;
        }
        let octets = K::encode(record);
        let message = self.append(MessageKind::Data, K::TEMPLATE.id.0, octets.as_ref())?;
        message.data_records += 1;
        message.flow_records += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Observed, Ports};
    use crate::metering::EndReason;
    use crate::observation::ObservationPoint;

    /// Keeps messages.
    struct Kept(Vec<Vec<u8>>);

    impl Transport for Kept {
        type Buffer = Vec<u8>;

        fn buffer(&mut self) -> Option<Vec<u8>> {
            Some(vec![0; 1400])
        }

        fn send(&mut self, message: Message<Vec<u8>>) {
            self.0.push(message.buffer[..message.length].to_vec());
        }
    }

    fn record() -> FlowRecord<Ipv4Key> {
        let point = ObservationPoint::default();
        FlowRecord {
            key: Ipv4Key {
                source: [192, 0, 2, 1],
                destination: [192, 0, 2, 2],
                ports: Ports::default(),
                observed: Observed::new(&point, 0, 17),
            },
            attributes: (),
            packets: 1,
            octets: 28,
            start: Timestamp::default(),
            end: Timestamp::default(),
            ingress_vrf: 0,
            egress_vrf: 0,
            type_of_service: 0,
            tcp_flags: 0,
            end_reason: EndReason::ForcedEnd,
        }
    }

    /// Domain, sequence and first set of each message.
    fn heads(process: &mut ExportingProcess<Kept>) -> Vec<(u32, u32, u16)> {
        let messages = core::mem::take(&mut process.transport().0);
        let number = |octets: &[u8]| octets.iter().fold(0, |sum, o| sum << 8 | u32::from(*o));
        let head = |message: &Vec<u8>| {
            let set = number(&message[16..18]) as u16;
            (number(&message[12..16]), number(&message[8..12]), set)
        };
        messages.iter().map(head).collect()
    }

    #[test]
    fn a_new_domain_begins_with_templates_and_sequence_0() {
        let domains = [7, 9].map(ObservationDomainId);
        let mut process = ExportingProcess::new(Kept(Vec::new()), domains[0]);
        process.export(&record()).expect("a buffer");
        let before = heads(&mut process);
        assert!(before.iter().all(|(domain, ..)| *domain == 7));
        assert_eq!(before[0], (7, 0, 2));
        // The same domain changes nothing.
        process.set_domain(domains[0]);
        assert!(process.is_open());
        process.set_domain(domains[1]);
        // What was under construction: behind the sampling options, which count as a record.
        assert_eq!(heads(&mut process), [(7, 1, 256)]);
        process.export(&record()).expect("a buffer");
        process.flush();
        let after = heads(&mut process);
        assert_eq!(after.first(), Some(&(9, 0, 2)));
        assert_eq!(after.last(), Some(&(9, 1, 256)));
    }
}
