// SPDX-License-Identifier: Apache-2.0
//! What `show trace` says of a packet that was observed.
//!
//! A record is written where the packet passes and read when somebody asks, so it holds what
//! it says and refers to nothing.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use flowmeter::metering::IgnoredReason;
use flowmeter::metering::flow_key::{Observed, Ports};
use flowmeter::observation::Direction;
use flowmeter::packet::{Dissection, Packet, dissect};

use crate::place::Place;

/// One packet's record.
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
    /// The record of a packet that has yet to be counted; `known` says whether its flow is there.
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

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.place.direction() {
            Direction::Ingress => "rx",
            Direction::Egress => "tx",
        };
        let flow = if self.known { "known" } else { "new" };
        let variant = self.place.variant();
        let octets = self.octets;
        match &self.what {
            What::Ignored(reason) => {
                write!(
                    f,
                    "{variant} {direction}: not metered: {}, {octets} octets",
                    reason.name()
                )
            }
            What::Ip {
                source,
                destination,
                ports,
                observed,
            } => {
                write!(
                    f,
                    "{variant} {direction}: {flow} flow, {octets} octets\n    "
                )?;
                endpoints(f, *source, *destination, *ports, observed.payload)?;
                observed_at(f, observed)
            }
            What::L2 {
                source,
                destination,
                observed,
            } => {
                write!(
                    f,
                    "{variant} {direction}: {flow} flow, {octets} octets\n    "
                )?;
                write!(f, "{} -> {}", Mac(source), Mac(destination))?;
                write!(f, " ethertype 0x{:04x}", observed.payload)?;
                observed_at(f, observed)
            }
        }
    }
}

fn endpoints(
    f: &mut fmt::Formatter<'_>,
    source: IpAddr,
    destination: IpAddr,
    ports: Ports,
    protocol: u16,
) -> fmt::Result {
    let [from, to] = [ports.source, ports.destination].map(u16::from_be_bytes);
    match protocol {
        1 | 58 => {
            let [kind, code] = ports.destination;
            write!(
                f,
                "{source} -> {destination} protocol {protocol} type {kind} code {code}"
            )
        }
        _ => write!(
            f,
            "{source} port {from} -> {destination} port {to} protocol {protocol}"
        ),
    }
}

fn observed_at(f: &mut fmt::Formatter<'_>, observed: &Observed) -> fmt::Result {
    write!(
        f,
        "\n    ingress {} egress {}",
        observed.ingress_interface, observed.egress_interface
    )?;
    match observed.vlan() {
        0 => Ok(()),
        vlan => write!(f, " vlan {vlan}"),
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
