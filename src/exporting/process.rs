// SPDX-License-Identifier: Apache-2.0
//! The Exporting Process: what is announced when, and the sequence that collectors check.
//!
//! It fills buffers that a host gives and hands them back as messages; it sends nothing
//! itself. A record is taken only where a buffer has room for it, whole.

use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use super::data_record::FlowTemplate;
use super::message::{
    Header, Message, MessageKind, OPTIONS_TEMPLATE_SET, OpenMessage, TEMPLATE_SET,
};
use super::options::{INTERFACES, Interface, SAMPLING, interface_record, sampling_record};
use super::template::Template;
use crate::metering::flow_key::{Ipv4Key, Ipv6Key, L2Key};
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
    pub(super) told: usize,
    /// Where an announcement of options is under way, the interface that is next.
    next_option: Option<usize>,
    options_budget: u64,
    linger_millis: u32,
    /// What is announced instead of everything, each in a message of its own.
    pub(super) only: Option<Vec<Template>>,
    /// Whether something about them has changed since.
    changed: bool,
    l2: bool,
    interfaces: Arc<[Interface]>,
    statistics: ExportStatistics,
}

/// Milliseconds after which templates and options are sent again, unless the host says
/// otherwise: often enough for a collector that restarts, within the 30 to 60 seconds that
/// all of them stand.
const ANNOUNCE_MILLIS: u32 = 30_000;

/// Milliseconds for which a message waits for more records.
const LINGER_MILLIS: u32 = 1000;

impl<T: Transport> ExportingProcess<T> {
    /// A process for `domain` that sends through `transport`; `l2` says whether flows that
    /// are not IP are announced too.
    pub fn new(transport: T, domain: ObservationDomainId, l2: bool) -> Self {
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
            told: 0,
            next_option: None,
            options_budget: u64::MAX,
            linger_millis: LINGER_MILLIS,
            only: None,
            changed: true,
            l2,
            interfaces: Arc::default(),
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
        let after = |millis| {
            self.announced
                .is_some_and(|announced| uptime.since(announced) >= millis)
        };
        let stale = after(self.announce_millis);
        // Not at once, so that nobody makes us announce with each packet.
        let changed = self.changed && self.only.is_none() && after(LINGER_MILLIS);
        if self.next_option.is_some() {
            let _ = self.announce_options();
        } else if stale || changed {
            // Without a buffer now, the next call tries again.
            let _ = self.announce();
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
        self.told = 0;
        self.next_option = None;
        self.sequence.store(0, Ordering::Relaxed);
    }

    /// Names the interfaces; collectors learn of it with the first record, or from when a second
    /// has passed since the announcement before. Takes no longer for many than for few.
    pub fn set_interfaces(&mut self, interfaces: Arc<[Interface]>) {
        if !Arc::ptr_eq(&self.interfaces, &interfaces) {
            self.interfaces = interfaces;
            self.changed = true;
        }
    }

    /// Has each call begin so many messages of options, and the next [`Self::tick`] go on from
    /// there; all at once unless this is called. Templates are never split.
    pub fn set_options_budget(&mut self, messages: u32) {
        self.options_budget = messages.into();
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

    /// Sends all templates, and then options, within their budget: repeated templates do not go
    /// everywhere, but every Data Record counts in the sequence, so they share no message.
    ///
    /// Where there is no buffer in the middle of it, the next call goes on from there: one
    /// buffer now and then is enough.
    fn announce(&mut self) -> Result<(), NoRoom> {
        let kind = if self.announced.is_some() {
            MessageKind::RepeatedTemplates
        } else {
            MessageKind::Templates
        };
        if self.only.is_some() {
            return self.announce_these(kind);
        }
        for template in self.templates().into_iter().flatten().skip(self.told) {
            self.announce_template(template, kind)?;
            self.told += 1;
        }
        self.send_open();
        self.told = 0;
        self.announced = Some(self.uptime);
        self.changed = false;
        self.next_option = Some(0);
        // Without a buffer now, the next tick tries again.
        let _ = self.announce_options();
        Ok(())
    }

    /// Goes on with the options of the announcement under way, until all stand in messages or so
    /// many messages are full. Interfaces that were set meanwhile are taken from here on, and all
    /// of them in the announcement after.
    fn announce_options(&mut self) -> Result<(), NoRoom> {
        let before = self.statistics.messages;
        let interfaces = Arc::clone(&self.interfaces);
        while let Some(next) = self.next_option {
            if self.statistics.messages - before >= self.options_budget {
                return Ok(());
            }
            let Some(interface) = interfaces.get(next) else {
                let record = sampling_record(self.domain);
                self.append_options(&SAMPLING, &record)?;
                self.send_open();
                self.next_option = None;
                return Ok(());
            };
            let record = interface_record(self.domain, interface);
            self.append_options(&INTERFACES, &record)?;
            self.next_option = Some(next + 1);
        }
        Ok(())
    }

    fn templates(&self) -> [Option<Template>; 5] {
        [
            Some(Ipv4Key::TEMPLATE),
            Some(Ipv6Key::TEMPLATE),
            self.l2.then_some(L2Key::TEMPLATE),
            Some(INTERFACES),
            Some(SAMPLING),
        ]
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
