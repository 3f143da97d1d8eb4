// SPDX-License-Identifier: Apache-2.0
//! `flowmeter replay`: captures in, IPFIX and a summary out.
//!
//! One thread reads, each worker has one that meters, and one more sends messages to the
//! targets. Nothing is dropped between them: who is slow is waited for.

mod lanes;
mod report;
mod top;
mod uptime;
mod worker;

use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use flowmeter::metering::{Backend, Configuration, Timeouts};
use flowmeter::observation::ObservationDomainId;
use indicatif::{ProgressBar, ProgressStyle};

use self::lanes::Lanes;
use self::report::Summary;
use self::top::Top;
use self::uptime::UptimeClock;
use self::worker::{Batch, Timed, Worker};
use crate::arguments::{Collector, Protocol, Replay};
use crate::capture::{Block, Capture, CaptureError, Numbering};
use crate::complain;
use crate::target::{Outgoing, Report, Target};

/// Milliseconds of uptime in which every worker hears of the time and looks at every flow, far
/// less than those after which uptime wraps around.
const EPOCH: u32 = 1 << 29;

/// Packets that are read at a time.
const READ: usize = 256;

/// Messages that may wait for the targets.
const WAITING_MESSAGES: usize = 1024;

/// How long targets may hold messages back when no more come.
const MOMENT: Duration = Duration::from_millis(200);

/// Octets of IP and UDP headers before a message (RFC 791, RFC 8200, RFC 768).
const IPV4_UDP_HEADERS: u16 = 20 + 8;
const IPV6_UDP_HEADERS: u16 = 40 + 8;

/// Runs the command. `Ok(false)` says that something was lost and has been named; an error
/// that nothing was done.
pub(crate) fn run(options: &Replay, out: &mut Vec<u8>) -> Result<bool> {
    let started = Instant::now();
    if let Some(output) = &options.output
        && output != Path::new("-")
    {
        refuse_to_overwrite(output, &options.files)?;
    }
    let domains = domains(options)?;
    let configuration = Configuration {
        backend: options.backend.unwrap_or_else(Backend::detect),
        l2: options.l2,
        timeouts: Timeouts::from_millis(
            options.active_timeout.saturating_mul(1000),
            options.idle_timeout.saturating_mul(1000),
        ),
        ..Configuration::new(options.flows as usize).context("no random seed for the flow table")?
    };

    let (sender, receiver) = bounded(WAITING_MESSAGES);
    let has_targets = options.output.is_some() || !options.collector.is_empty();
    let mut workers = domains
        .map(|domain| {
            Worker::new(
                &configuration,
                domain,
                message_octets(options),
                has_targets.then(|| sender.clone()),
                Top::new(options.top as usize, options.flows as usize),
            )
        })
        .collect::<io::Result<Vec<_>>>()
        .with_context(|| format!("no memory for tables of {} flows", options.flows))?;
    drop(sender);
    let is_udp = |collector: &Collector| collector.protocol == Protocol::Udp;
    if !options.collector.iter().any(is_udp) {
        workers.iter_mut().for_each(Worker::announce_once);
    }
    let interrupted = interruption()?;
    // Only now is anything written: until here all could still be refused.
    let targets = if options.files.iter().any(|file| can_be_read(file)) {
        open_targets(options)
    } else {
        // A typing error shall not cost the output of another replay.
        Vec::new()
    };
    let exporter = thread::spawn(move || export(&receiver, targets));

    let mut reader = Reader {
        lanes: Lanes::new(workers),
        clock: UptimeClock::new(&configuration.timeouts),
        numbering: Numbering::default(),
        unsupported: Vec::new(),
        progress: progress(&options.files),
        read_before: 0,
        interrupted,
    };
    let mut complaints = Vec::new();
    for file in &options.files {
        if !reader.interrupted.load(Ordering::Relaxed) {
            reader.read(file, &mut complaints);
        }
    }
    reader.progress.finish_and_clear();
    let outcomes = reader.lanes.finish(reader.clock.now());
    let targets = exporter
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic));

    let summary = Summary::new(outcomes, targets, started.elapsed());
    complaints.extend(summary.complaints());
    let lost = summary.metered_nothing();
    complaints.extend(
        reader
            .unsupported
            .into_iter()
            .map(|text| Complaint { text, lost }),
    );
    for complaint in &complaints {
        complain(complaint);
    }
    if options.json {
        summary.write_json(out)?;
    } else {
        summary.write_text(out)?;
    }
    Ok(!complaints.iter().any(|complaint| complaint.lost))
}

/// One line for people, and whether it tells of a loss.
#[derive(Debug)]
struct Complaint {
    text: String,
    lost: bool,
}

impl std::fmt::Display for Complaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether there may be something to read. Nothing but regular files is opened to find out: a pipe
/// would notice.
fn can_be_read(file: &Path) -> bool {
    if file == Path::new("-") {
        return true;
    }
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => File::open(file).is_ok(),
        Ok(metadata) => !metadata.is_dir(),
        Err(_) => false,
    }
}

/// Writing IPFIX into a capture that is still to be read would destroy it, whatever name it
/// goes by. Nothing but regular files is opened to find out: a pipe would notice.
fn refuse_to_overwrite(output: &Path, files: &[PathBuf]) -> Result<()> {
    let open = |file: &Path| match file.to_str() {
        Some("-") => same_file::Handle::stdin().ok(),
        _ if file.is_file() => same_file::Handle::from_path(file).ok(),
        _ => None,
    };
    let written = output
        .is_file()
        .then(|| same_file::Handle::from_path(output).ok())
        .flatten();
    if written.is_some() && files.iter().any(|file| open(file) == written) {
        bail!(
            "--output {} is one of the captures to read",
            output.display()
        );
    }
    Ok(())
}

/// A domain for each worker.
fn domains(options: &Replay) -> Result<impl Iterator<Item = ObservationDomainId>> {
    let first = options.observation_domain;
    let Some(last) = first.checked_add(options.workers - 1) else {
        bail!(
            "--observation-domain {first} leaves no number for {} workers: at most {}",
            options.workers,
            u32::MAX - (options.workers - 1)
        );
    };
    Ok((first..=last).map(ObservationDomainId))
}

/// Octets of a message that fits a datagram on every way to a collector. Files and streams
/// get the same messages.
fn message_octets(options: &Replay) -> usize {
    let ipv6 = options
        .collector
        .iter()
        .any(|collector| collector.protocol == Protocol::Udp && collector.address.is_ipv6());
    let headers = if ipv6 {
        IPV6_UDP_HEADERS
    } else {
        IPV4_UDP_HEADERS
    };
    usize::from(options.path_mtu - headers)
}

fn open_targets(options: &Replay) -> Vec<Target> {
    let collectors = options.collector.iter().map(Target::collector);
    let output = options.output.as_deref().map(Target::file);
    collectors.chain(output).collect()
}

/// Sends messages to all targets, until there are no more. What a target holds back it sends
/// when no message has come for a moment.
fn export(messages: &Receiver<Outgoing>, mut targets: Vec<Target>) -> Vec<Report> {
    loop {
        match messages.recv_timeout(MOMENT) {
            Ok(message) => targets.iter_mut().for_each(|target| target.send(&message)),
            Err(RecvTimeoutError::Timeout) => targets.iter_mut().for_each(Target::flush),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    targets.into_iter().map(Target::finish).collect()
}

/// Set when the user asks to stop: what was read is then exported as at the end. Asking once
/// more ends the command at once.
fn interruption() -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let handle = move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(handle).context("cannot handle interruption")?;
    Ok(interrupted)
}

/// A bar on standard error, where that is a terminal.
fn progress(files: &[PathBuf]) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let octets = files
        .iter()
        .map(|file| file.metadata().ok().filter(std::fs::Metadata::is_file))
        .map(|metadata| metadata.map(|metadata| metadata.len()))
        .sum::<Option<u64>>();
    let (bar, template) = match octets {
        Some(octets) => (
            ProgressBar::new(octets),
            "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} to go",
        ),
        None => (
            ProgressBar::new_spinner(),
            "{spinner} {bytes}, {bytes_per_sec}",
        ),
    };
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Reads captures and deals their packets out.
struct Reader {
    lanes: Lanes,
    clock: UptimeClock,
    numbering: Numbering,
    /// A line for each capture with link types that are not supported.
    unsupported: Vec<String>,
    progress: ProgressBar,
    read_before: u64,
    interrupted: Arc<AtomicBool>,
}

impl Reader {
    /// Reads one capture as far as it can be read.
    fn read(&mut self, file: &Path, complaints: &mut Vec<Complaint>) {
        let mut capture = match Capture::open(file) {
            Ok(capture) => capture,
            Err(error) => {
                complaints.push(Complaint::from(error));
                return;
            }
        };
        if let Err(error) = self.read_packets(&mut capture) {
            complaints.push(Complaint::from(error));
        }
        if let Some(oversized) = capture.oversized() {
            let plural = if oversized.packets == 1 { "" } else { "s" };
            complaints.push(Complaint {
                text: format!(
                    "{}: offset {}: {} packet{plural} longer than the capture's snap length, \
                     metered all the same",
                    file.display(),
                    oversized.first_offset,
                    oversized.packets
                ),
                lost: false,
            });
        }
        if !capture.unsupported().is_empty() {
            self.unsupported
                .push(format!("{}: {}", file.display(), capture.unsupported()));
        }
        if let Some(interfaces) = self.numbering.announce_all() {
            let mut batch = Batch::new(Block::empty(), Some(interfaces), 0);
            batch.uptime = self.clock.now();
            self.lanes.observe(batch);
        }
        self.read_before += capture.position();
    }

    fn read_packets(&mut self, capture: &mut Capture) -> Result<(), CaptureError> {
        let mut captured = Vec::with_capacity(READ);
        let mut reads = 0u32;
        while let Some(block) = capture.read(&mut captured, READ)? {
            capture.number_interfaces(&mut captured, &block, &mut self.numbering);
            let interfaces = self.numbering.announce();
            let mut batch = Batch::new(block.clone(), interfaces, captured.len());
            for packet in &captured {
                let uptime = self.clock.observe(packet.time);
                if uptime.since(batch.uptime) >= EPOCH && !batch.packets.is_empty() {
                    let next = Batch::new(block.clone(), None, captured.len());
                    self.lanes.observe(std::mem::replace(&mut batch, next));
                }
                if batch.packets.is_empty() {
                    batch.uptime = uptime;
                }
                batch.packets.push(Timed {
                    packet: *packet,
                    uptime,
                });
            }
            self.lanes.observe(batch);
            if self.interrupted.load(Ordering::Relaxed) {
                return Ok(());
            }
            reads += 1;
            if reads.is_multiple_of(256) {
                self.progress
                    .set_position(self.read_before + capture.position());
            }
        }
        Ok(())
    }
}

impl From<CaptureError> for Complaint {
    fn from(error: CaptureError) -> Self {
        Self {
            text: error.to_string(),
            lost: true,
        }
    }
}
