// SPDX-License-Identifier: Apache-2.0
//! Text from and to users: words of a command, its output, errors and the log.

use core::ffi::{CStr, c_void};

use super::Main;

/// A class of VPP's log.
#[derive(Clone, Copy)]
pub(crate) struct Log(u32);

impl Log {
    /// Registers a class with this name.
    pub(crate) fn new(_main: Main, name: &'static CStr) -> Self {
        // SAFETY: the name ends with a zero.
        Self(unsafe { vpp_sys::vpp_shim_log_class(name.as_ptr()) })
    }

    /// Logs a line with severity warning.
    pub(crate) fn warning(self, _main: Main, line: &str) {
        // SAFETY: `line` has this length.
        unsafe { vpp_sys::vpp_shim_log_warning(self.0, line.as_ptr(), line.len() as u32) }
    }

    /// Logs a line with severity notice.
    pub(crate) fn notice(self, _main: Main, line: &str) {
        // SAFETY: `line` has this length.
        unsafe { vpp_sys::vpp_shim_log_notice(self.0, line.as_ptr(), line.len() as u32) }
    }
}

/// Prints to the client of the current command.
pub(crate) fn print(main: Main, text: &str) {
    // SAFETY: `vm` is the main thread's, and `text` has this length.
    unsafe {
        vpp_sys::vpp_shim_cli_output(main.thread().vm(), text.as_ptr(), text.len() as u32);
    }
}

/// A hook's result for VPP: null on success, else a `clib_error_t` with one line.
pub(crate) fn outcome(result: Result<(), String>) -> *mut c_void {
    match result {
        Ok(()) => core::ptr::null_mut(),
        // SAFETY: `line` has this length; VPP frees the error.
        Err(line) => unsafe { vpp_sys::vpp_shim_error(line.as_ptr(), line.len() as u32).cast() },
    }
}

/// Splits the text that VPP passes to a hook into words.
///
/// # Safety
/// `text` points to `length` octets, or is null and `length` 0.
pub(crate) unsafe fn words<'a>(text: *const u8, length: u32) -> Vec<&'a str> {
    if length == 0 {
        return Vec::new();
    }
    // SAFETY: as the caller promises.
    let octets = unsafe { core::slice::from_raw_parts(text, length as usize) };
    octets
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .map(|word| core::str::from_utf8(word).unwrap_or("<not UTF-8>"))
        .collect()
}
