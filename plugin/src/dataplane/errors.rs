// SPDX-License-Identifier: Apache-2.0
//! The error counters of the observing nodes: why packets are not metered.
//!
//! There is one counter for each of the engine's reasons, and one for packets that the engine never
//! gets: those that VPP generated to report flows. Counters and names come from one list.

use flowmeter::metering::IgnoredReason;
use vpp_sys::vlib_error_desc_t;

/// The counter of packets that VPP generated to report flows.
pub(crate) const FLOW_REPORT: u32 = IgnoredReason::ALL.len() as u32;

/// Equal to `FLOWMETER_N_ERRORS` in include/flowmeter.h.
const COUNT: usize = 9;
const _: () = assert!(COUNT == IgnoredReason::ALL.len() + 1);

const TEXT: usize = 48;

static NAMES: [[u8; TEXT]; COUNT] = texts("");
static DESCRIPTIONS: [[u8; TEXT]; COUNT] = texts("not metered: ");

/// The counters' descriptions, into which VPP writes their indices.
#[repr(transparent)]
pub struct Errors([vlib_error_desc_t; COUNT]);

// SAFETY: only VPP uses it, when it registers nodes, on one thread.
unsafe impl Sync for Errors {}

/// The counters, in the order of [`IgnoredReason`].
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "C's name")]
pub static mut flowmeter_errors: Errors = Errors({
    // SAFETY: all zeros are a valid value: no strings.
    let mut errors: [vlib_error_desc_t; COUNT] = unsafe { core::mem::zeroed() };
    let mut index = 0;
    while index < COUNT {
        errors[index].name = NAMES[index].as_ptr().cast_mut().cast();
        errors[index].desc = DESCRIPTIONS[index].as_ptr().cast_mut().cast();
        errors[index].severity = vpp_sys::vl_counter_severity_e_VL_COUNTER_SEVERITY_INFO as _;
        index += 1;
    }
    errors
});

const fn texts(prefix: &str) -> [[u8; TEXT]; COUNT] {
    let mut texts = [[0; TEXT]; COUNT];
    let mut index = 0;
    while index < COUNT {
        let name = if index == FLOW_REPORT as usize {
            "own_export"
        } else {
            IgnoredReason::ALL[index].name()
        };
        let length = append(&mut texts[index], 0, prefix);
        let length = append(&mut texts[index], length, name);
        assert!(length < TEXT, "a string ends with a zero");
        index += 1;
    }
    texts
}

const fn append(text: &mut [u8; TEXT], mut length: usize, more: &str) -> usize {
    let mut index = 0;
    while index < more.len() {
        text[length] = more.as_bytes()[index];
        length += 1;
        index += 1;
    }
    length
}
