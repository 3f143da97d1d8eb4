// SPDX-License-Identifier: Apache-2.0
//! The C symbols of include/flowmeter_flowprobe.h.

use core::ffi::c_void;

use flowmeter::metering::Layers;

use crate::control::interfaces::Side;
use crate::control::recording::{self, Refusal, Variant};
use crate::control::state::with_control;
use crate::ffi::Main;

/// VPP's error code of a refused request, or 0. `enabled` is the message's code for interfaces that
/// are already enabled.
fn error(outcome: Result<(), Refusal>, enabled: i32) -> i32 {
    use vpp_sys::*;
    match outcome {
        Ok(()) => 0,
        Err(Refusal::InvalidValue) => vnet_api_error_t_VNET_API_ERROR_INVALID_VALUE,
        Err(Refusal::InvalidInterface) => vnet_api_error_t_VNET_API_ERROR_INVALID_SW_IF_INDEX,
        Err(Refusal::Enabled | Refusal::EnabledOtherwise) => enabled,
        Err(Refusal::NotEnabled) => vnet_api_error_t_VNET_API_ERROR_NO_SUCH_ENTRY,
        Err(Refusal::InUse) => vnet_api_error_t_VNET_API_ERROR_UNSUPPORTED,
        Err(Refusal::NothingToRecord | Refusal::Unavailable) => {
            vnet_api_error_t_VNET_API_ERROR_CANNOT_ENABLE_DISABLE_FEATURE
        }
    }
}

/// `flowprobe_params`, and `flowprobe_set_params` where `check` is not 0.
///
/// # Safety
/// Called on VPP's main thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_flowprobe_set_params(
    layers: u8,
    active: u32,
    passive: u32,
    check: u8,
) -> i32 {
    // SAFETY: as the caller promises.
    let main = unsafe { Main::current() };
    let outcome = if check != 0 && !recording::timers_are_valid(active, passive) {
        Err(Refusal::InvalidValue)
    } else {
        recording::set_parameters(main, Layers::from_bits(layers), active, passive)
    };
    error(outcome, 0)
}

/// `flowprobe_get_params`: layers, active timer and passive timer.
///
/// # Safety
/// Called on VPP's main thread; `parameters` has room for three numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_flowprobe_get_params(parameters: *mut [u32; 3]) {
    // SAFETY: as the caller promises.
    let main = unsafe { Main::current() };
    let known = with_control(main, |control| Ok(control.recording.parameters));
    if let Ok(known) = known {
        let bits = known.layers.bits().into();
        // SAFETY: as the caller promises.
        unsafe { *parameters = [bits, known.timers.active, known.timers.passive] };
    }
}

/// `flowprobe_interface_add_del`.
///
/// # Safety
/// Called on VPP's main thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_flowprobe_interface_add_del(
    sw_if_index: u32,
    which: u8,
    direction: u8,
    is_add: u8,
) -> i32 {
    // SAFETY: as the caller promises.
    let main = unsafe { Main::current() };
    let variant = [Variant::Ip4, Variant::Ip6, Variant::L2];
    let variant = variant.get(usize::from(which)).copied();
    let side = Side::BY_NUMBER.get(usize::from(direction)).copied();
    let outcome = match (variant, side) {
        (Some(variant), Some(side)) if is_add != 0 => {
            recording::enable(main, sw_if_index, &[variant], side)
        }
        (Some(variant), Some(_)) => recording::disable(main, sw_if_index, &[variant]),
        _ => Err(Refusal::InvalidValue),
    };
    error(
        outcome,
        vpp_sys::vnet_api_error_t_VNET_API_ERROR_ENTRY_ALREADY_EXISTS,
    )
}

/// `flowprobe_tx_interface_add_del`, with flags in `which`: 1 ip4, 2 l2, 4 ip6.
///
/// # Safety
/// Called on VPP's main thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_flowprobe_tx_interface_add_del(
    sw_if_index: u32,
    which: u8,
    is_add: u8,
) -> i32 {
    // SAFETY: as the caller promises.
    let main = unsafe { Main::current() };
    let flags = [(1, Variant::Ip4), (2, Variant::L2), (4, Variant::Ip6)];
    let variants: Vec<_> = flags
        .into_iter()
        .filter_map(|(flag, variant)| (which & flag != 0).then_some(variant))
        .collect();
    let outcome = if variants.is_empty() || which > 7 {
        Err(Refusal::InvalidValue)
    } else if is_add != 0 {
        recording::enable(main, sw_if_index, &variants, Side::Tx)
    } else {
        recording::disable(main, sw_if_index, &variants)
    };
    error(
        outcome,
        vpp_sys::vnet_api_error_t_VNET_API_ERROR_CANNOT_ENABLE_DISABLE_FEATURE,
    )
}

/// How often, and at what interval in seconds, to try whether a client can receive more of a list.
const TRIES: u32 = 1000;
const PAUSE: f64 = 1e-3;

/// Calls `each` with each enabled variant of interface `sw_if_index`, or of all if that is ~0. The
/// list ends early if the client reads no more of it for a second, or cannot receive its first
/// item.
///
/// # Safety
/// Called on VPP's main thread; `each` can be called with `context`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_flowprobe_interfaces(
    sw_if_index: u32,
    each: unsafe extern "C" fn(*mut c_void, u32, u8, u8) -> i32,
    context: *mut c_void,
) {
    // SAFETY: as the caller promises.
    let main = unsafe { Main::current() };
    let enabled = with_control(main, |control| Ok(control.recording.interfaces.clone()));
    let (mut tries, mut begun) = (TRIES, false);
    for ((index, variant), side) in enabled.unwrap_or_default() {
        if sw_if_index != u32::MAX && sw_if_index != index {
            continue;
        }
        loop {
            // SAFETY: as the caller promises.
            let taken = unsafe { each(context, index, variant as u8, side as u8) };
            if taken > 0 {
                begun = true;
                break;
            }
            tries -= 1;
            if taken < 0 || !begun || tries == 0 || !main.suspend(PAUSE) {
                return;
            }
        }
    }
}

/// Called if flowprobe's messages are already registered.
///
/// # Safety
/// Called on VPP's main thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_flowprobe_disabled() {
    // SAFETY: as the caller promises.
    let main = unsafe { Main::current() };
    let _ = with_control(main, |control| {
        let line = "flowprobe is loaded: it serves its own API and commands";
        control.log.notice(main, line);
        Ok(())
    });
}
