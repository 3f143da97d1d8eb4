// SPDX-License-Identifier: Apache-2.0
//! Memory on Linux: an anonymous mapping, in huge pages where they are wanted and there.
//!
//! It hands out the mapping's address and never a reference to what is there. The mapping never moves
//! and never grows.

use core::ffi::{c_int, c_void};
use core::ptr::{NonNull, null_mut};

use super::{PAGE, Pages};

/// Zeroed memory, which is unmapped when this is dropped.
pub(super) struct Memory {
    mapping: NonNull<c_void>,
    mapped: usize,
    /// The first octet that is aligned to a page of the wanted size.
    first: NonNull<u8>,
    /// Octets from there on that are in use.
    octets: usize,
    pages: Pages,
}

impl Memory {
    /// So many octets, which are whole pages of `page` octets, aligned to such a page; `None` if the
    /// system does not have them.
    pub(super) fn new(octets: usize, page: usize) -> Option<Self> {
        if page == PAGE {
            return Self::map(octets, page, 0, Pages::Small);
        }
        let reserved = libc::MAP_HUGETLB | libc::MAP_HUGE_2MB;
        Self::map(octets, page, reserved, Pages::Huge)
            // All pages are taken at once: if a cpuset or a limit denied one later, that would end the
            // process, and here it is an error.
            .filter(|memory| memory.advise(libc::MADV_POPULATE_WRITE))
            .or_else(|| Self::map(octets, page, 0, Pages::Advised))
            .inspect(|memory| {
                if memory.pages == Pages::Advised {
                    // Only advice: a kernel without huge pages keeps small ones.
                    let _ = memory.advise(libc::MADV_HUGEPAGE);
                }
            })
    }

    /// Maps so many octets, aligned to `page`, with further flags.
    fn map(octets: usize, page: usize, flags: c_int, pages: Pages) -> Option<Self> {
        // The kernel aligns to what it maps, which is a huge page only for reserved ones.
        let padding = if pages == Pages::Advised { page } else { 0 };
        let mapped = octets.checked_add(padding)?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | flags;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice changes no other memory.
        let mapping = unsafe { libc::mmap(null_mut(), mapped, protection, flags, -1, 0) };
        if mapping == libc::MAP_FAILED {
            return None;
        }
        let mapping = NonNull::new(mapping)?;
        let start = mapping.cast::<u8>();
        // SAFETY: the offset is less than the padding, or 0 where there is none.
        let first = unsafe { start.add(start.align_offset(page)) };
        Some(Self {
            mapping,
            mapped,
            first,
            octets,
            pages,
        })
    }

    /// The first octet. Everything behind it belongs to the owner of this.
    #[inline(always)]
    pub(super) fn first(&self) -> NonNull<u8> {
        self.first
    }

    /// What pages it has.
    pub(super) fn pages(&self) -> Pages {
        self.pages
    }

    /// Takes all its pages from the system now, if the system has a call for that.
    pub(super) fn populate(&self) -> bool {
        self.pages == Pages::Huge || self.advise(libc::MADV_POPULATE_WRITE)
    }

    /// Gives the kernel advice on all pages in use; whether it took it.
    fn advise(&self, advice: c_int) -> bool {
        let first = self.first.as_ptr().cast();
        // SAFETY: the pages are mapped and our own, and neither piece of advice that is given here
        // changes what is in them.
        unsafe { libc::madvise(first, self.octets, advice) == 0 }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: this is the whole mapping, as `map` made it, and whoever used it is gone.
        unsafe { libc::munmap(self.mapping.as_ptr(), self.mapped) };
    }
}

#[cfg(test)]
mod tests {
    use super::super::HUGE_PAGE;
    use super::*;

    #[test]
    fn large_memory_is_aligned_to_huge_pages() {
        let memory = Memory::new(3 * HUGE_PAGE, HUGE_PAGE).unwrap();
        assert_eq!(memory.first().align_offset(HUGE_PAGE), 0);
        assert_ne!(memory.pages(), Pages::Small);
    }

    #[test]
    fn more_than_the_address_space_is_refused() {
        assert!(Memory::new(1 << 62, HUGE_PAGE).is_none());
        assert!(Memory::new(1 << 62, PAGE).is_none());
        assert!(Memory::new(usize::MAX & !(HUGE_PAGE - 1), HUGE_PAGE).is_none());
        assert!(Memory::new(0, PAGE).is_none());
    }
}
