// SPDX-License-Identifier: Apache-2.0
//! Counters in VPP's statistics segment, one value for each thread.

use core::ffi::CStr;

use super::{Main, Thread};

/// One counter, which each thread sets its own value of.
pub(crate) struct Counter(vpp_sys::vlib_simple_counter_main_t);

// SAFETY: VPP's vectors behind it never move after `new`, and each thread writes only its own.
unsafe impl Sync for Counter {}
// SAFETY: as above; nothing in it belongs to a thread.
unsafe impl Send for Counter {}

impl Counter {
    /// Adds a counter of this path. It stays until VPP ends.
    pub(crate) fn new(_main: Main, path: &str) -> Self {
        let path = std::ffi::CString::new(path).unwrap_or_else(|_| c"flowmeter".into());
        let path: &'static CStr = Box::leak(path.into_boxed_c_str());
        // SAFETY: all zeros are what VPP takes for a collection that is to be set up.
        let mut counter: vpp_sys::vlib_simple_counter_main_t = unsafe { core::mem::zeroed() };
        counter.name = path.as_ptr().cast_mut();
        counter.stat_segment_name = path.as_ptr().cast_mut();
        // SAFETY: the names live for ever, and this is the main thread.
        unsafe { vpp_sys::vlib_validate_simple_counter(&raw mut counter, 0) };
        Self(counter)
    }

    /// Sets the value of `thread`.
    #[inline]
    pub(crate) fn set(&self, thread: Thread, value: u64) {
        // SAFETY: there is a vector for each thread.
        let values = unsafe { self.0.counters.add(usize::from(thread.index())) };
        // SAFETY: as above.
        let values = unsafe { *values };
        // SAFETY: each has one counter, which only this thread writes.
        unsafe { values.write_volatile(value) };
    }
}
