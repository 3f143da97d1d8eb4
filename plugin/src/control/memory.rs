// SPDX-License-Identifier: Apache-2.0
//! What memory there is for tables, so that more is never asked for than would fit: a VPP that takes
//! too much is killed.

use core::fmt::{self, Display, Formatter};
use std::fs;
use std::path::{Path, PathBuf};

/// What part of a limit is left to VPP and others.
const MARGIN: u64 = 16;

const HUGE_PAGE: u64 = 2 << 20;
const HUGE_PAGES: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB";
const CGROUPS: &str = "/sys/fs/cgroup";

/// Octets that are free for tables: what this machine and each control group around this process
/// have, but for a margin; or in reserved huge pages, where more of them are free.
pub(super) fn free() -> u64 {
    let machine = machine();
    let total = machine.map_or(u64::MAX, |machine| machine.limit);
    let of_groups = groups().into_iter();
    let usual = machine
        .into_iter()
        .chain(of_groups)
        .map(|space| space.free(total))
        .min();
    usual.unwrap_or(u64::MAX).max(huge_pages())
}

/// A limit of memory, and what stands against it.
#[derive(Clone, Copy, Debug)]
struct Space {
    limit: u64,
    used: u64,
}

impl Space {
    /// What is free of it, where the machine has `total`.
    fn free(self, total: u64) -> u64 {
        let limit = self.limit.min(total);
        (limit - limit / MARGIN).saturating_sub(self.used)
    }
}

fn machine() -> Option<Space> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let octets = |name| Some(field(&text, name)? * 1024);
    let limit = octets("MemTotal:")?;
    Some(Space {
        limit,
        used: limit.saturating_sub(octets("MemAvailable:")?),
    })
}

/// The control groups around this process that limit memory, of either version.
fn groups() -> Vec<Space> {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut spaces = Vec::new();
    // As in "0::/system.slice/vpp.service" and "4:memory:/docker/1f2e".
    for line in text.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (root, names) = if controllers.is_empty() {
            (Path::new(CGROUPS).to_owned(), &VERSION_2)
        } else if controllers.split(',').any(|name| name == "memory") {
            (Path::new(CGROUPS).join("memory"), &VERSION_1)
        } else {
            continue;
        };
        // Inside a container it may be that only the root of all can be seen.
        let below = Path::new(path.trim_start_matches('/'));
        let around = below.ancestors().map(|group| root.join(group));
        spaces.extend(around.filter_map(|group| names.space(&group)));
    }
    spaces
}

/// The files of a control group that tell of its memory.
struct Names {
    limit: &'static str,
    usage: &'static str,
    /// In `memory.stat`: files that were read once, which make room for whatever needs it.
    inactive: &'static str,
}

const VERSION_1: Names = Names {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    inactive: "total_inactive_file",
};

const VERSION_2: Names = Names {
    limit: "memory.max",
    usage: "memory.current",
    inactive: "inactive_file",
};

impl Names {
    /// The space of a group; `None` where it has no limit.
    fn space(&self, group: &Path) -> Option<Space> {
        let limit = number(&group.join(self.limit))?;
        let usage = number(&group.join(self.usage))?;
        let statistics = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
        let inactive = field(&statistics, self.inactive).unwrap_or(0);
        Some(Space {
            limit,
            used: usage.saturating_sub(inactive),
        })
    }
}

/// Octets in reserved huge pages that are free.
fn huge_pages() -> u64 {
    let count = |name| number(&PathBuf::from(HUGE_PAGES).join(name)).unwrap_or(0);
    let free = count("free_hugepages").saturating_sub(count("resv_hugepages"));
    free * HUGE_PAGE
}

/// The number that a file has.
fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The number behind a name at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().map(str::split_whitespace);
    lines.find_map(|mut words| (words.next() == Some(name)).then(|| words.next()?.parse().ok()))?
}

/// Octets, as VPP shows sizes of memory.
pub(crate) struct Size(pub(crate) u64);

impl Display for Size {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (shift, unit) = match self.0 {
            0..0x400 => (0, ""),
            0x400..0x10_0000 => (10, "k"),
            0x10_0000..0x4000_0000 => (20, "m"),
            _ => (30, "g"),
        };
        let whole = 1 << shift;
        let text = if self.0.is_multiple_of(whole) {
            format!("{}{unit}", self.0 / whole)
        } else {
            format!("{:.2}{unit}", self.0 as f64 / whole as f64)
        };
        f.pad(&text)
    }
}
