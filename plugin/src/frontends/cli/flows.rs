// SPDX-License-Identifier: Apache-2.0
//! `show flowmeter flows`: the largest live flows.

use core::fmt::Write;

use flowmeter::observation::Direction;

use super::words::{Words, unexpected};
use crate::control::flows::{self, Filter, Flow, Order};
use crate::dataplane::trace::{Ends, Mac};
use crate::ffi::{Main, text};

/// What was asked for.
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
    for flow in &flows {
        let _ = writeln!(out, "{}", line(flow));
    }
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

/// A flow on one line.
fn line(flow: &Flow) -> String {
    let observed = &flow.observed;
    let direction = match observed.direction() {
        Direction::Ingress => "rx",
        Direction::Egress => "tx",
    };
    let milliseconds = flow.end.as_millis() - flow.start.as_millis();
    let mut line = format!(
        "{:>12} packets {:>16} octets {:>6}.{:03} s  {direction} {} {}  ",
        flow.packets,
        flow.octets,
        milliseconds / 1000,
        milliseconds % 1000,
        observed.ingress_interface,
        observed.egress_interface,
    );
    let payload = observed.payload;
    let _ = match &flow.ends {
        flows::Ends::Ip([source, destination], ports) => {
            let ends = Ends(*source, *destination, *ports, payload);
            write!(line, "protocol {payload} {ends}")
        }
        flows::Ends::L2([source, destination]) => {
            let [source, destination] = [Mac(source), Mac(destination)];
            write!(line, "ethertype 0x{payload:04x} {source} -> {destination}")
        }
    };
    if observed.vlan() != 0 {
        let _ = write!(line, " vlan {}", observed.vlan());
    }
    line
}
