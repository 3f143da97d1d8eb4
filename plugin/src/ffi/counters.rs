// SPDX-License-Identifier: Apache-2.0
//! Counters and gauges in VPP's statistics segment.
//!
//! A counter has a value for each thread, which that thread sets. A gauge has one value, which the
//! main thread sets: VPP moves gauges when others are added.

use core::ffi::CStr;

use vpp_sys::{vlib_combined_counter_main_t, vlib_counter_t, vlib_simple_counter_main_t};

use super::{Main, Thread};

/// A number for each thread.
pub(crate) struct Simple(vlib_simple_counter_main_t);

// SAFETY: VPP's vectors behind it never move after `new`, and each thread writes only its own.
unsafe impl Sync for Simple {}
// SAFETY: as above; nothing in it belongs to a thread.
unsafe impl Send for Simple {}

impl Simple {
    /// Adds a counter of this path. It stays until VPP ends.
    pub(crate) fn new(_main: Main, path: &str) -> Self {
        let path = leak(path);
        // SAFETY: all zeros are what VPP takes for a collection that is to be set up.
        let mut counter: vlib_simple_counter_main_t = unsafe { core::mem::zeroed() };
        counter.name = path.as_ptr().cast_mut();
        counter.stat_segment_name = path.as_ptr().cast_mut();
        // SAFETY: the names live for ever, and this is the main thread.
        unsafe { vpp_sys::vlib_validate_simple_counter(&raw mut counter, 0) };
        Self(counter)
    }

    /// Sets one thread's value.
    #[inline]
    pub(crate) fn set(&self, thread: Thread, value: u64) {
        // SAFETY: there is a vector for each thread.
        let values = unsafe { self.0.counters.add(usize::from(thread.index())) };
        // SAFETY: as above.
        let values = unsafe { *values };
        // SAFETY: each has one counter, which only this thread writes, or the main thread for it.
        unsafe { values.write_volatile(value) };
    }
}

/// Packets and octets for each thread.
pub(crate) struct Combined(vlib_combined_counter_main_t);

// SAFETY: as of `Simple`.
unsafe impl Sync for Combined {}
// SAFETY: as of `Simple`.
unsafe impl Send for Combined {}

impl Combined {
    /// Adds a counter of this path. It stays until VPP ends.
    pub(crate) fn new(_main: Main, path: &str) -> Self {
        let path = leak(path);
        // SAFETY: all zeros are what VPP takes for a collection that is to be set up.
        let mut counter: vlib_combined_counter_main_t = unsafe { core::mem::zeroed() };
        counter.name = path.as_ptr().cast_mut();
        counter.stat_segment_name = path.as_ptr().cast_mut();
        // SAFETY: the names live for ever, and this is the main thread.
        unsafe { vpp_sys::vlib_validate_combined_counter(&raw mut counter, 0) };
        Self(counter)
    }

    /// Sets one thread's values.
    #[inline]
    pub(crate) fn set(&self, thread: Thread, packets: u64, octets: u64) {
        // SAFETY: there is a vector for each thread.
        let values = unsafe { self.0.counters.add(usize::from(thread.index())) };
        // SAFETY: as above.
        let values = unsafe { *values };
        let value = vlib_counter_t {
            packets,
            bytes: octets,
        };
        // SAFETY: each has one counter, which only this thread writes, or the main thread for it.
        unsafe { values.write_volatile(value) };
    }
}

/// One number.
pub(crate) struct Gauge(u32);

impl Gauge {
    /// Adds a gauge of this path. It stays until VPP ends.
    pub(crate) fn new(_main: Main, path: &str) -> Self {
        // SAFETY: this is the main thread, and VPP copies the name.
        Self(unsafe { vpp_sys::vpp_shim_gauge_add(leak(path).as_ptr()) })
    }

    /// Sets it.
    pub(crate) fn set(&self, _main: Main, value: u64) {
        // SAFETY: this is the main thread, which alone adds gauges.
        unsafe { vpp_sys::vpp_shim_gauge_set(self.0, value) };
    }
}

/// A path that lives as long as VPP.
fn leak(path: &str) -> &'static CStr {
    let path = std::ffi::CString::new(path).unwrap_or_else(|_| c"flowmeter".into());
    Box::leak(path.into_boxed_c_str())
}
