// SPDX-License-Identifier: Apache-2.0
//! VPP's worker barrier, and what it lends: while it is held, no worker runs, so the main thread
//! may use what belongs to workers.

use core::cell::{Cell, UnsafeCell};
use core::ops::{Deref, DerefMut};

use super::{Main, Thread, thread};

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

    /// The thread of this number, which stands still or is the main thread.
    pub(crate) fn thread(&self, index: usize) -> Thread {
        let index = index.min(thread::count() - 1);
        // SAFETY: there is such a thread.
        let vm = unsafe { vpp_sys::vpp_shim_main(index as u16) };
        // SAFETY: as above; nothing else runs as this thread while the barrier is held.
        unsafe { Thread::new(vm) }
    }

    /// Runs the main thread's nodes that have frames pending, after its loop has ended. They may
    /// use the main thread's [`PerThread`] value, so nothing may be borrowed from this barrier.
    pub(crate) fn dispatch_pending(&mut self) {
        // SAFETY: the caller is VPP's exit: the main loop has ended, and workers stand still.
        unsafe { vpp_sys::vpp_shim_dispatch_pending(self.0.thread().vm()) }
    }
}

impl Drop for Barrier {
    fn drop(&mut self) {
        let thread: Thread = self.0.thread();
        // SAFETY: `vm` is the main thread's, and this barrier is held.
        unsafe { vpp_sys::vpp_shim_barrier_release(thread.vm()) };
    }
}

/// A value for each of VPP's threads. A thread uses its own; the main thread uses all of them
/// while it holds a [`Barrier`].
pub(crate) struct PerThread<T>(Box<[Slot<T>]>);

/// On cache lines of its own, so that no two threads share one.
#[repr(align(128))]
struct Slot<T> {
    /// Whether it is in use: a thread that asks twice gets it once.
    is_lent: Cell<bool>,
    value: UnsafeCell<T>,
}

// SAFETY: a slot is used by its own thread, or by the main thread while that thread stands still.
unsafe impl<T> Sync for PerThread<T> {}
// SAFETY: as above; made on the main thread and never moved after that.
unsafe impl<T> Send for PerThread<T> {}

impl<T> PerThread<T> {
    /// Makes a value for each thread, by its index.
    pub(crate) fn new(mut make: impl FnMut(u32) -> T) -> Self {
        let slots = (0..thread::count() as u32).map(|index| Slot {
            is_lent: Cell::new(false),
            value: UnsafeCell::new(make(index)),
        });
        Self(slots.collect())
    }

    /// This thread's own value; `None` where it is in use on this thread already.
    #[inline(always)]
    pub(crate) fn own(&self, thread: Thread) -> Option<Lent<'_, T>> {
        self.0.get(usize::from(thread.index()))?.lend()
    }

    /// All values, in the order of the threads.
    pub(crate) fn all<'a>(
        &'a self,
        _barrier: &'a mut Barrier,
    ) -> impl Iterator<Item = Lent<'a, T>> {
        self.0.iter().filter_map(Slot::lend)
    }
}

impl<T> Slot<T> {
    #[inline(always)]
    fn lend(&self) -> Option<Lent<'_, T>> {
        if self.is_lent.replace(true) {
            return None;
        }
        Some(Lent(self))
    }
}

/// A value in use.
pub(crate) struct Lent<'a, T>(&'a Slot<T>);

impl<T> Deref for Lent<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: one thread at a time uses a slot, and the flag lends it once.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Lent<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Lent<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.is_lent.set(false);
    }
}

/// A value that all threads read, and that the main thread writes while it holds a [`Barrier`].
#[derive(Default)]
pub(crate) struct Published<T>(UnsafeCell<T>);

// SAFETY: written only while no other thread runs.
unsafe impl<T: Sync> Sync for Published<T> {}

impl<T> Published<T> {
    /// Lets `read` read it. That takes no barrier meanwhile: it is the packet path.
    #[inline(always)]
    pub(crate) fn read<R>(&self, _thread: Thread, read: impl FnOnce(&T) -> R) -> R {
        // SAFETY: it is written only while this thread stands still, which `read` does not.
        read(unsafe { &*self.0.get() })
    }

    /// The value, to be written.
    #[allow(clippy::mut_from_ref, reason = "the barrier is borrowed mutably")]
    pub(crate) fn write<'a>(&'a self, _barrier: &'a mut Barrier) -> &'a mut T {
        // SAFETY: no thread reads it now, and the barrier is borrowed as long as the value is.
        unsafe { &mut *self.0.get() }
    }
}
