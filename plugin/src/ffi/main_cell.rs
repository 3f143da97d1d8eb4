// SPDX-License-Identifier: Apache-2.0
//! What only the main thread has.

use core::cell::RefCell;

use super::Main;

/// See the file. Nothing of it is borrowed while a process is suspended.
pub(crate) struct MainCell<T>(RefCell<T>);

// SAFETY: only reached with a `Main`, of which there are none on other threads.
unsafe impl<T> Sync for MainCell<T> {}

impl<T> MainCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(RefCell::new(value))
    }

    /// Does something with it; nothing where that is being done already.
    pub(crate) fn with<R>(&self, _main: Main, act: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut value = self.0.try_borrow_mut().ok()?;
        Some(act(&mut value))
    }
}
