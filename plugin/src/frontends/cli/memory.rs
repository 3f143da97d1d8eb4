// SPDX-License-Identifier: Apache-2.0
//! `show flowmeter memory`.

use core::fmt::Write;

use crate::control::fullness::{self, TableUsage};
use crate::control::inspection;
use crate::control::memory::Size;
use crate::ffi::Main;
use crate::ffi::placement::Placement;
use crate::ffi::refusal::Refusal;

pub(super) fn show(main: Main, out: &mut String) -> Result<(), Refusal> {
    let placement = Placement::of_threads(main);
    let node = |thread| {
        placement
            .node(thread)
            .map_or("-".to_owned(), |node| node.to_string())
    };
    let _ = writeln!(
        out,
        "{:<8}{:<6}{:<10}{:>10}{:>12}{:>6}{:>10}  {:<18}{:>10}{:>12}",
        "Thread",
        "NUMA",
        "Flows",
        "Live",
        "Capacity",
        "Load",
        "Memory",
        "Pages",
        "Evicted",
        "Enough"
    );
    let mut total = 0;
    for table in fullness::usages_now(main)? {
        let TableUsage {
            thread,
            family,
            usage,
        } = table;
        let octets = family.octets_for(usage.capacity) as u64;
        total += octets;
        let (evicted, enough) = if usage.evicted > 0 {
            (usage.evicted.to_string(), usage.enough.to_string())
        } else {
            ("0".to_owned(), "-".to_owned())
        };
        let _ = writeln!(
            out,
            "{thread:<8}{:<6}{:<10}{:>10}{:>12}{:>6}{:>10}  {:<18}{evicted:>10}{enough:>12}",
            node(thread),
            family.name(),
            usage.live,
            usage.capacity,
            percent(usage.live, usage.capacity),
            Size(octets),
            usage.pages.name(),
        );
    }
    for (thread, seen) in inspection::snapshots(main)?.iter().enumerate() {
        if seen.recorded_room == 0 {
            continue;
        }
        let [live, room] = [seen.recorded_flows, seen.recorded_room].map(|n| n as usize);
        total += seen.recorded_octets;
        let _ = writeln!(
            out,
            "{thread:<8}{:<6}{:<10}{live:>10}{room:>12}{:>6}{:>10}",
            node(thread),
            "recorded",
            percent(live, room),
            Size(seen.recorded_octets),
        );
    }
    let _ = writeln!(out, "total: {}", Size(total));
    Ok(())
}

fn percent(live: usize, capacity: usize) -> String {
    format!("{}%", (live * 100).checked_div(capacity).unwrap_or(0))
}
