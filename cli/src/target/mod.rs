// SPDX-License-Identifier: Apache-2.0
//! Where messages go: collectors and files, each on its own.
//!
//! A stream that fails is left alone from then on; what a target misses is counted, and
//! the others get everything. Messages are octets here, and are never looked into.

mod stream;
mod udp;

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use flowmeter::exporting::{Message, MessageKind};

use self::stream::Stream;
use crate::arguments::{Collector, Protocol};

/// A finished message on its way to the targets.
pub(crate) type Outgoing = Message<Vec<u8>>;

/// One way to send messages.
trait Sink: Send {
    /// Takes one message, whole.
    fn send(&mut self, message: &[u8]) -> io::Result<()>;

    /// Octets of the latest messages that were taken but have not left.
    fn held(&self) -> usize;

    /// Sends what is held.
    fn flush(&mut self) -> io::Result<()>;

    /// Ends without sending what is held.
    fn abandon(self: Box<Self>);
}

/// What kind of target it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Udp,
    Tcp,
    File,
}

/// One target and its accounts.
pub(crate) struct Target {
    kind: Kind,
    sink: Option<Box<dyn Sink>>,
    /// Octets and flow records of the messages that may still be held, oldest first.
    held: VecDeque<(usize, u64)>,
    held_octets: usize,
    report: Report,
}

/// What became of the flow records for one target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// The target, as the command line names it.
    pub(crate) name: String,
    /// Flow records that were sent. Over UDP and TCP: that the system took for sending.
    pub(crate) records: u64,
    /// Flow records that were not sent.
    pub(crate) lost: u64,
    /// Why not: what went wrong first.
    pub(crate) failure: Option<Failure>,
}

/// Why records were lost.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The reason's name in reports.
    pub(crate) reason: &'static str,
    /// What the system said.
    pub(crate) error: String,
}

impl Target {
    /// A collector; one that cannot be reached is a target that has failed.
    pub(crate) fn collector(collector: &Collector) -> Self {
        let name = collector.name.clone();
        match collector.protocol {
            Protocol::Udp => Self::new(name, Kind::Udp, udp::Udp::connect(collector.address)),
            Protocol::Tcp => Self::new(name, Kind::Tcp, Stream::connect(collector.address)),
        }
    }

    /// An IPFIX file, written anew; `-` is standard output.
    pub(crate) fn file(path: &Path) -> Self {
        if path == Path::new("-") {
            let name = "standard output".to_owned();
            return Self::new(name, Kind::File, Stream::standard_output());
        }
        let name = path.display().to_string();
        Self::new(name, Kind::File, Stream::create(path))
    }

    fn new<S: Sink + 'static>(name: String, kind: Kind, sink: io::Result<S>) -> Self {
        let mut target = Self {
            kind,
            sink: None,
            held: VecDeque::new(),
            held_octets: 0,
            report: Report {
                name,
                ..Report::default()
            },
        };
        match sink {
            Ok(sink) => target.sink = Some(Box::new(sink)),
            Err(error) => target.fail(&error),
        }
        target
    }

    /// Sends `message` if this target needs it.
    pub(crate) fn send(&mut self, message: &Outgoing) {
        if message.kind == MessageKind::RepeatedTemplates && self.kind != Kind::Udp {
            return;
        }
        let records = u64::from(message.flow_records);
        let Some(sink) = &mut self.sink else {
            self.report.lost += records;
            return;
        };
        match sink.send(&message.buffer[..message.length]) {
            Ok(()) => {
                self.held.push_back((message.length, records));
                self.held_octets += message.length;
                let held = sink.held();
                self.settle(held);
            }
            Err(error) => {
                self.report.lost += records;
                self.fail(&error);
            }
        }
    }

    /// Sends what is held.
    pub(crate) fn flush(&mut self) {
        match self.sink.as_mut().map_or(Ok(()), |sink| sink.flush()) {
            Ok(()) => self.settle(0),
            Err(error) => self.fail(&error),
        }
    }

    /// Sends what is held, and tells what became of all records.
    pub(crate) fn finish(mut self) -> Report {
        self.flush();
        self.report
    }

    /// Counts as sent the messages of which nothing is among the last `held` octets.
    fn settle(&mut self, held: usize) {
        while let Some(&(octets, records)) = self.held.front()
            && self.held_octets - octets >= held
        {
            self.held.pop_front();
            self.held_octets -= octets;
            self.report.records += records;
        }
    }

    fn fail(&mut self, error: &io::Error) {
        let kind = self.kind;
        self.report.failure.get_or_insert_with(|| Failure {
            reason: reason(kind, error),
            error: describe(error),
        });
        // A collector that refuses datagrams may come back; a broken stream does not.
        if self.kind != Kind::Udp
            && let Some(sink) = self.sink.take()
        {
            self.settle(sink.held());
            sink.abandon();
            self.report.lost += self.held.drain(..).map(|(_, records)| records).sum::<u64>();
        }
    }
}

/// The name under which losses of this kind are counted.
fn reason(kind: Kind, error: &io::Error) -> &'static str {
    match (error.kind(), kind) {
        (io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded, _) => "disk_full",
        (io::ErrorKind::BrokenPipe, _) => "broken_pipe",
        (_, Kind::File) => "output_failed",
        (_, Kind::Udp | Kind::Tcp) => "collector_unreachable",
    }
}

/// What the system said, without the number that only programmers know.
fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_owned()
}

#[cfg(test)]
mod tests;
