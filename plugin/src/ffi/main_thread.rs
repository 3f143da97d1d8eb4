// SPDX-License-Identifier: Apache-2.0
//! What only the main thread may do: take the barrier, suspend and signal processes.

use core::ffi::CStr;

use super::{Barrier, Thread, thread};

/// Proof that this is the main thread.
#[derive(Clone, Copy)]
pub(crate) struct Main(Thread);

impl Main {
    /// The main thread.
    ///
    /// # Safety
    /// As for [`Thread::new`], and the thread is VPP's main thread.
    pub(crate) unsafe fn new(vm: *mut vpp_sys::vlib_main_t) -> Self {
        // SAFETY: as the caller promises.
        Self(unsafe { Thread::new(vm) })
    }

    /// The main thread, in a hook that gets no `vlib_main_t`.
    ///
    /// # Safety
    /// The caller is VPP's main thread.
    pub(crate) unsafe fn current() -> Self {
        // SAFETY: the main thread is number 0.
        let vm = unsafe { vpp_sys::vpp_shim_main(0) };
        // SAFETY: as the caller promises.
        unsafe { Self::new(vm) }
    }

    /// The main thread as a thread.
    pub(crate) fn thread(self) -> Thread {
        self.0
    }

    /// Stops the workers until the barrier is dropped.
    pub(crate) fn barrier(self) -> Barrier {
        Barrier::sync(self)
    }

    /// The index of the node with this name.
    pub(crate) fn node(self, name: &CStr) -> Option<u32> {
        // SAFETY: `vm` is the main thread's, the name ends with a zero.
        let index = unsafe { vpp_sys::vpp_shim_node_index(self.0.vm(), name.as_ptr()) };
        (index != u32::MAX).then_some(index)
    }

    /// Suspends this process for `seconds`, or until it is signalled.
    pub(crate) fn wait(self, seconds: f64) {
        // SAFETY: the caller is a process, and holds no borrow that others need meanwhile.
        unsafe { vpp_sys::vpp_shim_process_wait(self.0.vm(), seconds) }
    }

    /// Whether the caller is a process and the barrier is not held.
    pub(crate) fn may_suspend(self) -> bool {
        // SAFETY: `vm` is the main thread's.
        unsafe { vpp_sys::vpp_shim_may_suspend(self.0.vm()) != 0 }
    }

    /// Suspends this process for `seconds`. Returns `false` at once if the caller may not suspend.
    #[must_use]
    pub(crate) fn suspend(self, seconds: f64) -> bool {
        let may = self.may_suspend();
        if may {
            // SAFETY: as in `wait`.
            unsafe { vpp_sys::vpp_shim_process_suspend(self.0.vm(), seconds) };
        }
        may
    }

    /// Interrupts an input node on the thread with this index.
    pub(crate) fn interrupt(self, thread: usize, node: u32) {
        thread::interrupt(thread, node);
    }

    /// Signals a process.
    pub(crate) fn signal(self, node: u32) {
        // SAFETY: `vm` is the main thread's, the node a process.
        unsafe { vpp_sys::vpp_shim_process_signal(self.0.vm(), node) }
    }

    /// How often the process that sends VPP's own IPFIX messages has been suspended.
    pub(crate) fn flow_report_sleeps(self) -> u32 {
        // SAFETY: VPP has this node from start to exit.
        let node = unsafe { vpp_sys::vpp_shim_flow_report_process() };
        // SAFETY: `vm` is the main thread's, the node a process.
        unsafe { vpp_sys::vpp_shim_process_suspends(self.0.vm(), node) }
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn unix_milliseconds(self) -> u64 {
        // SAFETY: a system call.
        unsafe { vpp_sys::vpp_shim_unix_milliseconds() }
    }

    /// Milliseconds since VPP's start; reads the clock.
    pub(crate) fn milliseconds_now(self) -> u64 {
        // SAFETY: `vm` is this thread's.
        let seconds = unsafe { vpp_sys::vpp_shim_time_now(self.0.vm()) };
        (seconds * 1000.0) as u64
    }
}
