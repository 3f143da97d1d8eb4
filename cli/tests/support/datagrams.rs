// SPDX-License-Identifier: Apache-2.0
//! Collectors that keep the datagrams, or the stream, that a replay sends.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A length that exceeds any message, so that one that is too long is noticed.
const DATAGRAM: usize = 65_536;

/// A UDP socket, read by a thread so that nothing is lost.
struct Datagrams {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    reader: JoinHandle<Vec<Vec<u8>>>,
}

impl Datagrams {
    /// Listens at a free port of `host`.
    fn listen(host: &str) -> Self {
        let socket = UdpSocket::bind((host, 0)).expect("a free port");
        let address = socket.local_addr().expect("its address");
        let pause = Duration::from_millis(50);
        socket.set_read_timeout(Some(pause)).expect("a timeout");
        let ended = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&ended);
        let reader = thread::spawn(move || {
            let mut datagrams = Vec::new();
            let mut datagram = vec![0; DATAGRAM];
            loop {
                // Read before the socket: everything that was sent by then has arrived.
                let last = over.load(Ordering::SeqCst);
                match socket.recv(&mut datagram) {
                    Ok(length) => datagrams.push(datagram[..length].to_vec()),
                    Err(_) if last => return datagrams,
                    Err(_) => {}
                }
            }
        });
        Self {
            address,
            ended,
            reader,
        }
    }

    /// Returns the value for `--collector`.
    fn collector(&self) -> String {
        format!("udp://{}", self.address)
    }

    /// Returns all datagrams, after the last was sent; `None` if the system dropped some.
    fn finish(self) -> Option<Vec<Vec<u8>>> {
        let dropped = socket_state(self.address).is_none_or(|state| state.dropped > 0);
        self.ended.store(true, Ordering::SeqCst);
        let datagrams = self.reader.join().expect("the reader");
        (!dropped).then_some(datagrams)
    }
}

/// Returns the datagrams that `replay` sends to a listener on `host`, whose name it gets. It is
/// repeated if a busy machine drops datagrams.
pub(crate) fn received<T>(host: &str, replay: impl Fn(&str) -> T) -> (T, Vec<Vec<u8>>) {
    for _ in 0..5 {
        let listener = Datagrams::listen(host);
        let outcome = replay(&listener.collector());
        if let Some(datagrams) = listener.finish() {
            return (outcome, datagrams);
        }
    }
    panic!("this machine drops datagrams again and again");
}

/// The state of a UDP socket in the system.
pub(crate) struct SocketState {
    /// Octets that have not been read.
    pub(crate) unread: u64,
    /// Datagrams that were dropped, as there was no room.
    pub(crate) dropped: u64,
}

/// Returns the state of the socket that is bound to this address's port.
pub(crate) fn socket_state(address: SocketAddr) -> Option<SocketState> {
    let table = if address.is_ipv6() {
        "/proc/net/udp6"
    } else {
        "/proc/net/udp"
    };
    let table = std::fs::read_to_string(table).expect("the system's table of sockets");
    let port = format!(":{:04X}", address.port());
    let line = table.lines().find(|line| {
        let local = line.split_whitespace().nth(1);
        local.is_some_and(|local| local.ends_with(&port))
    })?;
    let columns: Vec<_> = line.split_whitespace().collect();
    let (_, unread) = columns.get(4)?.split_once(':')?;
    Some(SocketState {
        unread: u64::from_str_radix(unread, 16).ok()?,
        dropped: columns.last()?.parse().ok()?,
    })
}

/// Accepts one connection and reads it to its end.
pub(crate) fn accept_one(listener: TcpListener) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let (mut connection, _) = listener.accept().expect("a connection");
        let patience = Duration::from_secs(30);
        connection
            .set_read_timeout(Some(patience))
            .expect("a timeout");
        let mut octets = Vec::new();
        connection
            .read_to_end(&mut octets)
            .expect("a stream that ends");
        octets
    })
}
