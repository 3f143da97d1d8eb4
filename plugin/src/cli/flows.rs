// SPDX-License-Identifier: Apache-2.0
//! `show flowmeter flows`: the largest live flows, found while they go on.
//!
//! Tables are gone through in slices, and the workers run between them: a flow is shown as it
//! was when its slice's turn came.

use core::cmp::Reverse;
use core::fmt::Write;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::BinaryHeap;

use flowmeter::metering::flow_key::{FlowKey, Ipv4Key, Ipv6Key, L2Key, Observed, Ports};
use flowmeter::metering::{Export, FlowRecord, NoRoom};
use flowmeter::observation::Direction;

use super::slices;
use super::words::{Words, unexpected};
use crate::trace::{Ends, Mac};
use crate::vlib::{Main, text};

/// What was asked for.
struct Query {
    top: usize,
    by_octets: bool,
    ip4: bool,
    ip6: bool,
    l2: bool,
    matching: Option<IpAddr>,
}

/// Flows in order of what was asked for, the least first out.
type Largest = BinaryHeap<Reverse<(u64, String)>>;

/// `show flowmeter flows [top <n>] [by packets|octets] [ip4|ip6|l2] [match <ip>]`.
pub(super) fn show(main: Main, words: Words<'_>) -> Result<(), String> {
    let query = read(words)?;
    let mut viewer = Viewer {
        query,
        largest: Largest::new(),
        matched: 0,
        looked_at: 0,
    };
    slices::each(
        main,
        |_| (),
        |worker, groups| {
            let before = viewer.looked_at;
            if let Some(process) = worker.metering() {
                let end = groups.end.min(process.groups());
                process.show(groups.start.min(end)..end, &mut viewer);
            }
            (viewer.looked_at - before) as usize
        },
    );
    let Viewer {
        largest, matched, ..
    } = viewer;
    let mut flows = largest.into_vec();
    flows.sort();
    let mut out = format!("{matched} live flows, {} shown\n", flows.len());
    for Reverse((_, line)) in &flows {
        let _ = writeln!(out, "{line}");
    }
    text::print(main, out.trim_end());
    Ok(())
}

fn read(mut words: Words<'_>) -> Result<Query, String> {
    let mut query = Query {
        top: 20,
        by_octets: true,
        ip4: true,
        ip6: true,
        l2: true,
        matching: None,
    };
    let only = |query: &mut Query, family: &str| {
        query.ip4 = family == "ip4";
        query.ip6 = family == "ip6";
        query.l2 = family == "l2";
    };
    while let Some(word) = words.next() {
        match word {
            "top" => query.top = words.number(word, 1..=10_000)?,
            "by" => match words.next() {
                Some("packets") => query.by_octets = false,
                Some("octets") => query.by_octets = true,
                word => return unexpected(word.unwrap_or("by"), "packets or octets"),
            },
            "ip4" | "ip6" | "l2" => only(&mut query, word),
            "match" => {
                query.matching = Some(words.value(word, "an IPv4 or IPv6 address")?);
            }
            _ => return unexpected(word, "top, by, ip4, ip6, l2 or match"),
        }
    }
    Ok(query)
}

struct Viewer {
    query: Query,
    largest: Largest,
    matched: u64,
    looked_at: u64,
}

impl Viewer {
    /// Keeps a flow of this size if it is among the largest.
    fn keep(&mut self, packets: u64, octets: u64, line: impl FnOnce() -> String) {
        self.matched += 1;
        let size = if self.query.by_octets {
            octets
        } else {
            packets
        };
        if self.largest.len() == self.query.top {
            match self.largest.peek() {
                Some(Reverse((least, _))) if *least >= size => return,
                _ => self.largest.pop(),
            };
        }
        self.largest.push(Reverse((size, line())));
    }

    fn ip<K: FlowKey>(&mut self, record: &FlowRecord<K>, ends: [IpAddr; 2], ports: Ports) {
        if self.query.matching.is_some_and(|ip| !ends.contains(&ip)) {
            return;
        }
        self.keep(record.packets, record.octets, || {
            let observed = record.key.observed();
            let [source, destination] = ends;
            let what = Ends(source, destination, ports, observed.payload).to_string();
            line(record, &format!("protocol {}", observed.payload), &what)
        });
    }
}

/// A flow on one line.
fn line<K: FlowKey>(record: &FlowRecord<K>, protocol: &str, what: &str) -> String {
    let observed: &Observed = record.key.observed();
    let direction = match observed.direction() {
        Direction::Ingress => "rx",
        Direction::Egress => "tx",
    };
    let milliseconds = record.end.as_millis() - record.start.as_millis();
    let mut line = format!(
        "{:>12} packets {:>16} octets {:>6}.{:03} s  {direction} {} {}  {protocol} {what}",
        record.packets,
        record.octets,
        milliseconds / 1000,
        milliseconds % 1000,
        observed.ingress_interface,
        observed.egress_interface,
    );
    if observed.vlan() != 0 {
        let _ = write!(line, " vlan {}", observed.vlan());
    }
    line
}

impl Export<Ipv4Key> for Viewer {
    fn export(&mut self, record: &FlowRecord<Ipv4Key>) -> Result<(), NoRoom> {
        self.looked_at += 1;
        if self.query.ip4 {
            let key = &record.key;
            let ends = [key.source, key.destination].map(|end| Ipv4Addr::from(end).into());
            self.ip(record, ends, key.ports);
        }
        Ok(())
    }
}

impl Export<Ipv6Key> for Viewer {
    fn export(&mut self, record: &FlowRecord<Ipv6Key>) -> Result<(), NoRoom> {
        self.looked_at += 1;
        if self.query.ip6 {
            let key = &record.key;
            let ends = [key.source, key.destination].map(|end| Ipv6Addr::from(end).into());
            self.ip(record, ends, key.ports);
        }
        Ok(())
    }
}

impl Export<L2Key> for Viewer {
    fn export(&mut self, record: &FlowRecord<L2Key>) -> Result<(), NoRoom> {
        self.looked_at += 1;
        if self.query.l2 && self.query.matching.is_none() {
            self.keep(record.packets, record.octets, || {
                let L2Key {
                    source,
                    destination,
                    observed,
                } = &record.key;
                let protocol = format!("ethertype 0x{:04x}", observed.payload);
                let what = format!("{} -> {}", Mac(source), Mac(destination));
                line(record, &protocol, &what)
            });
        }
        Ok(())
    }
}
