// SPDX-License-Identifier: Apache-2.0
//! `show flowmeter`.

use core::fmt::Write;
use core::ops::Range;

use flowmeter::metering::{EndReason, IgnoredReason, NoRoom, Tally};

use super::words::{Words, unexpected};
use super::{flows, memory};
use crate::control::interfaces::Selection;
use crate::control::slices::{self, Walk};
use crate::control::state::{self, Control, with_control};
use crate::dataplane::thread_meter::Accounts;
use crate::dataplane::worker::Worker;
use crate::export::shared::Gate;
use crate::ffi::interface::Interface;
use crate::ffi::refusal::Refusal;
use crate::ffi::{Main, text};
use crate::{COMMIT, VERSION, VPP_VERSION};

/// `show flowmeter [interfaces|exporter|statistics|memory] | flows …`.
pub(crate) fn show(main: Main, words: Vec<&str>) -> Result<(), String> {
    let mut words = Words::new(words);
    state::start(main)?;
    let mut out = String::new();
    match words.next() {
        None => {
            let _ = writeln!(
                out,
                "flowmeter {VERSION} (commit {COMMIT}), built for VPP {VPP_VERSION}"
            );
            show_settings(main, &mut out)?;
            show_exporter(main, &mut out)?;
            show_interfaces(main, &mut out)?;
            show_statistics(main, &mut out);
        }
        Some("flows") => return flows::show(main, words),
        Some(word) => {
            words.end()?;
            match word {
                "interfaces" => show_interfaces(main, &mut out)?,
                "exporter" => show_exporter(main, &mut out)?,
                "statistics" => show_statistics(main, &mut out),
                "memory" => memory::show(main, &mut out)?,
                _ => {
                    return unexpected(word, "interfaces, exporter, statistics, memory or flows");
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
        Ok(())
    })
}

fn show_exporter(main: Main, out: &mut String) -> Result<(), Refusal> {
    let Accounts {
        messages, records, ..
    } = state::accounts(&mut main.barrier());
    with_control(main, |control| {
        let exporter = &control.exporter;
        match (exporter.in_effect(), exporter.setting()) {
            (Some(in_effect), _) => {
                let session = in_effect.session();
                let who = if in_effect.is_vpps() {
                    "VPP's (set ipfix exporter)"
                } else {
                    "set flowmeter exporter"
                };
                let state = match state::shared().gate() {
                    Gate::Open => "reachable",
                    Gate::Closed(_) => "UNREACHABLE: no route, or nobody there",
                };
                let _ = writeln!(
                    out,
                    "exporter: {in_effect} from {}, path MTU {}, templates every {} s; {who}; {state}",
                    session.source,
                    session.path_mtu,
                    in_effect.template_interval()
                );
            }
            (None, Some(setting)) => {
                let _ = writeln!(
                    out,
                    "exporter: {} port {}, but there is no table {}",
                    setting.collector, setting.port, setting.table
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
                "interfaces: metered in flowprobe's place; see `show flowprobe feature`"
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
        let _ = writeln!(out, "also any that comes: {pattern} {variant} {side}");
    }
}

/// What stands in live flows, by counting them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Live {
    Counted(Tally),
    /// There are more than the workers may stand still for, and packets came meanwhile.
    Moving,
}

fn show_statistics(main: Main, out: &mut String) {
    let (accounts, live) = count(main);
    let statistics = accounts.statistics;
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
    for (reason, records) in NoRoom::ALL.iter().zip(statistics.lost) {
        if records.records > 0 {
            let name = format!("    lost: {}", reason.name());
            line(&name, records.tally, Some(records.records));
        }
    }
    let tally = match live {
        Live::Counted(tally) => tally,
        Live::Moving => statistics.live(),
    };
    line("    in live flows", tally, Some(accounts.live_flows));
    let heads = format!(
        "{:<36}{:>20}{:>22}{:>14}\n",
        "", "packets", "octets", "records"
    );
    out.insert_str(out.len() - lines_of(out), &heads);
    let verdict = match live {
        Live::Counted(tally) if statistics.balanced(tally) => {
            "accounts balance: every packet and octet is accounted for"
        }
        Live::Counted(_) => "ACCOUNTS DO NOT BALANCE: please report this",
        Live::Moving => {
            "live flows not counted one by one: packets came meanwhile; the figure is what the \
             accounts leave"
        }
    };
    let _ = writeln!(out, "{verdict}");
}

/// Octets of the table that `out` ends with: from the line that begins with "observed".
fn lines_of(out: &str) -> usize {
    let start = out.rfind("observed").unwrap_or(out.len());
    out.len() - start
}

/// The accounts of all workers, and what their live flows hold. With more flows than the
/// workers may stand still for, they are counted in slices; if nothing has changed at the end,
/// the count is exact all the same.
fn count(main: Main) -> (Accounts, Live) {
    let mut counting = Counting(Tally::default());
    let (before, after) = slices::each(main, &mut counting, state::accounts);
    if before.statistics == after.statistics {
        (after, Live::Counted(counting.0))
    } else {
        (after, Live::Moving)
    }
}

/// What stands in the flows that were counted.
struct Counting(Tally);

impl Walk for Counting {
    fn look(&mut self, worker: &Worker, groups: Range<usize>) -> usize {
        let mut records = 0;
        for meter in worker.meters() {
            let counted = meter.count(groups.clone());
            self.0 += counted.tally;
            records += counted.records;
        }
        records as usize
    }
}
