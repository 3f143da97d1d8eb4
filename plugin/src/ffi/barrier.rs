// SPDX-License-Identifier: Apache-2.0
//! VPP's worker barrier. While it is held, no worker runs, so the main thread may use the workers'
//! data.

use core::cell::{Cell, UnsafeCell};
use core::ops::{Deref, DerefMut};

use super::{Main, Thread, thread};

/// A guard that holds all workers at the barrier, between two rounds of their main loops.
///
/// Barriers nest, as VPP's do. A process must not be suspended while it holds one.
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

    /// The thread with this index: the main thread, or a worker that is held at the barrier.
    pub(crate) fn thread(&self, index: usize) -> Thread {
        let index = index.min(thread::count() - 1);
        // SAFETY: a thread with this index exists.
        let vm = unsafe { vpp_sys::vpp_shim_main(index as u16) };
        // SAFETY: as above; nothing else runs as this thread while the barrier is held.
        unsafe { Thread::new(vm) }
    }

    /// Runs the main thread's nodes that have pending frames, after its main loop has ended. They
    /// may use the main thread's [`PerThread`] value, so nothing may be borrowed from this barrier.
    pub(crate) fn dispatch_pending(&mut self) {
        // SAFETY: VPP is exiting: the main loop has ended, and the workers are held at the barrier.
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

/// One value for each of VPP's threads. A thread uses its own value; the main thread uses all of
/// them while it holds a [`Barrier`].
pub(crate) struct PerThread<T>(Box<[Slot<T>]>);

/// A value on its own cache lines, so that no two threads share one.
#[repr(align(128))]
struct Slot<T> {
    /// Whether the value is borrowed. A second borrow by the same thread is refused.
    is_lent: Cell<bool>,
    value: UnsafeCell<T>,
}

// SAFETY: a slot is used by its own thread, or by the main thread while that thread is stopped.
unsafe impl<T> Sync for PerThread<T> {}
// SAFETY: as above; created on the main thread and never moved after that.
unsafe impl<T> Send for PerThread<T> {}

impl<T> PerThread<T> {
    /// Calls `make` with the index of each thread.
    pub(crate) fn new(mut make: impl FnMut(u32) -> T) -> Self {
        let slots = (0..thread::count() as u32).map(|index| Slot {
            is_lent: Cell::new(false),
            value: UnsafeCell::new(make(index)),
        });
        Self(slots.collect())
    }

    /// This thread's value; `None` if this thread has borrowed it already.
    #[inline(always)]
    pub(crate) fn own(&self, thread: Thread) -> Option<Lent<'_, T>> {
        self.0.get(usize::from(thread.index()))?.lend()
    }

    /// All values, in thread order.
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

/// A borrowed value.
pub(crate) struct Lent<'a, T>(&'a Slot<T>);

impl<T> Deref for Lent<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: one thread at a time uses a slot, and the flag allows one borrow at a time.
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
    /// Calls `read` with the value. `read` runs on the packet path and must not take the barrier.
    #[inline(always)]
    pub(crate) fn read<R>(&self, _thread: Thread, read: impl FnOnce(&T) -> R) -> R {
        // SAFETY: it is written only while this thread is stopped, so not while `read` runs.
        read(unsafe { &*self.0.get() })
    }

    /// Mutable access to the value.
    #[allow(clippy::mut_from_ref, reason = "the barrier is borrowed mutably")]
    pub(crate) fn write<'a>(&'a self, _barrier: &'a mut Barrier) -> &'a mut T {
        // SAFETY: no thread reads it now, and the barrier is borrowed for as long as the value is.
        unsafe { &mut *self.0.get() }
    }
}
