// SPDX-License-Identifier: Apache-2.0
//! The features that are registered, before VPP orders them.

use core::ffi::{CStr, c_char, c_void};

use super::Main;

/// The features of one arc.
#[derive(Default)]
pub(crate) struct Features {
    names: Vec<&'static CStr>,
    /// Which come before which, as those who registered them want it.
    pairs: Vec<(&'static CStr, &'static CStr)>,
}

impl Features {
    /// Those of `arc`.
    pub(crate) fn of(_main: Main, arc: &'static CStr) -> Self {
        unsafe extern "C" fn each(context: *mut c_void, name: *const c_char, later: *const c_char) {
            // SAFETY: the features below, which nothing else refers to now.
            let features = unsafe { &mut *context.cast::<Features>() };
            // SAFETY: a registration's name, which is there as long as its plugin is.
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
        // SAFETY: `each` takes this context, and is not called after this.
        unsafe { vpp_sys::vpp_shim_features(arc.as_ptr(), Some(each), context.cast()) };
        features
    }

    /// All.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static CStr> {
        self.names.iter().copied()
    }

    /// Which come before which. Some may not be registered.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&'static CStr, &'static CStr)> {
        self.pairs.iter().copied()
    }
}
