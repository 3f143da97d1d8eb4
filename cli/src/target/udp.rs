// SPDX-License-Identifier: Apache-2.0
//! IPFIX over UDP (RFC 7011 §10.3): a message in each datagram, all from one port.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use super::Sink;

/// Datagrams that may leave in one go. A collector with Linux's default receive buffer
/// holds about 90 of this size.
const BURST: u32 = 32;

/// The pause after a burst: together, at most about 30,000 messages in a second.
const PAUSE: Duration = Duration::from_millis(1);

/// A UDP socket.
pub(super) struct Udp {
    socket: UdpSocket,
    burst: u32,
}

impl Udp {
    /// A socket with a port of its own, bound to `collector`.
    pub(super) fn connect(collector: SocketAddr) -> io::Result<Self> {
        let local: SocketAddr = match collector {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(local)?;
        socket.connect(collector)?;
        Ok(Self { socket, burst: 0 })
    }
}

impl Sink for Udp {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        if self.burst == BURST {
            self.burst = 0;
            thread::sleep(PAUSE);
        }
        self.burst += 1;
        self.socket.send(message).map(drop)
    }

    fn held(&self) -> usize {
        0
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn abandon(self: Box<Self>) {}
}
