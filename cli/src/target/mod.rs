// SPDX-License-Identifier: Apache-2.0
//! The targets of messages: collectors and files. Each has a thread and a queue of its own, so that a
//! slow one does not delay another.
//!
//! For each target, every flow record is counted either as sent or as lost for a reason. Of messages,
//! only the headers are read here.
//!
//! When a queue is full, a file applies back-pressure. A collector does so only while all inputs are
//! capture files, and only as long as it makes progress. Otherwise the message is lost.

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

/// The maximum number of octets in the queue of a target, whose messages all targets share: about as
/// many as the records of a million flows have.
const QUEUE: usize = 90_000_000;

/// The time without progress of a full queue after which messages to a collector are lost.
const STANDSTILL: Duration = Duration::from_secs(1);

/// The time without progress, after the last record, after which a collector is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The time limit of all collectors after the last record.
const LIMIT: Duration = Duration::from_secs(60);

/// The time without a message after which a target checks its connection.
const TICK: Duration = Duration::from_millis(200);

/// All targets of a replay.
pub(crate) struct Targets {
    outlet: Outlet,
    running: Vec<Running>,
    ending: Arc<OnceLock<Instant>>,
    /// The maximum number of messages in each queue.
    queue: usize,
}

/// Hands messages to all targets.
#[derive(Clone)]
pub(crate) struct Outlet(Arc<[QueueSender]>);

/// A target's thread.
struct Running {
    accounts: Arc<Accounts>,
    is_file: bool,
    /// Disconnected when the thread has ended; nothing is ever sent.
    done: Receiver<()>,
}

/// The queue of a target, on the side of the workers.
struct QueueSender {
    is_file: bool,
    steps: Sender<Step>,
    /// Templates and options that did not fit the queue: workers send them once, and records need
    /// them.
    missed: Sender<Arc<Outgoing>>,
    accounts: Arc<Accounts>,
    /// The time to block on a full queue.
    patience: Duration,
    stands_still: AtomicBool,
}

/// A step of a target.
enum Step {
    /// Connect, or create the file.
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
        let mut senders = Vec::new();
        for collector in collectors {
            let addresses = collector.addresses.clone();
            let protocol = collector.protocol;
            let is_udp = protocol == Protocol::Udp;
            let accounts = Accounts::new(collector.name.clone(), !is_udp);
            senders.push(
                targets.start(accounts, patience, false, move |queue| match protocol {
                    Protocol::Udp => udp::run(&queue, &addresses),
                    Protocol::Tcp => tcp::run(&queue, &addresses),
                }),
            );
        }
        if let Some(output) = output {
            let output = output.clone();
            let accounts = Accounts::new(output.to_string(), true);
            senders.push(targets.start(accounts, patience, true, move |queue| {
                file::run(&queue, &output);
            }));
        }
        targets.outlet = Outlet(senders.into());
        targets
    }

    fn start(
        &mut self,
        accounts: Accounts,
        patience: Duration,
        is_file: bool,
        run: impl FnOnce(QueueReceiver) + Send + 'static,
    ) -> QueueSender {
        let accounts = Arc::new(accounts);
        let (sender, steps) = bounded(self.queue);
        let (missed, templates) = unbounded();
        let (ends, done) = bounded(0);
        let receiver = QueueReceiver {
            steps,
            missed: templates,
            accounts: Arc::clone(&accounts),
            ending: Arc::clone(&self.ending),
        };
        // The thread is not joined, as it may be blocked in a system call: see `done`.
        thread::spawn(move || {
            let _ends: Sender<()> = ends;
            run(receiver);
        });
        self.running.push(Running {
            accounts: Arc::clone(&accounts),
            is_file,
            done,
        });
        QueueSender {
            is_file,
            steps: sender,
            missed,
            accounts,
            patience,
            stands_still: AtomicBool::new(false),
        }
    }

    /// Returns an outlet to all targets.
    pub(crate) fn outlet(&self) -> Outlet {
        self.outlet.clone()
    }

    /// Connects to collectors and creates files, unless that was done before.
    pub(crate) fn open(&self) {
        for sender in &*self.outlet.0 {
            // If the queue is full, the target is open.
            let _ = sender.steps.try_send(Step::Open);
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
                // The thread itself observes the limit, unless it is blocked in a system call.
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
    /// Hands a message to each target.
    pub(crate) fn send(&self, message: Outgoing) {
        let message = Arc::new(message);
        for sender in &*self.0 {
            sender.offer(&message);
        }
    }
}

impl QueueSender {
    fn offer(&self, message: &Arc<Outgoing>) {
        let records = u64::from(message.flow_records);
        self.accounts.offer(records);
        let step = Step::Send(Arc::clone(message));
        let sent = if self.is_file {
            self.steps.send(step).is_ok()
        } else {
            self.enqueue(step)
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

    fn enqueue(&self, step: Step) -> bool {
        let step = match self.steps.try_send(step) {
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
        let sent = self.steps.send_timeout(step, self.patience).is_ok();
        self.stands_still.store(!sent, Ordering::Relaxed);
        sent
    }
}

/// The queue of a target, on the side of its thread.
struct QueueReceiver {
    steps: Receiver<Step>,
    missed: Receiver<Arc<Outgoing>>,
    accounts: Arc<Accounts>,
    /// The time of the last record, once it is known.
    ending: Arc<OnceLock<Instant>>,
}

/// The result of reading a queue.
enum Next {
    Message(Arc<Outgoing>),
    /// No message arrived in time.
    Nothing,
    /// No more messages follow.
    End,
}

impl QueueReceiver {
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

    /// Returns a message if the queue is not empty.
    fn ready(&self) -> Option<Arc<Outgoing>> {
        loop {
            match self.steps.try_recv() {
                Ok(Step::Send(message)) => return Some(message),
                Ok(Step::Open) => {}
                Err(_) => return None,
            }
        }
    }

    /// Returns whether to give up a collector that last made progress at `progress`.
    fn is_over(&self, progress: Instant) -> bool {
        self.ending
            .get()
            .is_some_and(|end| progress.max(*end).elapsed() >= PATIENCE || end.elapsed() >= LIMIT)
    }

    /// Counts all further messages as lost.
    fn lose_rest(&self, reason: &'static str, error: &str) {
        while let Ok(step) = self.steps.recv() {
            if let Step::Send(message) = step {
                let records = u64::from(message.flow_records);
                self.accounts.lose(reason, error, records);
            }
        }
    }
}
