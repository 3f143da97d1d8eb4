// SPDX-License-Identifier: Apache-2.0
//! What `show trace` shows of an observed packet.
//!
//! A trace record is written on the packet path and read later by `show trace`, so it is
//! self-contained.

use core::fmt;
use core::fmt::Write;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use flowmeter::flow::{Observed, Ports};
use flowmeter::metering::IgnoredReason;
use flowmeter::number::protocol::is_icmp;
use flowmeter::observation::Direction;
use flowmeter::packet::{Dissection, Packet, dissect};

use super::place::Place;
use crate::ffi::Main;
use crate::ffi::interface::name;

/// A packet's trace record.
#[derive(Clone, Copy)]
pub(crate) struct Trace {
    place: Place,
    known: bool,
    octets: u32,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Ip {
        source: IpAddr,
        destination: IpAddr,
        ports: Ports,
        observed: Observed,
    },
    L2 {
        source: [u8; 6],
        destination: [u8; 6],
        observed: Observed,
    },
    Ignored(IgnoredReason),
}

impl Trace {
    /// The record of a packet before it is counted; `known` says whether its flow exists.
    pub(crate) fn new(place: Place, packet: &Packet<'_>, known: bool) -> Self {
        let (octets, what) = match dissect(packet) {
            Dissection::Ipv4(headers) => (
                headers.octets,
                What::Ip {
                    source: Ipv4Addr::from(headers.key.source).into(),
                    destination: Ipv4Addr::from(headers.key.destination).into(),
                    ports: headers.key.ports,
                    observed: headers.key.observed,
                },
            ),
            Dissection::Ipv6(headers) => (
                headers.octets,
                What::Ip {
                    source: Ipv6Addr::from(headers.key.source).into(),
                    destination: Ipv6Addr::from(headers.key.destination).into(),
                    ports: headers.key.ports,
                    observed: headers.key.observed,
                },
            ),
            Dissection::NonIp(headers) => (
                headers.octets,
                What::L2 {
                    source: headers.key.source,
                    destination: headers.key.destination,
                    observed: headers.key.observed,
                },
            ),
            Dissection::Ignored(reason) => (packet.length, What::Ignored(reason)),
        };
        Self {
            place,
            known,
            octets,
            what,
        }
    }
}

impl Trace {
    /// The text for `show trace`.
    pub(crate) fn text(&self, main: Main) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(main, &mut text);
        text
    }

    fn write(&self, main: Main, out: &mut String) -> fmt::Result {
        let flow = if self.known { "known" } else { "new" };
        let (variant, side) = (self.place.layer().name(), self.place.side());
        let octets = self.octets;
        if let What::Ignored(reason) = self.what {
            let reason = reason.name();
            return write!(
                out,
                "{variant} {side}: not metered: {reason}, {octets} octets"
            );
        }
        write!(out, "{variant} {side}: {flow} flow, {octets} octets\n    ")?;
        let observed = match &self.what {
            What::Ignored(_) => return Ok(()),
            What::Ip {
                source,
                destination,
                ports,
                observed,
            } => {
                write!(
                    out,
                    "{}",
                    Endpoints(*source, *destination, *ports, observed.protocol)
                )?;
                write!(out, " protocol {}", observed.protocol)?;
                observed
            }
            What::L2 {
                source,
                destination,
                observed,
            } => {
                write!(out, "{} -> {}", Mac(source), Mac(destination))?;
                write!(out, " ethertype 0x{:04x}", observed.protocol)?;
                observed
            }
        };
        write!(out, "\n    from {}", name(main, observed.ingress_interface))?;
        if observed.direction() == Direction::Egress {
            write!(out, " to {}", name(main, observed.egress_interface))?;
        }
        match observed.vlan() {
            0 => Ok(()),
            vlan => write!(out, " vlan {vlan}"),
        }
    }
}

/// The addresses of an IP flow, with its ports or ICMP type and code.
pub(crate) struct Endpoints(
    pub(crate) IpAddr,
    pub(crate) IpAddr,
    pub(crate) Ports,
    pub(crate) u16,
);

impl fmt::Display for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(source, destination, ports, protocol) = *self;
        match protocol {
            _ if is_icmp(protocol as u8) => {
                let [kind, code] = ports.destination;
                write!(f, "{source} -> {destination} type {kind} code {code}")
            }
            _ => {
                let [from, to] = [ports.source, ports.destination].map(u16::from_be_bytes);
                let [source, destination] =
                    [(source, from), (destination, to)].map(SocketAddr::from);
                write!(f, "{source} -> {destination}")
            }
        }
    }
}

/// A MAC address.
pub(crate) struct Mac<'a>(pub(crate) &'a [u8; 6]);

impl fmt::Display for Mac<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}
