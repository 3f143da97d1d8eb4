// SPDX-License-Identifier: Apache-2.0
//! Commands in the form in which VPP registers and calls them.

use core::ffi::{CStr, c_void};

use vpp_sys::vlib_main_t;

use super::{Main, text};

/// A command in a frontend's list.
pub(crate) struct Command {
    pub(crate) path: &'static CStr,
    pub(crate) short_help: &'static CStr,
    /// Called with the line after the path; returns a `clib_error_t`, or null on success.
    pub(crate) function: unsafe extern "C" fn(*mut vlib_main_t, *const u8, u32) -> *mut c_void,
}

/// Calls `function` with the words of the line.
///
/// # Safety
/// The caller is VPP's main thread, and `line` points to `length` octets.
pub(crate) unsafe fn run(
    function: fn(Main, Vec<&str>) -> Result<(), String>,
    vm: *mut vlib_main_t,
    line: *const u8,
    length: u32,
) -> *mut c_void {
    // SAFETY: as the caller promises.
    let main = unsafe { Main::new(vm) };
    // SAFETY: as the caller promises.
    let words = unsafe { text::words(line, length) };
    text::outcome(function(main, words))
}

/// Defines a list of commands: path, arguments and function of each.
macro_rules! commands {
    ($($path:literal $arguments:literal => $function:path,)+) => {
        /// The commands.
        pub(crate) const COMMANDS: &[$crate::ffi::command::Command] = &[$({
            unsafe extern "C" fn function(
                vm: *mut vpp_sys::vlib_main_t,
                line: *const u8,
                length: u32,
            ) -> *mut core::ffi::c_void {
                // SAFETY: VPP runs commands on the main thread, with their line.
                unsafe { $crate::ffi::command::run($function, vm, line, length) }
            }
            $crate::ffi::command::Command {
                path: $crate::ffi::command::c_str(concat!($path, "\0")),
                short_help: $crate::ffi::command::c_str(concat!($path, $arguments, "\0")),
                function,
            }
        },)+];
    };
}

pub(crate) use commands;

/// A string that ends with a zero octet, as a C string.
pub(crate) const fn c_str(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(text) => text,
        Err(_) => panic!("a C string ends with its only zero"),
    }
}
