// SPDX-License-Identifier: Apache-2.0
//! The report at the end of a replay: a summary and a table, or one JSON object.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use flowmeter::exporting::Interfaces;
use flowmeter::flow::{Observed, Ports};
use flowmeter::metering::{EndReason, IgnoredReason, Statistics};
use flowmeter::number::protocol::is_icmp;
use flowmeter::observation::Direction;
use serde_json::{Map, Value, json};

use super::Complaint;
use super::top::{AnyKey, Top, TopFlow};
use super::worker::Outcome;
use crate::target::Report;
use crate::text::{ether_type, ethernet_address, grouped, protocol, tcp_flags};

/// The results of a replay.
pub(super) struct Summary {
    statistics: Statistics,
    messages: u64,
    records: u64,
    top: Vec<TopFlow>,
    targets: Vec<Report>,
    interfaces: Interfaces,
    lacked_memory: bool,
    /// The time for reading and metering, without start-up and without the time that targets took
    /// afterwards.
    elapsed: Duration,
}

impl Summary {
    /// Adds up the results of the workers.
    pub(super) fn new(
        outcomes: Vec<Outcome>,
        targets: Vec<Report>,
        interfaces: Interfaces,
        elapsed: Duration,
    ) -> Self {
        let lacked_memory = outcomes.iter().any(|outcome| outcome.lacked_memory);
        let mut statistics = Statistics::default();
        let (mut messages, mut records) = (0, 0);
        let mut top: Option<Top> = None;
        for outcome in outcomes {
            statistics += outcome.statistics;
            messages += outcome.messages;
            records += outcome.records;
            match &mut top {
                Some(top) => top.merge(outcome.top),
                None => top = Some(outcome.top),
            }
        }
        Self {
            statistics,
            messages,
            records,
            top: top.map(Top::into_flows).unwrap_or_default(),
            targets,
            interfaces,
            lacked_memory,
            elapsed,
        }
    }

    /// Returns a line for each target that lost records, and one if memory was lacking.
    pub(super) fn complaints(&self, flows: u32) -> impl Iterator<Item = Complaint> {
        let memory = self.lacked_memory.then(|| Complaint {
            text: format!(
                "no memory for tables of {flows} flows: some were exported early, with end reason 5"
            ),
            lost: false,
        });
        let lost = self.targets.iter().filter_map(|target| {
            let [first, others @ ..] = &target.lost.values().collect::<Vec<_>>()[..] else {
                return None;
            };
            let all = target.sent + target.all_lost();
            let mut text = format!(
                "{}: {}: {} of {all} records lost",
                target.name, first.error, first.records
            );
            for loss in others {
                text += &format!("; {}: {} lost", loss.error, loss.records);
            }
            Some(Complaint { text, lost: true })
        });
        memory.into_iter().chain(lost)
    }

    /// Returns whether there is no record.
    pub(super) fn metered_nothing(&self) -> bool {
        self.records == 0
    }

    fn packets_per_second(&self) -> f64 {
        self.statistics.observed.packets as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Writes one JSON object.
    pub(super) fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let observed = self.statistics.observed;
        let ignored: Map<String, Value> = IgnoredReason::ALL
            .iter()
            .map(|&reason| {
                let packets = self.statistics.ignored[reason as usize].packets;
                (reason.name().to_owned(), json!(packets))
            })
            .collect();
        let targets: Vec<Value> = self
            .targets
            .iter()
            .map(|target| {
                let lost: Map<String, Value> = target
                    .lost
                    .iter()
                    .map(|(&reason, loss)| (reason.to_owned(), json!(loss.records)))
                    .collect();
                json!({
                    "target": target.name,
                    "records": target.sent,
                    "lost": target.all_lost(),
                    "lost_by_reason": lost,
                    "loss_is_known": target.loss_is_known,
                    "connections": target.connections,
                })
            })
            .collect();
        let end_reasons: Map<String, Value> = EndReason::ALL
            .iter()
            .zip(&self.statistics.exported)
            .map(|(reason, exported)| (reason.name().to_owned(), json!(exported.records)))
            .collect();
        let object = json!({
            "packets": observed.packets,
            "octets": observed.octets,
            "flows": self.statistics.flows,
            "records": self.records,
            "messages": self.messages,
            "ignored": ignored,
            "end_reasons": end_reasons,
            "targets": targets,
            "elapsed_seconds": self.elapsed.as_secs_f64(),
            "packets_per_second": self.packets_per_second(),
            "top": self.top.iter().map(|flow| self.top_json(flow)).collect::<Vec<_>>(),
        });
        writeln!(out, "{object}")
    }

    /// Writes a summary and a table.
    pub(super) fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let observed = self.statistics.observed;
        writeln!(
            out,
            "{} packets, {} octets, in {:.3} s ({} packets per second)",
            grouped(observed.packets),
            grouped(observed.octets),
            self.elapsed.as_secs_f64(),
            grouped(self.packets_per_second() as u64),
        )?;
        writeln!(
            out,
            "{} flows, {} records in {} messages",
            grouped(self.statistics.flows),
            grouped(self.records),
            grouped(self.messages)
        )?;
        for &reason in IgnoredReason::ALL {
            let ignored = self.statistics.ignored[reason as usize].packets;
            if ignored > 0 {
                writeln!(
                    out,
                    "{} packets ignored: {}",
                    grouped(ignored),
                    reason.name()
                )?;
            }
        }
        for target in &self.targets {
            write!(out, "{}: {} records", target.name, grouped(target.sent))?;
            if target.connections > 1 && target.loss_is_known {
                write!(out, " over {} connections", grouped(target.connections))?;
            }
            if !target.loss_is_known {
                write!(out, "; losses on the way are unknown")?;
            }
            writeln!(out)?;
        }
        if !self.top.is_empty() {
            writeln!(out, "\n{}", self.table())?;
        }
        Ok(())
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_header([
            "Interface",
            "Protocol",
            "Source",
            "Destination",
            "Packets",
            "Octets",
            "Seconds",
            "Flags",
            "End",
        ]);
        for flow in &self.top {
            let text = KeyText::new(&flow.key);
            let milliseconds = flow.end.as_millis().saturating_sub(flow.start.as_millis());
            table.add_row([
                self.interface(text.interface)
                    .map_or_else(|| text.interface.to_string(), str::to_owned),
                text.protocol,
                text.source,
                text.destination,
                grouped(flow.packets),
                grouped(flow.octets),
                format!("{:.3}", milliseconds as f64 / 1000.0),
                tcp_flags(flow.tcp_flags),
                flow.end_reason.name().replace('_', " "),
            ]);
        }
        for column in table.column_iter_mut().skip(4).take(3) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    /// Returns the name of the interface with this number, if it has one.
    fn interface(&self, number: u32) -> Option<&str> {
        let all = self.interfaces.all();
        let index = all
            .binary_search_by_key(&number, |interface| interface.number)
            .ok()?;
        Some(&all[index].name)
    }

    fn top_json(&self, flow: &TopFlow) -> Value {
        let text = KeyText::new(&flow.key);
        json!({
            "interface": text.interface,
            "interface_name": self.interface(text.interface),
            "protocol": text.protocol,
            "source": text.source,
            "destination": text.destination,
            "packets": flow.packets,
            "octets": flow.octets,
            "start_milliseconds": flow.start.as_millis(),
            "end_milliseconds": flow.end.as_millis(),
        })
    }
}

/// The text of a key's fields.
struct KeyText {
    interface: u32,
    protocol: String,
    source: String,
    destination: String,
}

impl KeyText {
    fn new(key: &AnyKey) -> Self {
        let (observed, ports, source, destination) = match key {
            AnyKey::Ipv4(key) => (
                key.observed,
                key.ports,
                Ipv4Addr::from(key.source).to_string(),
                Ipv4Addr::from(key.destination).to_string(),
            ),
            AnyKey::Ipv6(key) => (
                key.observed,
                key.ports,
                Ipv6Addr::from(key.source).to_string(),
                Ipv6Addr::from(key.destination).to_string(),
            ),
            AnyKey::L2(key) => {
                return Self {
                    interface: interface(&key.observed),
                    protocol: ether_type(key.observed.protocol),
                    source: ethernet_address(key.source),
                    destination: ethernet_address(key.destination),
                };
            }
        };
        let number = observed.protocol as u8;
        let protocol = protocol(number);
        let [kind, code] = ports.destination;
        let (protocol, source, destination) = match number {
            _ if is_icmp(number) => (format!("{protocol} {kind}/{code}"), source, destination),
            _ if ports == Ports::default() => (protocol, source, destination),
            _ => (
                protocol,
                with_port(&source, ports.source),
                with_port(&destination, ports.destination),
            ),
        };
        Self {
            interface: interface(&observed),
            protocol,
            source,
            destination,
        }
    }
}

/// Returns the interface at which the packets of a flow were observed.
fn interface(observed: &Observed) -> u32 {
    match observed.direction() {
        Direction::Ingress => observed.ingress_interface,
        Direction::Egress => observed.egress_interface,
    }
}

fn with_port(address: &str, port: [u8; 2]) -> String {
    let port = u16::from_be_bytes(port);
    if address.contains(':') {
        format!("[{address}]:{port}")
    } else {
        format!("{address}:{port}")
    }
}
