// SPDX-License-Identifier: Apache-2.0
//! A thread of VPP: the main thread, numbered 0, or a worker.
//!
//! A [`Thread`] is only made on the thread that it stands for, in a hook that VPP calls, or for
//! another one while that stands still at the barrier.

use core::marker::PhantomData;

use vpp_sys::vlib_main_t;

/// The thread that runs this.
#[derive(Clone, Copy)]
pub(crate) struct Thread {
    vm: *mut vlib_main_t,
    /// Not to be handed to another thread.
    _here: PhantomData<*const ()>,
}

impl Thread {
    /// The thread that VPP calls us on.
    ///
    /// # Safety
    /// `vm` is the `vlib_main_t` that VPP gave the function that it called on this thread.
    #[inline(always)]
    pub(crate) unsafe fn new(vm: *mut vlib_main_t) -> Self {
        Self {
            vm,
            _here: PhantomData,
        }
    }

    /// VPP's own, for calls into it.
    #[inline(always)]
    pub(super) fn vm(self) -> *mut vlib_main_t {
        self.vm
    }

    /// Its number.
    #[inline]
    pub(crate) fn index(self) -> u16 {
        // SAFETY: `vm` is this thread's.
        unsafe { vpp_sys::vpp_shim_thread_index(self.vm) }
    }

    /// Whether it is the main thread.
    pub(crate) fn is_main(self) -> bool {
        self.index() == 0
    }

    /// Milliseconds since VPP's start, as its main loop last read the clock; reads none.
    #[inline]
    pub(crate) fn milliseconds(self) -> u64 {
        // SAFETY: `vm` is this thread's.
        let seconds = unsafe { vpp_sys::vpp_shim_time_of_loop(self.vm) };
        (seconds * 1000.0) as u64
    }

    /// The processor's clock, for how long a node has worked.
    pub(crate) fn clocks(self) -> u64 {
        // SAFETY: reads a register.
        unsafe { vpp_sys::vpp_shim_cpu_time_now() }
    }

    /// How many clocks a microsecond has.
    pub(crate) fn clocks_per_microsecond(self) -> f64 {
        // SAFETY: `vm` is this thread's.
        unsafe { vpp_sys::vpp_shim_clocks_per_second(self.vm) / 1e6 }
    }

    /// Has an input node run once more on this thread.
    pub(crate) fn interrupt(self, node: u32) {
        // SAFETY: `vm` is this thread's and `node` one of VPP's nodes.
        unsafe { vpp_sys::vpp_shim_node_interrupt(self.vm, node) }
    }

    /// Has an input node run once more on all threads.
    pub(crate) fn interrupt_all(self, node: u32) {
        for index in 0..count() {
            interrupt(index, node);
        }
    }

    /// Counts `n` on one of a node's error counters.
    #[inline]
    pub(crate) fn count(self, node: u32, counter: u32, n: u64) {
        // SAFETY: `vm` is this thread's, and the node has this counter.
        unsafe { vpp_sys::vpp_shim_node_increment(self.vm, node, counter, n) }
    }
}

/// Has an input node run once more on the thread of this number, if there is one.
pub(super) fn interrupt(index: usize, node: u32) {
    if index < count() {
        // SAFETY: threads are there from start to end, and the interrupt is set atomically.
        let vm = unsafe { vpp_sys::vpp_shim_main(index as u16) };
        // SAFETY: as above; `node` is one of VPP's nodes.
        unsafe { vpp_sys::vpp_shim_node_interrupt(vm, node) }
    }
}

/// How many threads there are, the main thread among them.
pub(crate) fn count() -> usize {
    // SAFETY: reads what VPP sets before it calls any plugin.
    unsafe { vpp_sys::vpp_shim_n_threads() as usize }
}
