// SPDX-License-Identifier: Apache-2.0
//! Where messages go: collectors and files, each with a thread and a queue of its own, so that a
//! slow one does not delay another.
//!
//! Each flow record that a target is offered is counted either as sent or as lost for a reason. Only
//! the headers of messages are read here.
//!
//! When a queue is full, a file applies back-pressure. A collector does so only while capture files
//! are read, which can wait, and only as long as it makes progress. Otherwise what does not fit is
//! lost.

mod accounts;
mod file;
mod pending;
mod session;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{
    Receiver, RecvTimeoutError, Sender, TrySendError, at, bounded, never, select, unbounded,
};
use flowmeter::exporting::{Message, MessageKind};

use self::accounts::Accounts;
use self::session::Session;
use crate::arguments::{Collector, Output, Protocol};

pub(crate) use self::accounts::Report;

/// A finished message on its way to the targets.
pub(crate) type Outgoing = Message<Vec<u8>>;

/// Octets of messages that may be queued for a target; all targets share them. That is about as
/// many as the end of a million flows makes.
const QUEUE: usize = 90_000_000;

/// How long a collector's full queue may make no progress before messages are lost.
const STANDSTILL: Duration = Duration::from_secs(1);

/// How long a collector may take nothing, or be unreachable, after the last record.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long all collectors together may take after the last record.
const LIMIT: Duration = Duration::from_secs(60);

/// How long a target waits for a message before it checks its connection.
const TICK: Duration = Duration::from_millis(200);

/// All targets of a replay.
pub(crate) struct Targets {
    outlet: Outlet,
    running: Vec<Running>,
    ending: Arc<OnceLock<Instant>>,
    /// Messages that may be queued for each.
    queue: usize,
}

/// The way to all targets.
#[derive(Clone)]
pub(crate) struct Outlet(Arc<[Way]>);

/// A target's thread.
struct Running {
    accounts: Arc<Accounts>,
    is_file: bool,
    /// Disconnected when the thread has ended; nothing is ever sent.
    done: Receiver<()>,
}

/// The way to one target.
struct Way {
    is_file: bool,
    queue: Sender<Step>,
    /// Templates and options that did not fit the queue: they are sent once only, and the records
    /// after them need them.
    missed: Sender<Arc<Outgoing>>,
    accounts: Arc<Accounts>,
    /// How long to wait for room in a full queue.
    patience: Duration,
    stands_still: AtomicBool,
}

/// What a target does next.
enum Step {
    /// Connect, or make the file.
    Open,
    Send(Arc<Outgoing>),
}

impl Targets {
    /// Creates targets that are not opened yet, for messages of up to `message_octets`. With a live
    /// input no collector applies back-pressure.
    pub(crate) fn new(
        collectors: &[Collector],
        output: Option<&Output>,
        message_octets: usize,
        is_live: bool,
    ) -> Self {
        let mut targets = Self {
            outlet: Outlet(Arc::new([])),
            running: Vec::new(),
            ending: Arc::default(),
            queue: QUEUE / message_octets.max(1),
        };
        let patience = if is_live { Duration::ZERO } else { STANDSTILL };
        let mut ways = Vec::new();
        for collector in collectors {
            let addresses = collector.addresses.clone();
            let protocol = collector.protocol;
            let is_udp = protocol == Protocol::Udp;
            let accounts = Accounts::new(collector.name.clone(), !is_udp);
            ways.push(
                targets.start(accounts, patience, false, move |duty| match protocol {
                    Protocol::Udp => udp::run(&duty, &addresses),
                    Protocol::Tcp => tcp::run(&duty, &addresses),
                }),
            );
        }
        if let Some(output) = output {
            let output = output.clone();
            let accounts = Accounts::new(output.to_string(), true);
            ways.push(targets.start(accounts, patience, true, move |duty| {
                file::run(&duty, &output);
            }));
        }
        targets.outlet = Outlet(ways.into());
        targets
    }

    fn start(
        &mut self,
        accounts: Accounts,
        patience: Duration,
        is_file: bool,
        run: impl FnOnce(Duty) + Send + 'static,
    ) -> Way {
        let accounts = Arc::new(accounts);
        let (queue, steps) = bounded(self.queue);
        let (missed, templates) = unbounded();
        let (ends, done) = bounded(0);
        let duty = Duty {
            steps,
            missed: templates,
            accounts: Arc::clone(&accounts),
            ending: Arc::clone(&self.ending),
        };
        // The thread is not joined, as it may be blocked in a system call: see `done`.
        thread::spawn(move || {
            let _ends: Sender<()> = ends;
            run(duty);
        });
        self.running.push(Running {
            accounts: Arc::clone(&accounts),
            is_file,
            done,
        });
        Way {
            is_file,
            queue,
            missed,
            accounts,
            patience,
            stands_still: AtomicBool::new(false),
        }
    }

    /// The way to all of them.
    pub(crate) fn outlet(&self) -> Outlet {
        self.outlet.clone()
    }

    /// Connects to collectors and makes files, unless that was done before.
    pub(crate) fn open(&self) {
        for way in &*self.outlet.0 {
            // A queue that is full belongs to a target that is open.
            let _ = way.queue.try_send(Step::Open);
        }
    }

    /// Waits until everything has been sent, within limits, and returns each target's report. All
    /// other outlets must have been dropped. After a signal, files have a limit as well.
    pub(crate) fn finish(self, signals: &Receiver<()>) -> Vec<Report> {
        let Self {
            outlet,
            running,
            ending,
            ..
        } = self;
        drop(outlet);
        let end = *ending.get_or_init(Instant::now);
        let mut files_until = None;
        running
            .into_iter()
            .map(|target| {
                target.wait(end, &mut files_until, signals);
                target.accounts.report()
            })
            .collect()
    }
}

impl Running {
    fn wait(&self, end: Instant, files_until: &mut Option<Instant>, signals: &Receiver<()>) {
        loop {
            let limit = if self.is_file {
                files_until.map_or_else(never, at)
            } else {
                // The thread itself keeps the limit, unless it is blocked in the system.
                at(end + LIMIT + Duration::from_secs(1))
            };
            select! {
                recv(self.done) -> _ => return,
                recv(limit) -> _ => return,
                recv(signals) -> _ => *files_until = Some(Instant::now() + PATIENCE),
            }
        }
    }
}

impl Outlet {
    /// Hands a message to every target.
    pub(crate) fn send(&self, message: Outgoing) {
        let message = Arc::new(message);
        for way in &*self.0 {
            way.offer(&message);
        }
    }
}

impl Way {
    fn offer(&self, message: &Arc<Outgoing>) {
        let records = u64::from(message.flow_records);
        self.accounts.offer(records);
        let step = Step::Send(Arc::clone(message));
        let sent = if self.is_file {
            self.queue.send(step).is_ok()
        } else {
            self.queue_or_wait(step)
        };
        if !sent {
            if message.kind != MessageKind::Data {
                let _ = self.missed.send(Arc::clone(message));
            }
            let (reason, error) = if self.accounts.is_connected() {
                ("queue_full", "takes messages too slowly".to_owned())
            } else {
                self.accounts.trouble()
            };
            self.accounts.lose(reason, &error, records);
        }
    }

    fn queue_or_wait(&self, step: Step) -> bool {
        let step = match self.queue.try_send(step) {
            Ok(()) => {
                self.stands_still.store(false, Ordering::Relaxed);
                return true;
            }
            Err(TrySendError::Full(step)) => step,
            Err(TrySendError::Disconnected(_)) => return false,
        };
        if self.stands_still.load(Ordering::Relaxed) || !self.accounts.is_connected() {
            return false;
        }
        let sent = self.queue.send_timeout(step, self.patience).is_ok();
        self.stands_still.store(!sent, Ordering::Relaxed);
        sent
    }
}

/// What a target's thread works on.
struct Duty {
    steps: Receiver<Step>,
    missed: Receiver<Arc<Outgoing>>,
    accounts: Arc<Accounts>,
    /// When there were no more records.
    ending: Arc<OnceLock<Instant>>,
}

/// What a queue has.
enum Next {
    Message(Arc<Outgoing>),
    /// Nothing has come for a while.
    Nothing,
    /// Nothing more comes.
    End,
}

impl Duty {
    /// Waits for [`Step::Open`]; returns `false` if it never comes.
    fn is_wanted(&self) -> bool {
        matches!(self.steps.recv(), Ok(Step::Open))
    }

    fn next(&self, timeout: Duration) -> Next {
        loop {
            match self.steps.recv_timeout(timeout) {
                Ok(Step::Send(message)) => return Next::Message(message),
                Ok(Step::Open) => {}
                Err(RecvTimeoutError::Timeout) => return Next::Nothing,
                Err(RecvTimeoutError::Disconnected) => return Next::End,
            }
        }
    }

    /// Notes a message from the queue in `session`, after templates and options that did not fit it.
    fn note(&self, message: &Arc<Outgoing>, session: &mut Session) {
        for missed in self.missed.try_iter() {
            session.note_early(&missed);
        }
        session.note(message);
    }

    /// A message that is there already.
    fn ready(&self) -> Option<Arc<Outgoing>> {
        loop {
            match self.steps.try_recv() {
                Ok(Step::Send(message)) => return Some(message),
                Ok(Step::Open) => {}
                Err(_) => return None,
            }
        }
    }

    /// Whether to give up a collector that last made progress at `progress`.
    fn is_over(&self, progress: Instant) -> bool {
        self.ending
            .get()
            .is_some_and(|end| progress.max(*end).elapsed() >= PATIENCE || end.elapsed() >= LIMIT)
    }

    /// Counts everything that is still to come as lost.
    fn lose_rest(&self, reason: &'static str, error: &str) {
        while let Ok(step) = self.steps.recv() {
            if let Step::Send(message) = step {
                let records = u64::from(message.flow_records);
                self.accounts.lose(reason, error, records);
            }
        }
    }
}
