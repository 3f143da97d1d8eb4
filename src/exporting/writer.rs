// SPDX-License-Identifier: Apache-2.0
//! The messages of one observation domain, one after the other: buffers, sequence and counts.
//!
//! It fills buffers that a host gives and hands them back as messages; it sends nothing itself. It
//! accepts a record only if a buffer has room for all of it, and does not know what records mean.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

use super::message::{
    Header, Message, MessageKind, OPTIONS_TEMPLATE_SET, OpenMessage, TEMPLATE_SET,
};
use super::template::Template;
use crate::flow::Layout;
use crate::metering::ExportRefused;
use crate::observation::ObservationDomainId;
use crate::time::{Timestamp, Uptime};

/// A host's buffers, and its way to collectors.
pub trait Transport {
    /// A buffer for one message, as long as a message may be. 512 octets hold every record and
    /// template.
    type Buffer: AsMut<[u8]>;

    /// Returns a buffer, or `None` if there is none now.
    fn buffer(&mut self) -> Option<Self::Buffer>;

    /// Sends a message. The transport counts what is lost after this.
    fn send(&mut self, message: Message<Self::Buffer>);
}

/// Counts of what an exporting process passed to its transport.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportStatistics {
    /// Messages.
    pub messages: u64,
    /// Flow records in them.
    pub flow_records: u64,
}

/// The state of a session with a collector in one observation domain: the sequence number, and the
/// layouts of layered flows whose templates were sent. Exporting processes that send in the same
/// domain share it.
#[derive(Clone, Debug, Default)]
pub struct Session(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// Data Records in the messages that were sent, modulo 2³² (RFC 7011 §3.1).
    sequence: AtomicU32,
    /// A bit for each layout.
    layouts: AtomicU32,
}

impl Session {
    fn restart(&self) {
        self.0.sequence.store(0, Ordering::Relaxed);
        self.0.layouts.store(0, Ordering::Relaxed);
    }

    pub(super) fn has(&self, layout: Layout) -> bool {
        self.0.layouts.load(Ordering::Relaxed) & bit(layout) != 0
    }

    pub(super) fn insert(&self, layout: Layout) {
        self.0.layouts.fetch_or(bit(layout), Ordering::Relaxed);
    }

    pub(super) fn retain(&self, layouts: u32) {
        self.0.layouts.fetch_and(layouts, Ordering::Relaxed);
    }
}

/// Returns a layout's bit in a set of layouts.
pub(super) const fn bit(layout: Layout) -> u32 {
    1 << layout.number()
}

/// Milliseconds for which an open message stays open for more records.
const LINGER_MILLIS: u32 = 1000;

/// Writes messages.
pub(super) struct Writer<T: Transport> {
    pub(super) transport: T,
    pub(super) domain: ObservationDomainId,
    pub(super) session: Session,
    pub(super) statistics: ExportStatistics,
    pub(super) linger_millis: u32,
    now: Timestamp,
    uptime: Uptime,
    open: Option<OpenMessage<T::Buffer>>,
    opened: Uptime,
}

impl<T: Transport> Writer<T> {
    pub(super) fn new(transport: T, domain: ObservationDomainId) -> Self {
        Self {
            transport,
            domain,
            session: Session::default(),
            statistics: ExportStatistics::default(),
            linger_millis: LINGER_MILLIS,
            now: Timestamp::default(),
            uptime: Uptime::default(),
            open: None,
            opened: Uptime::default(),
        }
    }

    /// Sets the time, and sends a message that was open for long enough.
    pub(super) fn tick(&mut self, now: Timestamp, uptime: Uptime) {
        self.now = now;
        self.uptime = uptime;
        if self.open.is_some() && uptime.since(self.opened) >= self.linger_millis {
            self.send_open();
        }
    }

    pub(super) fn uptime(&self) -> Uptime {
        self.uptime
    }

    /// Sends the open message in the old session, and starts another.
    pub(super) fn restart(&mut self) {
        self.send_open();
        self.session.restart();
    }

    /// Whether a message is open.
    pub(super) fn is_open(&self) -> bool {
        self.open.as_ref().is_some_and(|open| !open.is_empty())
    }

    /// Appends a Template Record or an Options Template Record.
    pub(super) fn append_template(
        &mut self,
        kind: MessageKind,
        template: Template,
    ) -> Result<(), ExportRefused> {
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

    /// Appends an options record in a set of its own, which some collectors need.
    pub(super) fn append_options(
        &mut self,
        template: &Template,
        record: &[u8],
    ) -> Result<(), ExportRefused> {
        let message = self.append(MessageKind::Options, template.id.0, record)?;
        message.close_set();
        message.data_records += 1;
        Ok(())
    }

    /// Appends a flow record.
    #[inline(always)]
    pub(super) fn append_flow(
        &mut self,
        template: &Template,
        record: &[u8],
    ) -> Result<(), ExportRefused> {
        let message = self.append(MessageKind::Data, template.id.0, record)?;
        message.data_records += 1;
        message.flow_records += 1;
        Ok(())
    }

    /// Appends a record to the open message if that is of `kind` and has room, else to a new one.
    #[inline(always)]
    fn append(
        &mut self,
        kind: MessageKind,
        set: u16,
        record: &[u8],
    ) -> Result<&mut OpenMessage<T::Buffer>, ExportRefused> {
        let fits = self
            .open
            .as_mut()
            .is_some_and(|open| open.kind() == kind && open.append(set, record));
        if !fits {
            self.append_to_new(kind, set, record)?;
        }
        self.open.as_mut().ok_or(ExportRefused::NoBuffer)
    }

    #[inline(never)]
    fn append_to_new(
        &mut self,
        kind: MessageKind,
        set: u16,
        record: &[u8],
    ) -> Result<(), ExportRefused> {
        self.send_open();
        let buffer = self.transport.buffer().ok_or(ExportRefused::NoBuffer)?;
        let mut open = OpenMessage::new(buffer, kind);
        let fits = open.append(set, record);
        self.opened = self.uptime;
        self.open = Some(open);
        fits.then_some(()).ok_or(ExportRefused::NoBuffer)
    }

    /// Sends the open message, unless it is empty.
    pub(super) fn send_open(&mut self) {
        let Some(open) = self.open.take_if(|open| !open.is_empty()) else {
            return;
        };
        let records = open.data_records;
        let sequence = &self.session.0.sequence;
        let message = open.finish(&Header {
            export_time: self.now,
            sequence: sequence.fetch_add(records, Ordering::Relaxed),
            domain: self.domain,
        });
        self.statistics.messages += 1;
        self.statistics.flow_records += u64::from(message.flow_records);
        self.transport.send(message);
    }
}
