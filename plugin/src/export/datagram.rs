// SPDX-License-Identifier: Apache-2.0
//! Messages as UDP datagrams in VPP's buffers.
//!
//! A message is encoded in place in its buffer, after space for the IP and UDP headers, which are
//! written when the message is complete. This module knows the destination of datagrams, not their
//! content.

use core::net::IpAddr;

use flowmeter::exporting::{Message, Transport};
use flowmeter::number::protocol;

use super::pacing::Pacing;
use crate::ffi::Thread;
use crate::ffi::buffer::{self, OwnBuffer};
use crate::ffi::frame::FRAME;

/// The source and destination of a thread's datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// The collector's address.
    pub(crate) collector: IpAddr,
    /// The source address, of the same family.
    pub(crate) source: IpAddr,
    /// The collector's UDP port.
    pub(crate) port: u16,
    /// The FIB table that datagrams are looked up in.
    pub(crate) fib_index: u32,
    /// The most octets of an IP packet.
    pub(crate) path_mtu: usize,
}

/// The nodes that datagrams are enqueued to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LookupNodes {
    pub(crate) ip4: u32,
    pub(crate) ip6: u32,
}

/// Octets of a UDP header (RFC 768).
const UDP: usize = 8;
/// The source port of all datagrams. It is constant because collectors identify exporters by it.
const SOURCE_PORT: u16 = 4739;
const TIME_TO_LIVE: u8 = 254;

impl Session {
    /// Octets of an IP header without options.
    fn ip(&self) -> usize {
        if self.collector.is_ipv4() { 20 } else { 40 }
    }

    /// Writes the headers of `packet`, which has the message after them.
    fn write_headers(&self, packet: &mut [u8]) {
        let (ip, udp) = packet.split_at_mut(self.ip());
        let udp_length = (udp.len() as u16).to_be_bytes();
        udp[..2].copy_from_slice(&SOURCE_PORT.to_be_bytes());
        udp[2..4].copy_from_slice(&self.port.to_be_bytes());
        udp[4..6].copy_from_slice(&udp_length);
        udp[6..8].copy_from_slice(&[0; 2]);
        match (self.source, self.collector) {
            (IpAddr::V4(source), IpAddr::V4(collector)) => {
                // RFC 791 §3.1.
                let total = (ip.len() + udp.len()) as u16;
                ip.fill(0);
                ip[0] = 0x45;
                ip[2..4].copy_from_slice(&total.to_be_bytes());
                ip[8] = TIME_TO_LIVE;
                ip[9] = protocol::UDP;
                ip[12..16].copy_from_slice(&source.octets());
                ip[16..20].copy_from_slice(&collector.octets());
                let checksum = !fold(sum(ip));
                ip[10..12].copy_from_slice(&checksum.to_be_bytes());
            }
            (IpAddr::V6(source), IpAddr::V6(collector)) => {
                // RFC 8200 §3.
                ip[..8].copy_from_slice(&[0x60, 0, 0, 0, 0, 0, protocol::UDP, TIME_TO_LIVE]);
                ip[4..6].copy_from_slice(&udp_length);
                ip[8..24].copy_from_slice(&source.octets());
                ip[24..40].copy_from_slice(&collector.octets());
            }
            // A session's addresses have the same family.
            _ => return,
        }
        // RFC 768, RFC 8200 §8.1: includes a pseudo-header; 0 would mean that there is no checksum.
        let addresses = &ip[ip.len() - if ip.len() == 20 { 8 } else { 32 }..];
        let pseudo = sum(addresses) + sum(&udp_length) + u64::from(protocol::UDP);
        let checksum = match !fold(pseudo + sum(udp)) {
            0 => 0xffff,
            checksum => checksum,
        };
        udp[6..8].copy_from_slice(&checksum.to_be_bytes());
    }
}

/// The sum of the 16-bit words of `octets` (RFC 1071), padded with a zero if their count is odd.
fn sum(octets: &[u8]) -> u64 {
    let (pairs, rest) = octets.as_chunks::<2>();
    let pairs: u64 = pairs
        .iter()
        .map(|&pair| u64::from(u16::from_be_bytes(pair)))
        .sum();
    pairs + rest.first().map_or(0, |&octet| u64::from(octet) << 8)
}

/// Folds a sum into 16 bits by adding the carries (RFC 1071).
fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// A thread's datagrams to the collector.
pub(crate) struct Datagrams {
    /// The sending thread: the worker, or the main thread while it holds the barrier.
    thread: Option<Thread>,
    session: Option<Session>,
    nodes: LookupNodes,
    /// Complete datagrams that are enqueued together.
    pending: [u32; FRAME],
    pending_count: usize,
    allowance: Allowance,
    /// Whether the allowance has refused a datagram since it was set.
    was_refused: bool,
    pacing: &'static Pacing,
}

/// How many datagrams may be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowance {
    /// Datagrams on the packet path: unlimited, but counted against the pacing of sweeps.
    Charged,
    /// Datagrams of sweeps: as many as the pacing of this VPP allows.
    Paced,
    /// A fixed number.
    Messages(u32),
}

/// A datagram under construction.
pub(crate) struct Datagram {
    buffer: OwnBuffer,
    headers: usize,
}

impl AsMut<[u8]> for Datagram {
    #[inline]
    fn as_mut(&mut self) -> &mut [u8] {
        let headers = self.headers;
        self.buffer.octets().get_mut(headers..).unwrap_or_default()
    }
}

impl Datagrams {
    pub(super) fn new(nodes: LookupNodes, pacing: &'static Pacing) -> Self {
        Self {
            thread: None,
            session: None,
            nodes,
            pending: [0; FRAME],
            pending_count: 0,
            allowance: Allowance::Charged,
            was_refused: false,
            pacing,
        }
    }

    /// Sets the sending thread.
    #[inline]
    pub(crate) fn set_thread(&mut self, thread: Thread) {
        self.thread = Some(thread);
    }

    /// Sets the destination. All messages of the previous session must have been sent.
    pub(crate) fn set_session(&mut self, session: Option<Session>) {
        self.enqueue_pending();
        self.session = session;
    }

    /// Sets how many datagrams may be started.
    pub(super) fn set_allowance(&mut self, allowance: Allowance) {
        self.allowance = allowance;
        self.was_refused = false;
    }

    /// Whether the allowance has refused a datagram.
    pub(super) fn was_refused(&self) -> bool {
        self.was_refused
    }

    /// Whether another datagram may be started.
    fn admit(&mut self, thread: Thread) -> bool {
        let admitted = match &mut self.allowance {
            Allowance::Charged => {
                self.pacing.charge(thread.milliseconds());
                true
            }
            Allowance::Paced => self.pacing.take(thread.milliseconds()),
            Allowance::Messages(0) => false,
            Allowance::Messages(left) => {
                *left -= 1;
                true
            }
        };
        self.was_refused |= !admitted;
        admitted
    }

    /// Enqueues the pending datagrams to the lookup node.
    #[inline]
    pub(crate) fn enqueue_pending(&mut self) {
        let count = core::mem::take(&mut self.pending_count);
        if let (Some(thread), Some(session)) = (self.thread, self.session) {
            let node = if session.collector.is_ipv4() {
                self.nodes.ip4
            } else {
                self.nodes.ip6
            };
            buffer::send(thread, node, &self.pending[..count]);
        }
    }
}

impl Transport for Datagrams {
    type Buffer = Datagram;

    fn buffer(&mut self) -> Option<Datagram> {
        let (session, thread) = (self.session?, self.thread?);
        if !self.admit(thread) {
            return None;
        }
        Some(Datagram {
            buffer: OwnBuffer::new(thread, session.path_mtu)?,
            headers: session.ip() + UDP,
        })
    }

    fn send(&mut self, message: Message<Datagram>) {
        let Datagram {
            mut buffer,
            headers,
        } = message.buffer;
        let (Some(thread), Some(session)) = (self.thread, self.session) else {
            // Without a session, no message was started.
            return;
        };
        let length = headers + message.length;
        session.write_headers(&mut buffer.octets()[..length]);
        self.pending[self.pending_count] = buffer.into_packet(thread, length, session.fib_index);
        self.pending_count += 1;
        if self.pending_count == FRAME {
            self.enqueue_pending();
        }
    }
}
