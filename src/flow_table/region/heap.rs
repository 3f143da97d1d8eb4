// SPDX-License-Identifier: Apache-2.0
//! Memory from the allocator, for targets other than Linux and for Miri.

use alloc::alloc::{alloc_zeroed, dealloc};
use core::alloc::Layout;
use core::ptr::NonNull;

use super::{PAGE, Pages};

/// Zeroed memory, which is freed when this is dropped.
pub(super) struct Memory {
    first: NonNull<u8>,
    layout: Layout,
}

impl Memory {
    /// So many octets, aligned to a small page; `None` if the allocator does not have them.
    pub(super) fn new(octets: usize, _page: usize) -> Option<Self> {
        let layout = Layout::from_size_align(octets, PAGE).ok()?;
        if octets == 0 {
            return None;
        }
        // SAFETY: the layout's size is not 0.
        let first = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Self { first, layout })
    }

    /// The first octet. Everything behind it belongs to the owner of this.
    #[inline(always)]
    pub(super) fn first(&self) -> NonNull<u8> {
        self.first
    }

    /// What pages it has.
    pub(super) fn pages(&self) -> Pages {
        Pages::Small
    }

    /// There is no call that takes all pages from the system.
    pub(super) fn populate(&self) -> bool {
        false
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: `new` allocated it with this layout, and whoever used it is gone.
        unsafe { dealloc(self.first.as_ptr(), self.layout) };
    }
}
