// SPDX-License-Identifier: Apache-2.0
//! The plugin registration, which VPP reads before it loads the library. The other registrations
//! need VPP's macros and are in registration.c; defined in C, this one's symbol would be hidden.

use core::ffi::{CStr, c_char};

use vpp_sys::vlib_plugin_registration_t;

use crate::{VERSION, VPP_VERSION};

/// VPP's structure, in the section that VPP reads.
#[repr(transparent)]
pub struct Registration(vlib_plugin_registration_t);

// SAFETY: never written.
unsafe impl Sync for Registration {}

/// The plugin's registration.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".vlib_plugin_registration")]
#[used]
#[allow(non_upper_case_globals, reason = "VPP's name")]
pub static vlib_plugin_registration: Registration = Registration({
    // SAFETY: all zeros are a valid value: no strings, enabled by default.
    let mut registration: vlib_plugin_registration_t = unsafe { core::mem::zeroed() };
    registration.version = text(VERSION);
    // Structures change between releases, so a binary is for one release. VPP compares this prefix
    // with its own version; vpp-sys/build/release.rs chooses it.
    registration.version_required = text(env!("FLOWMETER_VPP_REQUIRED"));
    registration.description = c"Flow meter: exact flow records, exported as IPFIX".as_ptr();
    registration.early_init = c"flowmeter_early_init".as_ptr();
    registration
});

/// Returns an error if the plugin was built for a release and a release candidate runs, or vice
/// versa. VPP compares only year and month, but structures differ between the two.
///
/// # Safety
/// VPP has started to load plugins.
pub(crate) unsafe fn check_version() -> Result<(), String> {
    // SAFETY: VPP sets its version before it loads plugins.
    let running = unsafe { vpp_sys::vpp_shim_version() };
    // SAFETY: the version is a constant string.
    let running = unsafe { CStr::from_ptr(running) }.to_string_lossy();
    if running.contains("-rc") == VPP_VERSION.contains("-rc") {
        Ok(())
    } else {
        Err(format!("version mismatch: {running} != {VPP_VERSION}"))
    }
}

/// Returns a string as C has it, cut to leave a terminating zero.
const fn text<const LENGTH: usize>(text: &str) -> [c_char; LENGTH] {
    let octets = text.as_bytes();
    let mut characters = [0; LENGTH];
    let mut index = 0;
    while index < octets.len() && index < LENGTH - 1 {
        characters[index] = octets[index] as c_char;
        index += 1;
    }
    characters
}
