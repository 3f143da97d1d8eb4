// SPDX-License-Identifier: Apache-2.0
//! Raw storage: a fixed array of zeroed elements, in huge pages unless it is small: in the system's
//! reserved ones where enough of them are free, else with transparent ones advised.
//!
//! Reserved huge pages are taken at once. Other memory is taken from the system as it is touched, so
//! an empty table costs nothing, or ahead of that with [`Region::populate`].
//!
//! The memory is reached through one pointer only, and by nothing but the slices that borrow the
//! region: no reference to it is kept, so none can alias another.
#![allow(unsafe_code)]

#[cfg(any(not(target_os = "linux"), miri))]
mod heap;
#[cfg(all(target_os = "linux", not(miri)))]
mod mapping;

use core::alloc::Layout;
use core::hint::black_box;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

use bytemuck::Zeroable;

#[cfg(any(not(target_os = "linux"), miri))]
use self::heap::Memory;
#[cfg(all(target_os = "linux", not(miri)))]
use self::mapping::Memory;
use super::usage::{OutOfMemory, Pages};

/// The alignment that lets the kernel back a region with huge pages, and their size.
const HUGE_PAGE: usize = 1 << 21;

/// Smaller regions do without huge pages: they would waste most of one.
const LEAST_HUGE: usize = HUGE_PAGE / 4;

/// The smallest page that a system has.
const PAGE: usize = 4096;

/// A fixed array of `T` in memory of its own.
pub(super) struct Region<T> {
    /// Room for `length` elements, each of them zeroed or written as a `T`.
    memory: Memory,
    length: usize,
    elements: PhantomData<T>,
}

// SAFETY: a region owns its elements, as a `Box<[T]>` does.
unsafe impl<T: Send> Send for Region<T> {}
// SAFETY: as above; a shared region only lends shared elements.
unsafe impl<T: Sync> Sync for Region<T> {}

impl<T: Zeroable + Copy> Region<T> {
    /// An array of `length` zeroed elements.
    pub(super) fn new(length: usize) -> Result<Self, OutOfMemory> {
        const { assert!(PAGE.is_multiple_of(size_of::<T>())) };
        let octets = Self::octets_for(length);
        let memory = octets.and_then(|octets| Memory::new(octets, Self::page(length)));
        Ok(Self {
            memory: memory.ok_or(OutOfMemory {
                octets: octets.unwrap_or(usize::MAX),
            })?,
            length,
            elements: PhantomData,
        })
    }

    /// What pages it has.
    pub(super) fn pages(&self) -> Pages {
        self.memory.pages()
    }

    /// Octets of memory that an array of so many elements takes, in whole pages; `None` if they exceed
    /// what an array may have.
    pub(super) fn octets_for(length: usize) -> Option<usize> {
        let octets = Layout::array::<T>(length).ok()?.size();
        octets.checked_next_multiple_of(Self::page(length))
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
        // Kernels before 5.14, and other systems, have no call for it.
        if !self.memory.populate() {
            self.touch();
        }
    }

    /// Writes to the first element of each page without changing it.
    fn touch(&mut self) {
        for element in self.iter_mut().step_by(PAGE / size_of::<T>()) {
            *element = black_box(*element);
        }
    }
}

impl<T: Zeroable + Copy> Deref for Region<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        let first = self.memory.first().cast::<T>();
        // SAFETY: `first` is aligned to a page and followed by `length` elements, which were zeroed, as
        // a `T` may be, or written as a `T`. Only slices that borrow the region refer to them.
        unsafe { core::slice::from_raw_parts(first.as_ptr(), self.length) }
    }
}

impl<T: Zeroable + Copy> DerefMut for Region<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        let first = self.memory.first().cast::<T>();
        // SAFETY: as in `deref`, and `self` is borrowed exclusively.
        unsafe { core::slice::from_raw_parts_mut(first.as_ptr(), self.length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Elements of a large region; fewer for Miri, which is slow.
    const MANY: usize = if cfg!(miri) { 100 } else { 100_000 };

    #[test]
    fn is_zeroed_and_whole() {
        let mut region = Region::<[u64; 8]>::new(MANY).unwrap();
        assert_eq!(region.len(), MANY);
        assert!(region.iter().all(|line| *line == [0; 8]));
        region[MANY - 1] = [7; 8];
        assert_eq!(region[MANY - 1], [7; 8]);
    }

    #[test]
    fn populating_changes_nothing() {
        for populate in [Region::populate, Region::touch] {
            let mut region = Region::<u64>::new(10 * MANY).unwrap();
            region[6 * MANY] = 7;
            populate(&mut region);
            assert_eq!(region.iter().sum::<u64>(), 7);
            region[6 * MANY] += 1;
            assert_eq!(region[6 * MANY], 8);
        }
    }

    #[cfg(all(target_os = "linux", not(miri)))]
    #[test]
    fn populating_takes_every_page() {
        const LENGTH: usize = 5_000;
        let resident = |region: &Region<[u64; 8]>| {
            let mut pages = [0u8; (LENGTH * 64).div_ceil(PAGE)];
            let octets = size_of_val::<[_]>(region);
            let first = region.memory.first().as_ptr().cast();
            // SAFETY: it writes an octet for each page of the region, and there is room for these.
            let status = unsafe { libc::mincore(first, octets, pages.as_mut_ptr()) };
            assert_eq!(status, 0);
            (
                pages.iter().filter(|page| **page & 1 == 1).count(),
                pages.len(),
            )
        };
        for populate in [Region::populate, Region::touch] {
            let mut region = Region::new(LENGTH).unwrap();
            assert_eq!(resident(&region), (0, 79));
            populate(&mut region);
            assert_eq!(resident(&region), (79, 79));
        }
    }

    #[test]
    fn small_regions_take_small_pages() {
        let mut region = Region::<u64>::new(1000).unwrap();
        region.populate();
        assert_eq!((region.pages(), region[999]), (Pages::Small, 0));
    }

    #[test]
    fn a_region_moves_between_threads() {
        let mut region = Region::<u64>::new(1000).unwrap();
        let region = std::thread::spawn(move || {
            region.populate();
            region[1] = 1;
            region
        });
        assert_eq!(region.join().unwrap()[..2], [0, 1]);
    }

    #[test]
    fn more_than_the_address_space_is_refused() {
        let refused = |length| Region::<[u64; 8]>::new(length).err();
        let all = OutOfMemory { octets: usize::MAX };
        assert_eq!(refused(usize::MAX / 4), Some(all));
        // Miri ends where there is no memory.
        if !cfg!(miri) {
            let octets = 1 << 62;
            assert_eq!(refused(1 << 56), Some(OutOfMemory { octets }));
        }
    }
}
