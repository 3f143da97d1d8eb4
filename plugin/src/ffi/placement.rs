// SPDX-License-Identifier: Apache-2.0
//! Where VPP's threads run, and where a thread of our own is to run and to take its memory: on the
//! NUMA node of one of them, but on none of their CPUs while there are others.
//!
//! All of it is best effort: where the system refuses something, the thread goes on without.

use core::ptr;
use std::fs;

use super::{Main, thread};

/// How much more readily others run, as `nice` counts it: little, or it takes for ever where VPP's
/// threads poll on every CPU that there is.
const NICE: libc::c_int = 2;

/// CPUs by number.
type Cpus = Vec<usize>;

/// See the file.
#[derive(Clone)]
pub(crate) struct Placement {
    /// Those that VPP's threads are pinned to.
    pinned: Cpus,
    /// Each thread's NUMA node, if it is known.
    nodes: Vec<Option<u32>>,
}

impl Placement {
    /// The placement of VPP's threads.
    pub(crate) fn of_threads(_main: Main) -> Self {
        // SAFETY: reads what VPP sets before it calls any plugin.
        let placed = unsafe { vpp_sys::vpp_shim_n_placed_threads() };
        let cpus = (0..placed).map(|index| {
            // SAFETY: there are so many, and they stay.
            unsafe { vpp_sys::vpp_shim_thread_cpu(index) }
        });
        let nodes = (0..thread::count() as u32).map(|index| {
            // SAFETY: VPP has placed each thread that has a `vlib_main_t`.
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

    /// The NUMA node of a thread of VPP's.
    pub(crate) fn node(&self, thread: usize) -> Option<u32> {
        self.nodes.get(thread).copied().flatten()
    }

    /// The calling thread, which is one of our own, works for a thread of VPP's from now on.
    pub(crate) fn work_for(&self, thread: usize) {
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

/// Takes from the calling thread, which is one of our own, what it has from the thread of VPP's that
/// made it: its scheduling class, and its signals.
pub(crate) fn step_back() {
    // SAFETY: all zeros are a priority of 0, which is the only one of this class.
    let parameter: libc::sched_param = unsafe { core::mem::zeroed() };
    // SAFETY: 0 is the calling thread; `parameter` lives.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const parameter) };
    // SAFETY: changes the calling thread alone, in Linux.
    unsafe { libc::nice(NICE) };
    // SAFETY: all zeros are a set of signals.
    let mut all: libc::sigset_t = unsafe { core::mem::zeroed() };
    // SAFETY: `all` lives and is ours.
    unsafe { libc::sigfillset(&raw mut all) };
    // SAFETY: as above; what was blocked before is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, ptr::null_mut()) };
}

/// The CPUs that the system allows the calling thread, which may then run on all of them.
fn allowed_cpus() -> Cpus {
    // Linux takes of a set what a cpuset allows, and refuses only one without any of these.
    set_cpus(0..libc::CPU_SETSIZE as usize);
    // SAFETY: all zeros are a set of CPUs.
    let mut set: libc::cpu_set_t = unsafe { core::mem::zeroed() };
    // SAFETY: `set` is so large, and 0 is the calling thread.
    let failed = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
    if failed != 0 {
        return Cpus::new();
    }
    let cpus = 0..libc::CPU_SETSIZE as usize;
    // SAFETY: each is below the size of the set.
    cpus.filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) })
        .collect()
}

/// Has the calling thread run on these CPUs.
fn set_cpus(cpus: impl Iterator<Item = usize>) {
    // SAFETY: all zeros are a set of CPUs.
    let mut set: libc::cpu_set_t = unsafe { core::mem::zeroed() };
    for cpu in cpus.filter(|cpu| *cpu < libc::CPU_SETSIZE as usize) {
        // SAFETY: it is below the size of the set.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    // SAFETY: `set` is so large, and 0 is the calling thread.
    unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
}

/// Has the calling thread take memory of this node while there is some.
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
    // SAFETY: `mask` has so many bits but one, as Linux counts them, and the policy is the calling
    // thread's alone.
    unsafe { libc::syscall(libc::SYS_set_mempolicy, mode, &raw const mask, maximum) };
}

/// The CPUs of a NUMA node.
fn cpus_of_node(node: u32) -> Cpus {
    let path = format!("/sys/devices/system/node/node{node}/cpulist");
    let list = fs::read_to_string(path).unwrap_or_default();
    // As in "0-3,8-11".
    let ranges = list.trim().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse::<usize>().ok()?..=last.parse::<usize>().ok()?)
    });
    ranges.flatten().collect()
}
