// SPDX-License-Identifier: Apache-2.0
//! The registered features, before VPP orders them.

use core::ffi::{CStr, c_char, c_void};

use super::Main;

/// The features of one feature arc.
#[derive(Default)]
pub(crate) struct Features {
    names: Vec<&'static CStr>,
    /// Pairs (earlier, later), from the `runs_before` and `runs_after` of all features.
    pairs: Vec<(&'static CStr, &'static CStr)>,
}

impl Features {
    /// Returns the features of `arc`.
    pub(crate) fn of(_main: Main, arc: &'static CStr) -> Self {
        unsafe extern "C" fn each(context: *mut c_void, name: *const c_char, later: *const c_char) {
            // SAFETY: `context` is `features` below, which nothing else refers to now.
            let features = unsafe { &mut *context.cast::<Features>() };
            // SAFETY: a registration's name, which exists for as long as its plugin.
            let name = unsafe { CStr::from_ptr(name) };
            if later.is_null() {
                features.names.push(name);
            } else {
                // SAFETY: likewise.
                features
                    .pairs
                    .push((name, unsafe { CStr::from_ptr(later) }));
            }
        }
        let mut features = Self::default();
        let context: *mut Self = &raw mut features;
        // SAFETY: `each` is called with this context, and never after this call.
        unsafe { vpp_sys::vpp_shim_features(arc.as_ptr(), Some(each), context.cast()) };
        features
    }

    /// The names of all features.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static CStr> {
        self.names.iter().copied()
    }

    /// Pairs (earlier, later). They may name features that are not registered.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&'static CStr, &'static CStr)> {
        self.pairs.iter().copied()
    }
}
