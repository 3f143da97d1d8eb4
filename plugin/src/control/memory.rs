// SPDX-License-Identifier: Apache-2.0
//! The memory that is free for tables. Tables that would not fit are refused, because a VPP that
//! takes too much memory is killed.

use core::fmt::{self, Display, Formatter};
use std::fs;
use std::path::{Path, PathBuf};

/// One part in `MARGIN` of each limit is left to VPP and other processes.
const MARGIN: u64 = 16;

const HUGE_PAGE: u64 = 2 << 20;
const HUGE_PAGES: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB";
const CGROUPS: &str = "/sys/fs/cgroup";

/// Octets that are free for tables: the least that is free in this machine and in each control
/// group of this process, less a margin; or the free reserved huge pages, if that is more.
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

/// A memory limit and the memory in use.
#[derive(Clone, Copy, Debug)]
struct Space {
    limit: u64,
    used: u64,
}

impl Space {
    /// The free memory, on a machine with `total` octets.
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

/// The control groups of this process that limit memory, of version 1 or 2.
fn groups() -> Vec<Space> {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut spaces = Vec::new();
    // For example "0::/system.slice/vpp.service" and "4:memory:/docker/1f2e".
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
        // In a container, only the root may be visible.
        let below = Path::new(path.trim_start_matches('/'));
        let around = below.ancestors().map(|group| root.join(group));
        spaces.extend(around.filter_map(|group| names.space(&group)));
    }
    spaces
}

/// The names of a control group's memory files.
struct Names {
    limit: &'static str,
    usage: &'static str,
    /// The field in `memory.stat` of the page cache that can be reclaimed.
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
    /// The limit and usage of a group; `None` if it has no limit.
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

/// Octets in free reserved huge pages.
fn huge_pages() -> u64 {
    let count = |name| number(&PathBuf::from(HUGE_PAGES).join(name)).unwrap_or(0);
    let free = count("free_hugepages").saturating_sub(count("resv_hugepages"));
    free * HUGE_PAGE
}

/// Reads a number from a file.
fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The number after a name at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().map(str::split_whitespace);
    lines.find_map(|mut words| (words.next() == Some(name)).then(|| words.next()?.parse().ok()))?
}

/// Octets in VPP's format for memory sizes.
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
