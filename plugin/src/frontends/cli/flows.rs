// SPDX-License-Identifier: Apache-2.0
//! `show flowmeter flows`: a table of the largest live flows. Programs use the binary API.

use core::net::{IpAddr, SocketAddr};

use flowmeter::flow::Ports;
use flowmeter::number::protocol::is_icmp;
use flowmeter::observation::Direction;

use super::cells::{ether_type, flags, protocol, rate};
use super::table::Align::{Left, Right};
use super::table::{self, Align, NOTHING};
use super::words::{Words, unexpected};
use crate::control::flows::{self, Endpoints, Filter, Flow, Order};
use crate::dataplane::trace::Mac;
use crate::ffi::interface::name;
use crate::ffi::{Main, text};

/// The arguments.
struct Query {
    top: u32,
    order: Order,
    filter: Filter,
}

/// `show flowmeter flows [top <n>] [by packets|octets] [ip4|ip6|l2] [match <ip>]`.
pub(super) fn show(main: Main, words: Words<'_>) -> Result<(), String> {
    let Query { top, order, filter } = read(words)?;
    let (flows, matched) = flows::largest(main, filter, order, top as usize)?;
    let mut out = format!("{matched} live flows, {} shown\n", flows.len());
    let rows: Vec<_> = flows.iter().map(|flow| row(main, flow)).collect();
    out += &table::text(COLUMNS, &rows);
    text::print(main, out.trim_end());
    Ok(())
}

fn read(mut words: Words<'_>) -> Result<Query, String> {
    let mut query = Query {
        top: 20,
        order: Order::Octets,
        filter: Filter {
            ip4: true,
            ip6: true,
            l2: true,
            matching: None,
        },
    };
    while let Some(word) = words.next() {
        match word {
            "top" => query.top = words.number(word, flows::TOP)?,
            "by" => match words.next() {
                Some("packets") => query.order = Order::Packets,
                Some("octets") => query.order = Order::Octets,
                word => return unexpected(word.unwrap_or("by"), "packets or octets"),
            },
            "ip4" | "ip6" | "l2" => {
                query.filter.ip4 = word == "ip4";
                query.filter.ip6 = word == "ip6";
                query.filter.l2 = word == "l2";
            }
            "match" => {
                let address = words.value(word, "an IPv4 or IPv6 address")?;
                query.filter.matching = Some(address);
            }
            _ => return unexpected(word, "top, by, ip4, ip6, l2 or match"),
        }
    }
    Ok(query)
}

/// The table's columns.
const COLUMNS: [(&str, Align); 13] = [
    ("packets", Right),
    ("octets", Right),
    ("seconds", Right),
    ("bit/s", Right),
    ("proto", Left),
    ("flags", Left),
    ("dir", Left),
    ("ingress", Left),
    ("egress", Left),
    ("vrf", Right),
    ("vlan", Right),
    ("source", Left),
    ("destination", Left),
];

fn row(main: Main, flow: &Flow) -> [String; COLUMNS.len()] {
    let nothing = || NOTHING.to_owned();
    let observed = &flow.observed;
    let direction = observed.direction();
    let milliseconds = flow.end.as_millis().saturating_sub(flow.start.as_millis());
    let (protocol, [source, destination]) = match flow.ends {
        Endpoints::Ip(ends, ports) => {
            let number = observed.protocol as u8;
            (protocol(number), ip_ends(ends, ports, number))
        }
        Endpoints::L2(ends) => (
            ether_type(observed.protocol),
            ends.map(|address| Mac(&address).to_string()),
        ),
    };
    [
        flow.packets.to_string(),
        flow.octets.to_string(),
        format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000),
        rate(flow.octets, milliseconds),
        protocol,
        flags(flow.tcp_flags),
        match direction {
            Direction::Ingress => "rx".to_owned(),
            Direction::Egress => "tx".to_owned(),
        },
        name(main, observed.ingress_interface),
        match direction {
            Direction::Ingress => nothing(),
            Direction::Egress => name(main, observed.egress_interface),
        },
        flow.vrf.to_string(),
        match observed.vlan() {
            0 => nothing(),
            vlan => vlan.to_string(),
        },
        source,
        destination,
    ]
}

/// The source and destination of an IP flow; the destination has ICMP's type and code.
fn ip_ends([source, destination]: [IpAddr; 2], ports: Ports, protocol: u8) -> [String; 2] {
    let [from, to] = [ports.source, ports.destination];
    match protocol {
        _ if is_icmp(protocol) => {
            let [kind, code] = to;
            let destination = format!("{destination} type {kind} code {code}");
            [source.to_string(), destination]
        }
        _ if from == [0; 2] && to == [0; 2] => [source, destination].map(|end| end.to_string()),
        _ => [(source, from), (destination, to)]
            .map(|(end, port)| SocketAddr::new(end, u16::from_be_bytes(port)).to_string()),
    }
}
