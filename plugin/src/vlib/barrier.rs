// SPDX-License-Identifier: Apache-2.0
//! Workers standing still.

use super::{Main, Thread};

/// While it lives, no worker runs: each waits between two rounds of its main loop.
///
/// Barriers nest, as VPP's do. Never suspend a process while holding one.
pub(crate) struct Barrier(Main);

impl Barrier {
    pub(super) fn sync(main: Main) -> Self {
        // SAFETY: `vm` is the main thread's.
        unsafe { vpp_sys::vpp_shim_barrier_sync(main.thread().vm()) };
        Self(main)
    }

    /// The main thread.
    pub(crate) fn main(&self) -> Main {
        self.0
    }
}

impl Drop for Barrier {
    fn drop(&mut self) {
        let thread: Thread = self.0.thread();
        // SAFETY: `vm` is the main thread's, and this barrier is held.
        unsafe { vpp_sys::vpp_shim_barrier_release(thread.vm()) };
    }
}
