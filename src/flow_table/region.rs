// SPDX-License-Identifier: Apache-2.0
//! Raw storage: one anonymous mapping, zeroed, and unless it is small 2 MiB aligned: in the system's
//! reserved huge pages where enough of them are free, else with transparent ones advised.
//!
//! Reserved huge pages are taken at once. Other memory is taken from the system as it is touched, so
//! an empty table costs nothing, or ahead of that with [`Region::populate`]. The mapping never moves
//! and never grows.
#![allow(unsafe_code)]

use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use std::io;

use bytemuck::Zeroable;
use memmap2::MmapMut;
#[cfg(target_os = "linux")]
use memmap2::{Advice, MmapOptions};

use super::usage::Pages;

/// The alignment that lets the kernel back a region with huge pages, and their size.
const HUGE_PAGE: usize = 1 << HUGE_PAGE_BITS;
const HUGE_PAGE_BITS: u8 = 21;

/// Smaller regions do without huge pages: they would waste most of one.
const LEAST_HUGE: usize = HUGE_PAGE / 4;

/// The smallest page that a system has.
const PAGE: usize = 4096;

/// A fixed array of `T` in a mapping of its own.
pub(super) struct Region<T> {
    first: NonNull<T>,
    length: usize,
    pages: Pages,
    /// Owns the memory behind `first`.
    map: MmapMut,
}

// SAFETY: a region owns its elements, as a `Box<[T]>` does.
unsafe impl<T: Send> Send for Region<T> {}
// SAFETY: as above; a shared region only lends shared elements.
unsafe impl<T: Sync> Sync for Region<T> {}

impl<T: Zeroable + Copy> Region<T> {
    /// An array of `length` zeroed elements; fails where the system has not the memory.
    pub(super) fn new(length: usize) -> io::Result<Self> {
        const { assert!(align_of::<T>() <= PAGE) };
        let page = Self::page(length);
        let octets = Self::octets_for(length).ok_or(io::ErrorKind::OutOfMemory)?;
        if page == HUGE_PAGE
            && let Some(map) = reserved_huge_pages(octets)
        {
            return Ok(Self::within(map, length, Pages::Huge));
        }
        let padded = octets.checked_add(page).ok_or(io::ErrorKind::OutOfMemory)?;
        let map = MmapMut::map_anon(padded)?;
        if page == PAGE {
            return Ok(Self::within(map, length, Pages::Small));
        }
        // Advice only: a kernel without huge pages keeps small ones.
        #[cfg(target_os = "linux")]
        let _ = map.advise_range(
            Advice::HugePage,
            map.as_ptr().align_offset(HUGE_PAGE),
            octets,
        );
        Ok(Self::within(map, length, Pages::Advised))
    }

    /// An array in a zeroed mapping that has room for it behind the first whole page.
    fn within(mut map: MmapMut, length: usize, pages: Pages) -> Self {
        let offset = map.as_ptr().align_offset(Self::page(length));
        let (_, elements) = map.split_at_mut(offset);
        Self {
            first: NonNull::from(elements).cast(),
            length,
            pages,
            map,
        }
    }

    /// What pages it has.
    pub(super) fn pages(&self) -> Pages {
        self.pages
    }

    /// Octets of memory that an array of so many elements takes, in whole pages.
    pub(super) fn octets_for(length: usize) -> Option<usize> {
        length
            .checked_mul(size_of::<T>())?
            .checked_next_multiple_of(Self::page(length))
    }

    /// The pages that hold so many elements.
    fn page(length: usize) -> usize {
        if length.saturating_mul(size_of::<T>()) < LEAST_HUGE {
            PAGE
        } else {
            HUGE_PAGE
        }
    }

    /// Takes all its memory from the system now, so that no later use waits for a page.
    pub(super) fn populate(&mut self) {
        if self.pages == Pages::Huge {
            return;
        }
        let offset = self.map.as_ptr().align_offset(Self::page(self.length));
        let octets = size_of_val::<[T]>(self);
        #[cfg(target_os = "linux")]
        if self
            .map
            .advise_range(Advice::PopulateWrite, offset, octets)
            .is_ok()
        {
            return;
        }
        // Kernels before 5.14: a write to each page, which changes nothing.
        for octet in self.map[offset..offset + octets].iter_mut().step_by(PAGE) {
            let value = core::hint::black_box(*octet);
            *octet = core::hint::black_box(value);
        }
    }
}

/// A mapping of `octets` in the system's reserved huge pages, if so many are free.
///
/// They are all taken at once: a page that a cpuset or a limit of huge pages keeps from us later
/// would end the process, and is an error here.
#[cfg(target_os = "linux")]
fn reserved_huge_pages(octets: usize) -> Option<MmapMut> {
    let map = MmapOptions::new()
        .len(octets)
        .huge(Some(HUGE_PAGE_BITS))
        .map_anon()
        .ok()?;
    map.advise(Advice::PopulateWrite).ok()?;
    Some(map)
}

#[cfg(not(target_os = "linux"))]
fn reserved_huge_pages(_octets: usize) -> Option<MmapMut> {
    None
}

impl<T: Zeroable + Copy> Deref for Region<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: `first` is aligned to a page and followed by `length` elements, as `new`
        // mapped them; the system zeroed the octets or they were written as `T`, and all
        // zeros are a `T`; the borrow of `self` covers the slice.
        unsafe { core::slice::from_raw_parts(self.first.as_ptr(), self.length) }
    }
}

impl<T: Zeroable + Copy> DerefMut for Region<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and `self` is borrowed exclusively.
        unsafe { core::slice::from_raw_parts_mut(self.first.as_ptr(), self.length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_zeroed_aligned_and_whole() {
        let mut region = Region::<[u64; 8]>::new(100_000).unwrap();
        assert_eq!(region.len(), 100_000);
        assert_eq!(region.as_ptr().align_offset(HUGE_PAGE), 0);
        assert_ne!(region.pages(), Pages::Small);
        assert!(region.iter().all(|line| *line == [0; 8]));
        region[99_999] = [7; 8];
        assert_eq!(region[99_999], [7; 8]);
    }

    #[test]
    fn populating_changes_nothing() {
        let mut region = Region::<u64>::new(1_000_000).unwrap();
        region[600_000] = 7;
        region.populate();
        assert_eq!(region.iter().sum::<u64>(), 7);
    }

    #[test]
    fn small_regions_take_small_pages() {
        let mut region = Region::<u64>::new(1000).unwrap();
        region.populate();
        assert_eq!((region.pages(), region[999]), (Pages::Small, 0));
    }

    #[test]
    fn more_than_the_address_space_is_refused() {
        assert!(Region::<[u64; 8]>::new(usize::MAX / 4).is_err());
        assert!(Region::<[u64; 8]>::new(1 << 56).is_err());
    }
}
