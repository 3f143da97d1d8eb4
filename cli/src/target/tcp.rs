// SPDX-License-Identifier: Apache-2.0
//! IPFIX over TCP (RFC 7011 §10.4), with reconnection.
//!
//! Messages that a failed connection has not accepted completely are sent over the next. Those that it
//! has accepted count as sent, since TCP does not report how much was read.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::accounts::collector_trouble;
use super::pending::Pending;
use super::session::Session;
use super::{Next, Outgoing, QueueReceiver, TICK};

/// The time limit for connecting to one address.
const CONNECTING: Duration = Duration::from_secs(3);

/// The first and the longest pause between attempts to connect. Each is twice as long as the one
/// before.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];

/// Sends to the first of `addresses` that accepts a connection.
pub(super) fn run(queue: &QueueReceiver, addresses: &[SocketAddr]) {
    if !queue.is_wanted() {
        return;
    }
    let now = Instant::now();
    let mut tcp = Tcp {
        queue,
        addresses,
        stream: None,
        session: Session::reliable(),
        deferred: VecDeque::new(),
        pending: Pending::default(),
        pause: PAUSES[0],
        attempt: now,
        connected: now,
        progress: now,
    };
    while tcp.step() {}
}

struct Tcp<'a> {
    queue: &'a QueueReceiver,
    addresses: &'a [SocketAddr],
    stream: Option<TcpStream>,
    session: Session,
    /// Messages that are not encoded yet, as there is no connection.
    deferred: VecDeque<Arc<Outgoing>>,
    pending: Pending,
    /// The pause after the next failure.
    pause: Duration,
    /// The time of the next attempt to connect.
    attempt: Instant,
    connected: Instant,
    /// The time when octets were last accepted.
    progress: Instant,
}

impl Tcp<'_> {
    /// Makes one step; returns `false` at the end or after giving up.
    fn step(&mut self) -> bool {
        if self.is_idle() {
            match self.queue.next(TICK) {
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
        if !self.is_idle() && self.queue.is_over(self.progress) {
            self.give_up();
            return false;
        }
        true
    }

    fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.deferred.is_empty()
    }

    fn take(&mut self, message: Arc<Outgoing>) {
        self.queue.note(&message, &mut self.session);
        self.deferred.push_back(message);
    }

    /// Encodes deferred and queued messages for this connection.
    fn fill(&mut self) {
        while !self.pending.is_full() {
            let Some(message) = self.deferred.pop_front() else {
                let Some(message) = self.queue.ready() else {
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
                self.queue.accounts.lose("queue_full", error, records);
            }
        }
    }

    /// Tries to connect, if the pause has passed.
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
                    self.queue.accounts.connect();
                    return;
                }
                Err(error) => refusal = error,
            }
        }
        self.postpone(&refusal);
    }

    fn postpone(&mut self, error: &io::Error) {
        self.queue.accounts.disconnect(collector_trouble(error));
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
        match self.pending.write(stream, &self.queue.accounts) {
            Ok(()) => {
                self.progress = Instant::now();
                Ok(())
            }
            // Another connection would not help with a stalled collector. If its host is gone, the
            // system reports an error after its own timeout.
            Err(error) if is_temporary(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn disconnect(&mut self, error: &io::Error) {
        self.stream = None;
        for message in self.pending.take().rev() {
            self.deferred.push_front(message);
        }
        // A connection that has lasted counts as a success.
        if self.connected.elapsed() > PAUSES[1] {
            self.pause = PAUSES[0];
        }
        self.postpone(error);
    }

    /// Counts all remaining messages as lost.
    fn give_up(&mut self) {
        let (reason, error) = if self.stream.is_some() {
            ("time_limit", "takes too long".to_owned())
        } else {
            self.queue.accounts.trouble()
        };
        for message in self.pending.take().chain(self.deferred.drain(..)) {
            let records = u64::from(message.flow_records);
            self.queue.accounts.lose(reason, &error, records);
        }
        self.queue.lose_rest(reason, &error);
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
