// SPDX-License-Identifier: Apache-2.0
//! Data that only the main thread uses.

use core::cell::RefCell;

use super::Main;

/// A cell that only the main thread can access. A process must not be suspended while it borrows
/// it.
pub(crate) struct MainCell<T>(RefCell<T>);

// SAFETY: access needs a `Main`, which exists only on the main thread.
unsafe impl<T> Sync for MainCell<T> {}

impl<T> MainCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    /// Calls `act` with the value; returns `None` if the value is already borrowed.
    pub(crate) fn with<R>(&self, _main: Main, act: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut value = self.0.try_borrow_mut().ok()?;
        Some(act(&mut value))
    }
}
