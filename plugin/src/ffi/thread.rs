// SPDX-License-Identifier: Apache-2.0
//! A thread of VPP: the main thread, with index 0, or a worker.
//!
//! A [`Thread`] is created only on the thread that it represents, in a hook that VPP calls, or by
//! the main thread for a worker that is held at the barrier.

use core::marker::PhantomData;

use vpp_sys::vlib_main_t;

/// A handle of the thread that runs this code.
#[derive(Clone, Copy)]
pub(crate) struct Thread {
    vm: *mut vlib_main_t,
    /// Neither `Send` nor `Sync`.
    _here: PhantomData<*const ()>,
}

impl Thread {
    /// The thread of the current call from VPP.
    ///
    /// # Safety
    /// `vm` is the `vlib_main_t` that VPP passed to the function that it called on this thread.
    #[inline(always)]
    pub(crate) unsafe fn new(vm: *mut vlib_main_t) -> Self {
        Self {
            vm,
            _here: PhantomData,
        }
    }

    /// The thread's `vlib_main_t`, for calls to VPP.
    #[inline(always)]
    pub(super) fn vm(self) -> *mut vlib_main_t {
        self.vm
    }

    /// The thread's index.
    #[inline]
    pub(crate) fn index(self) -> u16 {
        // SAFETY: `vm` is this thread's.
        unsafe { vpp_sys::vpp_shim_thread_index(self.vm) }
    }

    /// Whether it is the main thread.
    pub(crate) fn is_main(self) -> bool {
        self.index() == 0
    }

    /// Milliseconds since VPP's start when its main loop last read the clock. Reads no clock.
    #[inline]
    pub(crate) fn milliseconds(self) -> u64 {
        // SAFETY: `vm` is this thread's.
        let seconds = unsafe { vpp_sys::vpp_shim_time_of_loop(self.vm) };
        (seconds * 1000.0) as u64
    }

    /// The CPU's time-stamp counter.
    pub(crate) fn clocks(self) -> u64 {
        // SAFETY: reads a register.
        unsafe { vpp_sys::vpp_shim_cpu_time_now() }
    }

    /// Clocks per microsecond.
    pub(crate) fn clocks_per_microsecond(self) -> f64 {
        // SAFETY: `vm` is this thread's.
        unsafe { vpp_sys::vpp_shim_clocks_per_second(self.vm) / 1e6 }
    }

    /// Interrupts an input node on this thread.
    pub(crate) fn interrupt(self, node: u32) {
        // SAFETY: `vm` is this thread's and `node` one of VPP's nodes.
        unsafe { vpp_sys::vpp_shim_node_interrupt(self.vm, node) }
    }

    /// Interrupts an input node on all threads.
    pub(crate) fn interrupt_all(self, node: u32) {
        for index in 0..count() {
            interrupt(index, node);
        }
    }

    /// Adds `n` to one of a node's error counters.
    #[inline]
    pub(crate) fn count(self, node: u32, counter: u32, n: u64) {
        // SAFETY: `vm` is this thread's, and the node has this counter.
        unsafe { vpp_sys::vpp_shim_node_increment(self.vm, node, counter, n) }
    }
}

/// Interrupts an input node on the thread with this index, if there is one.
pub(super) fn interrupt(index: usize, node: u32) {
    if index < count() {
        // SAFETY: threads exist from start to exit.
        let vm = unsafe { vpp_sys::vpp_shim_main(index as u16) };
        // SAFETY: as above; `node` is one of VPP's nodes, and the interrupt is set atomically.
        unsafe { vpp_sys::vpp_shim_node_interrupt(vm, node) }
    }
}

/// The number of threads, including the main thread.
pub(crate) fn count() -> usize {
    // SAFETY: reads a number that VPP sets before it calls any plugin.
    unsafe { vpp_sys::vpp_shim_n_threads() as usize }
}
