// SPDX-License-Identifier: Apache-2.0
//! Templates and options: what was announced in this session, and what is repeated when.
//!
//! It holds one invariant: options are sent only after their templates, which are announced together
//! with those of the families. An announcement that finds no buffer continues from where it stopped.

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use super::data_record::FlowTemplate;
use super::message::MessageKind;
use super::options::{
    INTERFACES, Interface, Interfaces, SAMPLING, interface_record, sampling_record,
};
use super::template::Template;
use super::writer::{Transport, Writer, bit};
use crate::flow::{Ipv4Key, Ipv6Key, L2Key, Layout};
use crate::metering::ExportRefused;
use crate::time::Uptime;

/// The templates that are announced together, in this order.
const FAMILIES: [Template; 5] = [
    Ipv4Key::TEMPLATE,
    Ipv6Key::TEMPLATE,
    L2Key::TEMPLATE,
    INTERFACES,
    SAMPLING,
];

/// Messages of options that one call begins. With thousands of interfaces, flow records continue
/// between them.
const OPTIONS_MESSAGES: u64 = 8;

/// Rounds that may be in progress. With more, one round announces all.
const MOST_ROUNDS: usize = 4;

/// Milliseconds between repetitions, unless the host sets them: often enough for a collector that
/// restarted.
const INTERVAL_MILLIS: u32 = 30_000;

/// What an exporting process announces.
pub(super) struct Announcements {
    pub(super) interval_millis: u32,
    /// When templates were last announced.
    last: Option<Uptime>,
    /// Whether [`FAMILIES`] were announced in this session.
    families: bool,
    /// The layouts that this process announced in this session, and repeats.
    layouts: u32,
    /// The templates, first families' and then layouts', that the announcement in progress has
    /// written or skipped.
    written: usize,
    interfaces: Arc<[Interface]>,
    /// Options that are being announced.
    rounds: VecDeque<Round>,
}

/// Interfaces that are announced one after the other, over several calls.
struct Round {
    interfaces: Arc<[Interface]>,
    next: usize,
    /// Whether it announces all options, so also how packets are selected.
    is_whole: bool,
}

impl Announcements {
    pub(super) fn new() -> Self {
        Self {
            interval_millis: INTERVAL_MILLIS,
            last: None,
            families: false,
            layouts: 0,
            written: 0,
            interfaces: Arc::default(),
            rounds: VecDeque::new(),
        }
    }

    /// Forgets what was announced, for another session.
    pub(super) fn restart(&mut self) {
        self.last = None;
        self.families = false;
        self.layouts = 0;
        self.written = 0;
        self.rounds.clear();
    }

    /// Whether the families' templates were announced.
    #[inline(always)]
    pub(super) fn has_families(&self) -> bool {
        self.families
    }

    /// Repeats what is due, and continues with options. Without a buffer, the next call tries again.
    pub(super) fn tick<T: Transport>(&mut self, writer: &mut Writer<T>) {
        let now = writer.uptime();
        let is_due = |last| now.since(last) >= self.interval_millis;
        let _ = if self.last.is_some_and(is_due) {
            self.repeat(writer)
        } else {
            self.announce_options(writer, OPTIONS_MESSAGES)
        };
    }

    /// Announces the families' templates, then begins to announce all options in messages of their
    /// own: repeated templates are not for every collector, but every Data Record counts in the
    /// sequence.
    pub(super) fn announce_families<T: Transport>(
        &mut self,
        writer: &mut Writer<T>,
    ) -> Result<(), ExportRefused> {
        self.write_families(writer, MessageKind::Templates)?;
        self.families = true;
        self.finish(writer)
    }

    /// Announces a layout's template in a message of its own, and repeats it from now on.
    pub(super) fn announce_layout<T: Transport>(
        &mut self,
        writer: &mut Writer<T>,
        layout: Layout,
    ) -> Result<(), ExportRefused> {
        writer.append_template(MessageKind::Templates, layout.template())?;
        writer.send_open();
        writer.session.insert(layout);
        self.layouts |= bit(layout);
        self.last = Some(writer.uptime());
        Ok(())
    }

    /// Forgets all layouts but these.
    pub(super) fn retain_layouts(&mut self, layouts: u32) {
        self.layouts &= layouts;
    }

    fn write_families<T: Transport>(
        &mut self,
        writer: &mut Writer<T>,
        kind: MessageKind,
    ) -> Result<(), ExportRefused> {
        for template in FAMILIES.into_iter().skip(self.written) {
            writer.append_template(kind, template)?;
            self.written += 1;
        }
        writer.send_open();
        Ok(())
    }

    fn repeat<T: Transport>(&mut self, writer: &mut Writer<T>) -> Result<(), ExportRefused> {
        if self.families && self.written < FAMILIES.len() {
            self.write_families(writer, MessageKind::RepeatedTemplates)?;
        }
        self.written = self.written.max(FAMILIES.len());
        while self.written < FAMILIES.len() + Layout::COUNT {
            let layout = Layout::from_number(self.written - FAMILIES.len());
            if self.layouts & bit(layout) != 0 {
                writer.append_template(MessageKind::RepeatedTemplates, layout.template())?;
                writer.send_open();
            }
            self.written += 1;
        }
        self.finish(writer)
    }

    fn finish<T: Transport>(&mut self, writer: &mut Writer<T>) -> Result<(), ExportRefused> {
        self.written = 0;
        self.last = Some(writer.uptime());
        if self.families {
            self.begin_round();
        }
        self.announce_options(writer, OPTIONS_MESSAGES)
    }

    /// Sets the interfaces, and begins to announce those that have changed.
    pub(super) fn set_interfaces(&mut self, interfaces: &Interfaces) {
        self.interfaces = Arc::clone(interfaces.all());
        if !self.families {
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

    /// Begins to announce all options, unless that is in progress.
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

    /// Continues with the options that are being announced, for about so many messages.
    pub(super) fn announce_options<T: Transport>(
        &mut self,
        writer: &mut Writer<T>,
        messages: u64,
    ) -> Result<(), ExportRefused> {
        let end = writer.statistics.messages.saturating_add(messages);
        while let Some(round) = self.rounds.front_mut() {
            if writer.statistics.messages >= end {
                return Ok(());
            }
            if let Some(interface) = round.interfaces.get(round.next) {
                let record = interface_record(writer.domain, interface);
                writer.append_options(&INTERFACES, &record)?;
                round.next += 1;
                continue;
            }
            if round.is_whole {
                let record = sampling_record(writer.domain);
                writer.append_options(&SAMPLING, &record)?;
            }
            self.rounds.pop_front();
            writer.send_open();
        }
        Ok(())
    }
}
