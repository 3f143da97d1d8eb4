// SPDX-License-Identifier: Apache-2.0
//! IPFIX over UDP (RFC 7011 §10.3): one message per datagram, all from one port.
//!
//! Losses that the system reports are counted. When a collector refuses datagrams, a session with its
//! next address begins.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::accounts::collector_trouble;
use super::session::{self, Session};
use super::{Next, Outgoing, QueueReceiver, TICK};

/// The number of datagrams in a burst. Linux's default receive buffer holds about 90 of the usual
/// length.
const BURST: u32 = 32;

/// The pause after a burst. At most about 30,000 messages are sent in a second.
const PAUSE: Duration = Duration::from_millis(1);

/// Real time between two repetitions.
const INTERVAL: Duration = Duration::from_secs(session::INTERVAL as u64);

/// The time to wait for a refusal of the last datagram.
const REFUSAL: Duration = Duration::from_millis(50);

/// Sends to one of `addresses`.
pub(super) fn run(queue: &QueueReceiver, addresses: &[SocketAddr]) {
    if !queue.is_wanted() {
        return;
    }
    let mut udp = Udp {
        queue,
        addresses,
        next: 0,
        socket: None,
        session: Session::unreliable(),
        latest: None,
        burst: 0,
        repeated: Instant::now(),
    };
    // If this fails, it is tried again for each message.
    let _ = udp.connect();
    loop {
        match queue.next(TICK) {
            Next::Message(message) => udp.send(&message),
            Next::Nothing => udp.check_refusal(),
            Next::End => break,
        }
        udp.repeat();
    }
    if udp.latest.is_some() {
        thread::sleep(REFUSAL);
        udp.check_refusal();
    }
}

struct Udp<'a> {
    queue: &'a QueueReceiver,
    addresses: &'a [SocketAddr],
    /// The index of the next address.
    next: usize,
    socket: Option<UdpSocket>,
    session: Session,
    /// The number of records in the latest datagram. A refusal concerns a datagram before.
    latest: Option<u64>,
    burst: u32,
    /// When templates and options were last repeated by real time.
    repeated: Instant,
}

impl Udp<'_> {
    /// Begins a session with the next address that can be reached.
    fn connect(&mut self) -> io::Result<()> {
        self.socket = None;
        self.session.restart();
        let mut refusal = io::Error::from(ErrorKind::AddrNotAvailable);
        for _ in self.addresses {
            let address = self.addresses[self.next % self.addresses.len()];
            self.next = (self.next + 1) % self.addresses.len();
            match open(address) {
                Ok(socket) => {
                    self.socket = Some(socket);
                    self.queue.accounts.connect();
                    return Ok(());
                }
                Err(error) => refusal = error,
            }
        }
        self.queue.accounts.disconnect(collector_trouble(&refusal));
        Err(refusal)
    }

    fn send(&mut self, message: &Arc<Outgoing>) {
        self.queue.note(message, &mut self.session);
        let Err(error) = self.try_send(message) else {
            return;
        };
        // If the previous datagram was refused, this one was not sent: send it to the next address.
        let again = if error.kind() == ErrorKind::ConnectionRefused || self.socket.is_none() {
            self.connect().and_then(|()| self.try_send(message))
        } else {
            Err(error)
        };
        if let Err(error) = again {
            let (reason, text) = collector_trouble(&error);
            let records = u64::from(message.flow_records);
            self.queue.accounts.lose(reason, &text, records);
        }
    }

    fn try_send(&mut self, message: &Outgoing) -> io::Result<()> {
        let mut is_known = true;
        let sent = self.send_datagrams(message.flow_records.into(), |session, send| {
            is_known = session.encode(message, send);
        });
        if !is_known {
            let records = message.flow_records.into();
            let error = "its templates are not known";
            self.queue.accounts.lose("queue_full", error, records);
        }
        sent
    }

    /// Repeats templates and options if that is due by real time.
    fn repeat(&mut self) {
        if self.repeated.elapsed() >= INTERVAL {
            self.repeated = Instant::now();
            let sent = self.send_datagrams(0, |session, send| session.repeat(send));
            if sent.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
                let _ = self.connect();
            }
        }
    }

    /// Sends the datagrams that `encode` passes on; the message itself has so many records. After an
    /// error the others are left out.
    fn send_datagrams(
        &mut self,
        records: u64,
        encode: impl FnOnce(&mut Session, &mut dyn FnMut(&[u8], bool)),
    ) -> io::Result<()> {
        let Self {
            socket,
            session,
            queue,
            latest,
            burst,
            ..
        } = self;
        let Some(socket) = socket else {
            return Err(ErrorKind::NotConnected.into());
        };
        let mut sent = Ok(());
        encode(session, &mut |octets, is_itself| {
            if sent.is_err() {
                return;
            }
            if *burst == BURST {
                *burst = 0;
                thread::sleep(PAUSE);
            }
            *burst += 1;
            sent = socket.send(octets).map(drop);
            match &sent {
                Ok(()) => {
                    let records = if is_itself { records } else { 0 };
                    queue.accounts.send(records);
                    *latest = Some(records);
                }
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    let records = latest.take().unwrap_or(0);
                    queue.accounts.lose_sent(&collector_trouble(error), records);
                }
                Err(_) => {}
            }
        });
        sent
    }

    /// Checks whether the latest datagram was refused.
    fn check_refusal(&mut self) {
        let error = self.socket.as_ref().map(UdpSocket::take_error);
        if let Some(Ok(Some(error))) = error {
            let records = self.latest.take().unwrap_or(0);
            let trouble = collector_trouble(&error);
            self.queue.accounts.lose_sent(&trouble, records);
            let _ = self.connect();
        }
    }
}

/// Returns a socket with a port of its own, connected to `collector`.
fn open(collector: SocketAddr) -> io::Result<UdpSocket> {
    let local: SocketAddr = match collector {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(local)?;
    socket.connect(collector)?;
    Ok(socket)
}
