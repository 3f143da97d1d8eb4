// SPDX-License-Identifier: Apache-2.0
//! `show flowmeter`.

use core::fmt::Write;

use flowmeter::metering::{EndReason, ExportRefused, IgnoredReason, Tally};

use super::words::{Words, unexpected};
use super::{flows, memory};
use crate::control::exporter::Source;
use crate::control::interfaces::Selection;
use crate::control::state::{self, Control, with_control};
use crate::control::{inspection, verification};
use crate::dataplane::thread_meter::Accounts;
use crate::export::shared::Gate;
use crate::ffi::interface::Interface;
use crate::ffi::refusal::Refusal;
use crate::ffi::{Main, text, thread};
use crate::{VERSION, VPP_VERSION};

/// `show flowmeter [interfaces|exporter|statistics|memory|verify] | flows …`.
pub(crate) fn show(main: Main, words: Vec<&str>) -> Result<(), String> {
    let mut words = Words::new(words);
    state::start(main)?;
    let mut out = String::new();
    match words.next() {
        None => {
            let _ = writeln!(out, "flowmeter {VERSION}, built for VPP {VPP_VERSION}");
            show_settings(main, &mut out)?;
            show_exporter(main, &mut out)?;
            show_interfaces(main, &mut out)?;
            show_statistics(main, &mut out)?;
        }
        Some("flows") => return flows::show(main, words),
        Some(word) => {
            words.end()?;
            match word {
                "interfaces" => show_interfaces(main, &mut out)?,
                "exporter" => show_exporter(main, &mut out)?,
                "statistics" => show_statistics(main, &mut out)?,
                "memory" => memory::show(main, &mut out)?,
                "verify" => verify(main, &mut out),
                _ => {
                    const EXPECTED: &str =
                        "interfaces, exporter, statistics, memory, verify or flows";
                    return unexpected(word, EXPECTED);
                }
            }
        }
    }
    text::print(main, out.trim_end());
    Ok(())
}

fn show_settings(main: Main, out: &mut String) -> Result<(), Refusal> {
    with_control(main, |control| {
        let settings = control.settings;
        let _ = writeln!(
            out,
            "active timeout {} s, idle timeout {} s, flows per worker {}",
            settings.active_timeout,
            settings.idle_timeout,
            settings.flows()
        );
        let first = settings.observation_domain;
        let _ = match thread::count() as u32 - 1 {
            0 => writeln!(out, "observation domain {first}"),
            workers => writeln!(
                out,
                "observation domains {first} to {}: main thread and workers",
                first + workers
            ),
        };
        Ok(())
    })
}

fn show_exporter(main: Main, out: &mut String) -> Result<(), Refusal> {
    let Accounts {
        messages, records, ..
    } = inspection::accounts(main)?;
    with_control(main, |control| {
        let exporter = &control.exporter;
        match (exporter.in_effect(), exporter.setting()) {
            (Some(in_effect), _) => {
                let session = in_effect.session();
                let who = if in_effect.is_vpp_exporter() {
                    "VPP's (set ipfix exporter)"
                } else {
                    "set flowmeter exporter"
                };
                let from = match exporter.setting().map(|setting| &setting.source) {
                    Some(Source::Interface(name)) => format!("{name} ({})", session.source),
                    _ => session.source.to_string(),
                };
                let state = match state::shared().gate() {
                    Gate::Open => "reachable",
                    Gate::Closed(_) => "UNREACHABLE: no route, or the next hop does not answer",
                };
                let _ = writeln!(
                    out,
                    "exporter: {in_effect} from {from}, path MTU {}, templates every {} s; {who}; {state}",
                    session.path_mtu,
                    in_effect.template_interval()
                );
            }
            (None, Some(setting)) => {
                let why = exporter.obstacle(main);
                let why = why.as_deref().unwrap_or("not checked yet");
                let _ = writeln!(
                    out,
                    "exporter: {}, not in use: {why}; flows are kept",
                    setting.socket()
                );
            }
            (None, None) => {
                let _ = writeln!(
                    out,
                    "exporter: none; use `set flowmeter exporter` or `set ipfix exporter`"
                );
            }
        }
        let _ = writeln!(out, "sent: {messages} messages, {records} flow records");
        Ok(())
    })
}

fn show_interfaces(main: Main, out: &mut String) -> Result<(), Refusal> {
    let interfaces = Interface::all(main);
    with_control(main, |control| {
        if control.recording.is_enabled() {
            let _ = writeln!(
                out,
                "interfaces: metered by flowprobe's commands or API; see `show flowprobe feature`"
            );
        } else if control.interfaces.metered().is_empty() {
            let _ = writeln!(out, "interfaces: none is metered");
        }
        for (sw_if_index, places) in control.interfaces.metered() {
            let interface = interfaces.iter().find(|i| i.sw_if_index == *sw_if_index);
            let name = interface.map_or_else(String::new, |interface| interface.name(main));
            let _ = write!(out, "interface {name} ({sw_if_index}):");
            for place in places {
                let _ = write!(out, " {} {}", place.layer().name(), place.side());
            }
            let _ = writeln!(out);
        }
        show_rules(control, out);
        Ok(())
    })
}

fn show_rules(control: &Control, out: &mut String) {
    for (pattern, Selection { variant, side }) in control.interfaces.rules() {
        let (variant, side) = (variant.name(), side.name());
        let _ = writeln!(out, "rule: {pattern} {variant} {side}");
    }
}

/// Shows the published accounts. The packets in live flows are derived from the other accounts.
fn show_statistics(main: Main, out: &mut String) -> Result<(), Refusal> {
    let accounts = inspection::accounts(main)?;
    write_accounts(out, &accounts, accounts.statistics.live());
    Ok(())
}

/// Shows the accounts with live flows counted one by one, and whether they balance.
fn verify(main: Main, out: &mut String) {
    let (accounts, counted) = verification::count(main);
    let live = counted.unwrap_or_else(|| accounts.statistics.live());
    write_accounts(out, &accounts, live);
    let verdict = match counted {
        Some(counted) if accounts.statistics.balanced(counted) => {
            "accounts balance: every packet and octet is accounted for"
        }
        Some(_) => "ACCOUNTS DO NOT BALANCE: please report this",
        None => {
            "live flows not verified: packets came during the count; their line is derived from \
             the other counters"
        }
    };
    let _ = writeln!(out, "{verdict}");
}

fn write_accounts(out: &mut String, accounts: &Accounts, live: Tally) {
    let statistics = accounts.statistics;
    let _ = writeln!(
        out,
        "{:<36}{:>20}{:>22}{:>14}",
        "", "packets", "octets", "records"
    );
    let mut line = |name: &str, tally: Tally, records: Option<u64>| {
        let records = records.map_or_else(String::new, |records| records.to_string());
        let _ = writeln!(
            out,
            "{name:<36}{:>20}{:>22}{records:>14}",
            tally.packets, tally.octets
        );
    };
    line("observed", statistics.observed, None);
    for (reason, tally) in IgnoredReason::ALL.iter().zip(statistics.ignored) {
        if tally.packets > 0 {
            line(&format!("  ignored: {}", reason.name()), tally, None);
        }
    }
    line("  metered", statistics.metered, None);
    for (reason, records) in EndReason::ALL.iter().zip(statistics.exported) {
        if records.records > 0 {
            let name = format!("    in records: {}", reason.name());
            line(&name, records.tally, Some(records.records));
        }
    }
    for (reason, records) in ExportRefused::ALL.iter().zip(statistics.lost) {
        if records.records > 0 {
            let name = format!("    lost: {}", reason.name());
            line(&name, records.tally, Some(records.records));
        }
    }
    line("    in live flows", live, Some(accounts.live_flows));
}
