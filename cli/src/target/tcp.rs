// SPDX-License-Identifier: Apache-2.0
//! IPFIX over TCP (RFC 7011 §10.4), with reconnection.
//!
//! Messages that a failed connection has not taken whole are sent over the next. What it has taken
//! counts as sent, since TCP does not report how much of it was read.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::accounts::collector_trouble;
use super::pending::Pending;
use super::session::Session;
use super::{Duty, Next, Outgoing, TICK};

/// How long one address may take to accept a connection.
const CONNECTING: Duration = Duration::from_secs(3);

/// The pauses between attempts to connect: from one to the other, each twice as long.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];

/// Sends to the first of `addresses` that accepts a connection.
pub(super) fn run(duty: &Duty, addresses: &[SocketAddr]) {
    if !duty.is_wanted() {
        return;
    }
    let now = Instant::now();
    let mut tcp = Tcp {
        duty,
        addresses,
        stream: None,
        session: Session::reliable(),
        waiting: VecDeque::new(),
        pending: Pending::default(),
        pause: PAUSES[0],
        attempt: now,
        connected: now,
        progress: now,
    };
    while tcp.step() {}
}

struct Tcp<'a> {
    duty: &'a Duty,
    addresses: &'a [SocketAddr],
    stream: Option<TcpStream>,
    session: Session,
    /// Messages for which there is no connection yet.
    waiting: VecDeque<Arc<Outgoing>>,
    pending: Pending,
    /// The pause after the next failure.
    pause: Duration,
    /// When to try to connect again.
    attempt: Instant,
    connected: Instant,
    /// When octets were last taken.
    progress: Instant,
}

impl Tcp<'_> {
    /// Does what is next; `false` when all is done or given up.
    fn step(&mut self) -> bool {
        if self.is_idle() {
            match self.duty.next(TICK) {
                Next::Message(message) => {
                    self.take(message);
                    self.progress = Instant::now();
                }
                Next::Nothing => {}
                Next::End => {
                    if let Some(stream) = &self.stream {
                        let _ = stream.shutdown(Shutdown::Write);
                    }
                    return false;
                }
            }
        }
        if self.stream.is_none() {
            self.connect();
        } else if let Err(error) = self.look() {
            self.disconnect(&error);
        }
        if self.stream.is_some() {
            self.fill();
            if let Err(error) = self.write() {
                self.disconnect(&error);
            }
        } else {
            let pause = self.attempt.saturating_duration_since(Instant::now());
            thread::sleep(pause.min(TICK));
        }
        if !self.is_idle() && self.duty.is_over(self.progress) {
            self.give_up();
            return false;
        }
        true
    }

    fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.waiting.is_empty()
    }

    fn take(&mut self, message: Arc<Outgoing>) {
        self.duty.note(&message, &mut self.session);
        self.waiting.push_back(message);
    }

    /// Encodes what waits for this connection.
    fn fill(&mut self) {
        while !self.pending.is_full() {
            let Some(message) = self.waiting.pop_front() else {
                let Some(message) = self.duty.ready() else {
                    return;
                };
                self.take(message);
                continue;
            };
            let pending = &mut self.pending;
            let known = self.session.encode(&message, |octets, is_itself| {
                pending.push(octets, is_itself.then(|| Arc::clone(&message)));
            });
            if !known {
                let records = u64::from(message.flow_records);
                let error = "its templates are not known";
                self.duty.accounts.lose("queue_full", error, records);
            }
        }
    }

    /// Tries to connect, if it is time for that.
    fn connect(&mut self) {
        if Instant::now() < self.attempt {
            return;
        }
        let mut refusal = io::Error::from(ErrorKind::AddrNotAvailable);
        for address in self.addresses {
            match open(address) {
                Ok(stream) => {
                    self.session.restart();
                    self.stream = Some(stream);
                    self.connected = Instant::now();
                    self.progress = self.connected;
                    self.duty.accounts.connect();
                    return;
                }
                Err(error) => refusal = error,
            }
        }
        self.postpone(&refusal);
    }

    fn postpone(&mut self, error: &io::Error) {
        self.duty.accounts.disconnect(collector_trouble(error));
        self.attempt = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(PAUSES[1]);
    }

    /// Checks whether the collector has closed the connection. Data from it is discarded.
    fn look(&mut self) -> io::Result<()> {
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        stream.set_nonblocking(true)?;
        let said = stream.read(&mut [0; 512]);
        stream.set_nonblocking(false)?;
        match said {
            Ok(0) => Err(io::Error::new(
                ErrorKind::ConnectionReset,
                "Connection closed by the collector",
            )),
            Ok(_) => Ok(()),
            Err(error) if is_temporary(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn write(&mut self) -> io::Result<()> {
        let Some(stream) = self.stream.as_mut().filter(|_| !self.pending.is_empty()) else {
            return Ok(());
        };
        match self.pending.write(stream, &self.duty.accounts) {
            Ok(()) => {
                self.progress = Instant::now();
                Ok(())
            }
            // A stalled collector would take no more over another connection. If its host is gone,
            // the system reports an error after its own timeout.
            Err(error) if is_temporary(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn disconnect(&mut self, error: &io::Error) {
        self.stream = None;
        for message in self.pending.take().rev() {
            self.waiting.push_front(message);
        }
        // A connection that has lasted was no failed attempt.
        if self.connected.elapsed() > PAUSES[1] {
            self.pause = PAUSES[0];
        }
        self.postpone(error);
    }

    /// Counts everything as lost.
    fn give_up(&mut self) {
        let (reason, error) = if self.stream.is_some() {
            ("time_limit", "takes too long".to_owned())
        } else {
            self.duty.accounts.trouble()
        };
        for message in self.pending.take().chain(self.waiting.drain(..)) {
            let records = u64::from(message.flow_records);
            self.duty.accounts.lose(reason, &error, records);
        }
        self.duty.lose_rest(reason, &error);
    }
}

fn open(address: &SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(address, CONNECTING)?;
    stream.set_write_timeout(Some(TICK))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
