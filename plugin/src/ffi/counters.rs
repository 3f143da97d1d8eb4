// SPDX-License-Identifier: Apache-2.0
//! Counters and gauges in VPP's statistics segment.
//!
//! A counter has a value for each thread, which that thread sets. A gauge has one value, which the
//! main thread sets: VPP moves gauges when others are added.

use core::ffi::CStr;

use vpp_sys::{vlib_combined_counter_main_t, vlib_counter_t, vlib_simple_counter_main_t};

use super::{Main, Thread};

/// A counter with one number for each thread.
pub(crate) struct Simple(vlib_simple_counter_main_t);

// SAFETY: VPP's vectors never move after `new`, and each thread writes only its own.
unsafe impl Sync for Simple {}
// SAFETY: as above; nothing in it is bound to a thread.
unsafe impl Send for Simple {}

impl Simple {
    /// Adds a counter with this path. It exists until VPP exits.
    pub(crate) fn new(_main: Main, path: &str) -> Self {
        let path = leak(path);
        // SAFETY: all zeros are a valid value, and the one that VPP initializes.
        let mut counter: vlib_simple_counter_main_t = unsafe { core::mem::zeroed() };
        counter.name = path.as_ptr().cast_mut();
        counter.stat_segment_name = path.as_ptr().cast_mut();
        // SAFETY: the names are never freed, and this is the main thread.
        unsafe { vpp_sys::vlib_validate_simple_counter(&raw mut counter, 0) };
        Self(counter)
    }

    /// Sets one thread's value.
    #[inline]
    pub(crate) fn set(&self, thread: Thread, value: u64) {
        // SAFETY: VPP has one vector for each thread.
        let values = unsafe { self.0.counters.add(usize::from(thread.index())) };
        // SAFETY: as above.
        let values = unsafe { *values };
        // SAFETY: each vector has one counter, written by this thread or, while it is stopped, for
        // it.
        unsafe { values.write_volatile(value) };
    }
}

/// A counter with packets and octets for each thread.
pub(crate) struct Combined(vlib_combined_counter_main_t);

// SAFETY: as for `Simple`.
unsafe impl Sync for Combined {}
// SAFETY: as for `Simple`.
unsafe impl Send for Combined {}

impl Combined {
    /// Adds a counter with this path. It exists until VPP exits.
    pub(crate) fn new(_main: Main, path: &str) -> Self {
        let path = leak(path);
        // SAFETY: all zeros are a valid value, and the one that VPP initializes.
        let mut counter: vlib_combined_counter_main_t = unsafe { core::mem::zeroed() };
        counter.name = path.as_ptr().cast_mut();
        counter.stat_segment_name = path.as_ptr().cast_mut();
        // SAFETY: the names are never freed, and this is the main thread.
        unsafe { vpp_sys::vlib_validate_combined_counter(&raw mut counter, 0) };
        Self(counter)
    }

    /// Sets one thread's values.
    #[inline]
    pub(crate) fn set(&self, thread: Thread, packets: u64, octets: u64) {
        // SAFETY: VPP has one vector for each thread.
        let values = unsafe { self.0.counters.add(usize::from(thread.index())) };
        // SAFETY: as above.
        let values = unsafe { *values };
        let value = vlib_counter_t {
            packets,
            bytes: octets,
        };
        // SAFETY: each vector has one counter, written by this thread or, while it is stopped, for
        // it.
        unsafe { values.write_volatile(value) };
    }
}

/// A gauge with one number.
pub(crate) struct Gauge(u32);

impl Gauge {
    /// Adds a gauge with this path. It exists until VPP exits.
    pub(crate) fn new(_main: Main, path: &str) -> Self {
        // SAFETY: this is the main thread, and VPP copies the name.
        Self(unsafe { vpp_sys::vpp_shim_gauge_add(leak(path).as_ptr()) })
    }

    /// Sets the number.
    pub(crate) fn set(&self, _main: Main, value: u64) {
        // SAFETY: this is the main thread, and only the main thread adds gauges.
        unsafe { vpp_sys::vpp_shim_gauge_set(self.0, value) };
    }
}

/// A path that is never freed.
fn leak(path: &str) -> &'static CStr {
    let path = std::ffi::CString::new(path).unwrap_or_else(|_| c"flowmeter".into());
    Box::leak(path.into_boxed_c_str())
}
