// SPDX-License-Identifier: Apache-2.0
//! The Exporting Process: records in, messages out, each template before its records.
//!
//! `writer` fills buffers and counts, `announcements` has the templates and options. This file joins
//! them, so that no call sends a Data Record whose template was not sent in the same session.

use super::announcements::Announcements;
use super::data_record::FlowTemplate;
use super::options::Interfaces;
use super::writer::{ExportStatistics, Session, Transport, Writer, bit};
use crate::flow::Layout;
use crate::metering::{Export, ExportRefused, FlowRecord};
use crate::observation::ObservationDomainId;
use crate::time::{Timestamp, Uptime};

/// An Exporting Process for one observation domain (RFC 7011 §3.1).
///
/// It announces templates by itself: those of all families, with options, before the first record of
/// a family, and that of a layout before the first record of a layered flow with this layout. It
/// repeats what it announced in each interval.
pub struct ExportingProcess<T: Transport> {
    pub(super) writer: Writer<T>,
    pub(super) announcements: Announcements,
}

impl<T: Transport> ExportingProcess<T> {
    /// Returns a process for `domain` that sends through `transport`.
    pub fn new(transport: T, domain: ObservationDomainId) -> Self {
        Self {
            writer: Writer::new(transport, domain),
            announcements: Announcements::new(),
        }
    }

    /// Shares a session with other processes that send in the same domain: each counts in its
    /// sequence, and sends records of layouts that another one announced.
    pub fn share_session(&mut self, session: &Session) {
        self.writer.session = session.clone();
    }

    /// Sets for how many milliseconds a message stays open for more records; 1000 by default.
    pub fn set_linger(&mut self, milliseconds: u32) {
        self.writer.linger_millis = milliseconds;
    }

    /// Sets the milliseconds after which templates and options are repeated; 30,000 by default.
    pub fn set_announce_interval(&mut self, milliseconds: u32) {
        self.announcements.interval_millis = milliseconds;
    }

    /// Sets the time, and sends what is due: a message that was open for long enough, templates and
    /// options. Call it before the records of each batch.
    pub fn tick(&mut self, now: Timestamp, uptime: Uptime) {
        self.writer.tick(now, uptime);
        self.announcements.tick(&mut self.writer);
    }

    /// Starts a session with another collector. The message under construction is sent in the
    /// session before; templates precede the next record, and the sequence number, which counts
    /// within a session (RFC 7011 §3.1), begins at 0.
    pub fn restart(&mut self) {
        self.writer.restart();
        self.announcements.restart();
    }

    /// Returns the domain.
    pub fn domain(&self) -> ObservationDomainId {
        self.writer.domain
    }

    /// Exports in another domain from now on, as after [`Self::restart`]. Does nothing if the domain
    /// is the same.
    pub fn set_domain(&mut self, domain: ObservationDomainId) {
        if self.writer.domain != domain {
            self.restart();
            self.writer.domain = domain;
        }
    }

    /// Sets the interfaces that options describe. Those that have changed are announced from the next
    /// call on, a few messages at a time, and all of them in each interval.
    pub fn set_interfaces(&mut self, interfaces: &Interfaces) {
        self.announcements.set_interfaces(interfaces);
    }

    /// Sends the message that is under construction, if any.
    pub fn flush(&mut self) {
        self.writer.send_open();
    }

    /// Whether a message is under construction.
    pub fn is_open(&self) -> bool {
        self.writer.is_open()
    }

    /// Sets all counts to 0.
    pub fn clear_statistics(&mut self) {
        self.writer.statistics = ExportStatistics::default();
    }

    /// Returns the counts of what was passed to the transport.
    pub fn statistics(&self) -> &ExportStatistics {
        &self.writer.statistics
    }

    /// Returns the transport.
    pub fn transport(&mut self) -> &mut T {
        &mut self.writer.transport
    }

    /// Announces what is left of the options, in as many messages as that takes.
    ///
    /// # Errors
    /// [`ExportRefused::NoBuffer`] if the transport has no buffer. The next call continues.
    pub fn finish_options(&mut self) -> Result<(), ExportRefused> {
        self.announcements
            .announce_options(&mut self.writer, u64::MAX)
    }

    /// Announces the template of a layout now, in a message of its own. A host that needs it before
    /// the first record, or for other processes of the session, calls this.
    ///
    /// # Errors
    /// [`ExportRefused::NoBuffer`] if the transport has no buffer.
    pub fn announce_layout(&mut self, layout: Layout) -> Result<(), ExportRefused> {
        self.announcements.announce_layout(&mut self.writer, layout)
    }

    /// Repeats the templates of no other layouts than these from now on. The next record of another
    /// layout announces its template again.
    pub fn retain_layouts(&mut self, layouts: impl IntoIterator<Item = Layout>) {
        let layouts = layouts.into_iter().fold(0, |set, layout| set | bit(layout));
        self.announcements.retain_layouts(layouts);
        self.writer.session.retain(layouts);
    }
}

impl<K: FlowTemplate, T: Transport> Export<K> for ExportingProcess<T> {
    #[inline]
    fn export(&mut self, record: &FlowRecord<K>) -> Result<(), ExportRefused> {
        if !self.announcements.has_families() {
            // A template precedes its data (RFC 7011 §8).
            self.announcements.announce_families(&mut self.writer)?;
        }
        let octets = K::encode(record);
        self.writer.append_flow(&K::TEMPLATE, octets.as_ref())
    }
}
