// SPDX-License-Identifier: Apache-2.0
//! `flowmeter replay` reads captures, exports IPFIX and prints a summary.
//!
//! One thread reads captures, this one keeps the time and dispatches packets, each worker has a
//! thread that meters, and each target has one that sends. Nothing is dropped before a target: a
//! slow stage applies back-pressure.

mod clock;
mod dispatch;
mod names;
mod report;
mod source;
mod top;
mod uptime;
mod worker;

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use crossbeam_channel::{Receiver, bounded, select};
use flowmeter::metering::{Backend, Configuration, Seed, TableError, Timeouts};
use flowmeter::observation::ObservationDomainId;
use indicatif::{ProgressBar, ProgressStyle};

use self::clock::Clock;
use self::dispatch::Dispatcher;
use self::names::Names;
use self::report::Summary;
use self::source::{Event, Packets};
use self::top::Top;
use self::worker::{Batch, Gap, Timed, Worker};
use crate::arguments::{Output, Protocol, Replay};
use crate::capture::{Block, UnsupportedLinkTypes};
use crate::complain;
use crate::target::Targets;

/// The time without packets after which a live input is quiet, and the interval at which wall time is
/// added then.
const TICK: Duration = Duration::from_millis(500);

/// The lengths of IP and UDP headers before a message (RFC 791, RFC 8200, RFC 768).
const IPV4_UDP_HEADERS: u32 = 20 + 8;
const IPV6_UDP_HEADERS: u32 = 40 + 8;

/// Runs the command. Returns `Ok(false)` if something was lost, which has been reported, and an error
/// if nothing was done.
pub(crate) fn run(options: &Replay, out: &mut Vec<u8>) -> Result<bool> {
    if let Some(Output::File(output)) = &options.output {
        refuse_to_overwrite(output, &options.files)?;
    }
    let domains = domains(options)?;
    let mut configuration = Configuration::new(options.flows as usize, Seed::random()?);
    configuration.backend = options.backend.unwrap_or_else(Backend::detect);
    configuration.l2 = options.l2;
    configuration.timeouts = Timeouts::from_millis(
        options.active_timeout.saturating_mul(1000),
        options.idle_timeout.saturating_mul(1000),
    )
    .context("a timeout is from 1 to 604800 seconds")?;
    let is_live = options.files.iter().any(|file| source::is_live(file));
    let signals = signals()?;
    let message_octets = message_octets(options);
    let output = options.output.as_ref();
    let targets = Targets::new(&options.collector, output, message_octets, is_live);
    let workers = domains
        .map(|domain| {
            Worker::new(
                &configuration,
                domain,
                message_octets,
                targets.outlet(),
                Top::new(options.top as usize, options.flows as usize),
            )
        })
        .collect::<Result<Vec<_>, TableError>>()?;

    let mut replay = Reading {
        events: source::read(options.files.clone()),
        signals: &signals,
        targets: &targets,
        dispatcher: Dispatcher::new(workers),
        clock: Clock::new(&configuration.timeouts),
        is_live,
        names: Names::default(),
        unsupported: Vec::new(),
        progress: progress(&options.files),
        complaints: Vec::new(),
    };
    let started = Instant::now();
    replay.run();
    let Reading {
        dispatcher,
        clock,
        names,
        unsupported,
        mut complaints,
        ..
    } = replay;
    let outcomes = dispatcher.finish(clock.now());
    let elapsed = started.elapsed();
    let reports = targets.finish(&signals);

    let summary = Summary::new(outcomes, reports, names.into_announced(), elapsed);
    complaints.extend(summary.complaints(options.flows));
    let unsupported = unsupported
        .into_iter()
        .filter(|(_, count)| !count.is_empty());
    complaints.extend(unsupported.map(|(name, count)| Complaint {
        text: format!("{name}: {count}"),
        lost: summary.metered_nothing(),
    }));
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

/// A line on standard error, and whether it reports a loss.
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

/// Refuses an output that is one of the captures, by whatever name, as writing would destroy it. Only
/// regular files are opened to find out: opening a pipe would have an effect.
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

/// Returns a domain for each worker.
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

/// Returns the maximum length of messages, which fit a datagram to each collector. Files and streams
/// get the same messages.
fn message_octets(options: &Replay) -> usize {
    let ipv6 = options
        .collector
        .iter()
        .filter(|collector| collector.protocol == Protocol::Udp)
        .any(|collector| collector.addresses.iter().any(SocketAddr::is_ipv6));
    let headers = if ipv6 {
        IPV6_UDP_HEADERS
    } else {
        IPV4_UDP_HEADERS
    };
    (options.path_mtu - headers) as usize
}

/// Returns a channel that receives the first SIGINT, SIGTERM or SIGHUP, after which all flows are
/// exported as at the end of the input. A second signal ends the command at once.
fn signals() -> Result<Receiver<()>> {
    let (sender, receiver) = bounded(1);
    let was_asked = AtomicBool::new(false);
    let handle = move || {
        if was_asked.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        let _ = sender.try_send(());
    };
    ctrlc::set_handler(handle).context("cannot handle signals")?;
    Ok(receiver)
}

/// Returns a progress bar, which is shown if standard error is a terminal.
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

/// The state while captures are read.
struct Reading<'a> {
    events: Receiver<Event>,
    signals: &'a Receiver<()>,
    targets: &'a Targets,
    dispatcher: Dispatcher,
    clock: Clock,
    is_live: bool,
    names: Names,
    /// Packets of link types that are not supported, by capture.
    unsupported: Vec<(String, UnsupportedLinkTypes)>,
    progress: ProgressBar,
    complaints: Vec<Complaint>,
}

impl Reading<'_> {
    /// Meters packets until the captures end or a signal arrives.
    fn run(&mut self) {
        loop {
            select! {
                recv(self.events) -> event => match event {
                    Ok(event) => self.take(event),
                    Err(_) => break,
                },
                recv(self.signals) -> _ => {
                    if self.is_live {
                        self.clock.add_wall_time();
                    }
                    break;
                }
                default(TICK) => if self.is_live {
                    self.clock.add_wall_time();
                    self.announce_all();
                    self.dispatcher.send(self.clock.take_moments());
                },
            }
        }
        self.announce_all();
        self.progress.finish_and_clear();
    }

    fn take(&mut self, event: Event) {
        self.clock.note_activity();
        match event {
            // Targets open now and not before, so a missing capture leaves an output file unchanged.
            Event::Opened(name) => {
                self.targets.open();
                self.unsupported
                    .push((name, UnsupportedLinkTypes::default()));
            }
            Event::Packets(packets) => self.meter(packets),
            Event::Complaint(complaint) => self.complaints.push(complaint),
        }
    }

    fn meter(&mut self, read: Packets) {
        if let Some((_, unsupported)) = self.unsupported.last_mut() {
            unsupported.add(read.unsupported);
        }
        self.names.add(read.named);
        let interfaces = self.names.announce_due();
        let mut batch = Batch::new(read.block, interfaces, read.packets.len());
        for (number, packet) in (1..).zip(&read.packets) {
            let next = read.packets.get(number).map(|next| next.time);
            let uptime = self.clock.observe(packet.time, next);
            if self.clock.is_due() {
                batch.gaps.push(Gap {
                    at: batch.packets.len(),
                    moments: self.clock.take_moments(),
                });
            }
            batch.packets.push(Timed {
                packet: *packet,
                uptime,
            });
        }
        batch.now = self.clock.now();
        self.dispatch(batch);
        self.progress.set_position(read.position);
    }

    /// Makes workers announce interfaces whose announcement was deferred.
    fn announce_all(&mut self) {
        let interfaces = self.names.announce_all();
        let mut batch = Batch::new(Block::empty(), interfaces, 0);
        batch.now = self.clock.now();
        self.dispatch(batch);
    }

    fn dispatch(&self, batch: Batch) {
        if !batch.is_empty() {
            self.dispatcher.observe(batch);
        }
    }
}
