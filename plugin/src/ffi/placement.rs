// SPDX-License-Identifier: Apache-2.0
//! CPUs and NUMA nodes of VPP's threads, and the placement of the plugin's own threads: on the NUMA
//! node of one of VPP's threads, but on none of their CPUs if there are others.
//!
//! Placement is best effort: errors of the system are ignored.

use core::ptr;
use std::fs;

use super::{Main, thread};

/// The nice value of the plugin's threads. With a higher one they would make hardly any progress
/// where VPP's threads poll on every CPU.
const NICE: libc::c_int = 2;

/// CPU numbers.
type Cpus = Vec<usize>;

/// Where VPP's threads run.
#[derive(Clone)]
pub(crate) struct Placement {
    /// The CPUs that VPP's threads are pinned to.
    pinned: Cpus,
    /// The NUMA node of each thread, if known.
    nodes: Vec<Option<u32>>,
}

impl Placement {
    /// Reads the placement of VPP's threads.
    pub(crate) fn of_threads(_main: Main) -> Self {
        // SAFETY: reads what VPP sets before it calls any plugin.
        let placed = unsafe { vpp_sys::vpp_shim_n_placed_threads() };
        let cpus = (0..placed).map(|index| {
            // SAFETY: `index` is below their number, which never changes.
            unsafe { vpp_sys::vpp_shim_thread_cpu(index) }
        });
        let nodes = (0..thread::count() as u32).map(|index| {
            // SAFETY: VPP knows the placement of each thread that has a `vlib_main_t`.
            unsafe { vpp_sys::vpp_shim_thread_numa_node(index) }
        });
        Self {
            pinned: cpus.filter_map(|cpu| usize::try_from(cpu).ok()).collect(),
            nodes: nodes.map(|node| u32::try_from(node).ok()).collect(),
        }
    }

    /// How many threads there are.
    pub(crate) fn threads(&self) -> usize {
        self.nodes.len()
    }

    /// The NUMA node of one of VPP's threads.
    pub(crate) fn node(&self, thread: usize) -> Option<u32> {
        self.nodes.get(thread).copied().flatten()
    }

    /// Moves the calling thread, one of the plugin's own, to the NUMA node of one of VPP's threads.
    pub(crate) fn move_near(&self, thread: usize) {
        let node = self.node(thread);
        let allowed = allowed_cpus();
        let free = |cpu: &usize| !self.pinned.contains(cpu);
        let near = node.map(cpus_of_node).unwrap_or_default();
        let choices = [
            allowed
                .iter()
                .copied()
                .filter(|cpu| free(cpu) && near.contains(cpu))
                .collect::<Cpus>(),
            allowed.iter().copied().filter(free).collect(),
        ];
        if let Some(cpus) = choices.iter().find(|cpus| !cpus.is_empty()) {
            set_cpus(cpus.iter().copied());
        }
        prefer_memory_of(node);
    }
}

/// Makes the calling thread, one of the plugin's own, a background thread: it gets a normal
/// scheduling class and a low priority, and handles no signals.
pub(crate) fn become_background_thread() {
    // SAFETY: all zeros are priority 0, the only one of this class.
    let parameter: libc::sched_param = unsafe { core::mem::zeroed() };
    // SAFETY: 0 is the calling thread; `parameter` is a valid pointer.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const parameter) };
    // SAFETY: on Linux, this changes only the calling thread.
    unsafe { libc::nice(NICE) };
    // SAFETY: all zeros are a valid set of signals.
    let mut all: libc::sigset_t = unsafe { core::mem::zeroed() };
    // SAFETY: `all` is a valid pointer.
    unsafe { libc::sigfillset(&raw mut all) };
    // SAFETY: as above; null means that the old set is not returned.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, ptr::null_mut()) };
}

/// Allows the calling thread all CPUs that the system permits, and returns them.
fn allowed_cpus() -> Cpus {
    // Linux ignores CPUs that the cpuset does not permit, unless none is left.
    set_cpus(0..libc::CPU_SETSIZE as usize);
    // SAFETY: all zeros are a valid set of CPUs.
    let mut set: libc::cpu_set_t = unsafe { core::mem::zeroed() };
    // SAFETY: the size is that of `set`, and 0 is the calling thread.
    let failed = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
    if failed != 0 {
        return Cpus::new();
    }
    let cpus = 0..libc::CPU_SETSIZE as usize;
    // SAFETY: each CPU number is below the size of the set.
    cpus.filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) })
        .collect()
}

/// Sets the CPUs of the calling thread.
fn set_cpus(cpus: impl Iterator<Item = usize>) {
    // SAFETY: all zeros are a valid set of CPUs.
    let mut set: libc::cpu_set_t = unsafe { core::mem::zeroed() };
    for cpu in cpus.filter(|cpu| *cpu < libc::CPU_SETSIZE as usize) {
        // SAFETY: the CPU number is below the size of the set.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    // SAFETY: the size is that of `set`, and 0 is the calling thread.
    unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
}

/// Makes the calling thread allocate memory from this node while it has some.
fn prefer_memory_of(node: Option<u32>) {
    const BITS: u32 = libc::c_ulong::BITS;
    let nodes = node.filter(|node| *node < BITS).map(|node| 1 << node);
    let mask: libc::c_ulong = nodes.unwrap_or(0);
    let mode = if mask == 0 {
        libc::MPOL_DEFAULT
    } else {
        libc::MPOL_PREFERRED
    };
    let maximum = libc::c_ulong::from(BITS) + 1;
    // SAFETY: `mask` has `maximum - 1` bits, as Linux counts them; only the calling thread's policy
    // changes.
    unsafe { libc::syscall(libc::SYS_set_mempolicy, mode, &raw const mask, maximum) };
}

/// The CPUs of a NUMA node.
fn cpus_of_node(node: u32) -> Cpus {
    let path = format!("/sys/devices/system/node/node{node}/cpulist");
    let list = fs::read_to_string(path).unwrap_or_default();
    // For example "0-3,8-11".
    let ranges = list.trim().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?)
    });
    ranges.flatten().collect()
}
