// SPDX-License-Identifier: Apache-2.0
//! The C symbols of include/flowmeter.h: what VPP calls, and nothing else.
//!
//! Each makes the types that say which thread it is on, and calls what does the work.

use core::ffi::c_void;

use vpp_sys::{vlib_frame_t, vlib_main_t, vlib_node_runtime_t};

use crate::observe::observe;
use crate::place::{InputIp4, InputIp6, InputL2, OutputIp4, OutputIp6, OutputL2};
use crate::trace::Trace;
use crate::vlib::frame::Frame;
use crate::vlib::interface::Interface;
use crate::vlib::{Main, Thread, text};
use crate::{cli, exit, meter, process};

/// Node functions that hand their frames to `observe`.
macro_rules! observing_nodes {
    ($observe:ident: $($(#[doc = $doc:literal])+ $symbol:ident: $place:ty,)+) => {
        $(
            $(#[doc = $doc])+
            ///
            /// # Safety
            /// Called by VPP as a node's function.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $symbol(
                vm: *mut vlib_main_t,
                node: *mut vlib_node_runtime_t,
                frame: *mut vlib_frame_t,
            ) -> u64 {
                // SAFETY: the arguments are VPP's, for this call.
                $observe::<$place>(unsafe { Frame::new(vm, node, frame) })
            }
        )+
    };
}

pub(crate) use observing_nodes;

observing_nodes! { observe:
    /// IPv4 packets that are received and routed.
    flowmeter_input_ip4: InputIp4,
    /// IPv6 packets that are received and routed.
    flowmeter_input_ip6: InputIp6,
    /// Frames as they are received.
    flowmeter_input_l2: InputL2,
    /// IPv4 packets that are routed out.
    flowmeter_output_ip4: OutputIp4,
    /// IPv6 packets that are routed out.
    flowmeter_output_ip6: OutputIp6,
    /// Frames as they are sent.
    flowmeter_output_l2: OutputL2,
}

/// The node of a worker's sweep.
///
/// # Safety
/// Called by VPP as a node's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_expire(
    vm: *mut vlib_main_t,
    node: *mut vlib_node_runtime_t,
    _frame: *mut vlib_frame_t,
) -> u64 {
    // SAFETY: the arguments are VPP's, for this call.
    let node = unsafe { (*node).node_index };
    // SAFETY: as above.
    process::expire(unsafe { Thread::new(vm) }, node);
    0
}

/// The process that wakes the sweeps; never returns.
///
/// # Safety
/// Called by VPP as a process's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_process(
    vm: *mut vlib_main_t,
    _node: *mut vlib_node_runtime_t,
    _frame: *mut vlib_frame_t,
) -> u64 {
    // SAFETY: VPP's processes run on the main thread.
    process::run(unsafe { Main::new(vm) })
}

/// Writes what `show trace` says of a packet; tells how many octets.
///
/// # Safety
/// `trace` is what an observing node wrote, and `text` has room for `size` octets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_format_trace(
    trace: *const c_void,
    text: *mut u8,
    size: u32,
) -> u32 {
    // SAFETY: as the caller promises; a trace refers to nothing.
    let trace = unsafe { trace.cast::<Trace>().read_unaligned() };
    // SAFETY: traces are shown on the main thread.
    let line = trace.text(unsafe { Main::current() });
    let length = line.floor_char_boundary(size as usize);
    // SAFETY: as the caller promises.
    unsafe { text.copy_from_nonoverlapping(line.as_ptr(), length) };
    length as u32
}

/// VPP has loaded us, and unloads us again where this is an error: nothing of ours may be there
/// twice.
///
/// # Safety
/// Called by VPP on its main thread, before any plugin starts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_early_init(
    _vm: *mut vlib_main_t,
    _plugin: *mut c_void,
) -> *mut c_void {
    // SAFETY: reads what plugins have registered, and this is the thread that loads them.
    let copies = unsafe { vpp_sys::vpp_shim_registered_nodes(c"flowmeter-process".as_ptr()) };
    text::outcome(if copies > 1 {
        Err("another copy of the flow meter is loaded already, and this one stands back".to_owned())
    } else {
        Ok(())
    })
}

/// VPP has served a message or a command.
///
/// # Safety
/// Called by VPP on its main thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_after_request() {
    // SAFETY: as the caller promises.
    process::after_request(unsafe { Main::current() });
}

/// VPP starts.
///
/// # Safety
/// Called by VPP on its main thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_init(vm: *mut vlib_main_t) -> *mut c_void {
    // SAFETY: VPP starts on its main thread.
    text::outcome(meter::init(unsafe { Main::new(vm) }).map_err(String::from))
}

/// VPP's main loop has ended, and the workers stand still.
///
/// # Safety
/// Called by VPP on its main thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_exit(vm: *mut vlib_main_t) -> *mut c_void {
    // SAFETY: VPP ends on its main thread.
    exit::exit(unsafe { Main::new(vm) });
    text::outcome(Ok(()))
}

/// Functions that give a command its words.
macro_rules! commands {
    ($($(#[doc = $doc:literal])+ $symbol:ident: $function:path,)+) => {
        $(
            $(#[doc = $doc])+
            ///
            /// # Safety
            /// Called by VPP on its main thread; `text` is `length` octets long.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $symbol(
                vm: *mut vlib_main_t,
                text: *const u8,
                length: u32,
            ) -> *mut c_void {
                // SAFETY: commands run on the main thread.
                let main = unsafe { Main::new(vm) };
                // SAFETY: as the caller promises.
                let words = unsafe { text::words(text, length) };
                text::outcome($function(main, words))
            }
        )+
    };
}

pub(crate) use commands;

commands! {
    /// The stanza of startup.conf.
    flowmeter_config: cli::config::config,
    /// `flowmeter interface`.
    flowmeter_cli_interface: cli::interface,
    /// `flowmeter flush`.
    flowmeter_cli_flush: cli::flush,
    /// `set flowmeter`.
    flowmeter_cli_set: cli::set,
    /// `show flowmeter`.
    flowmeter_cli_show: cli::show,
    /// `clear flowmeter`.
    flowmeter_cli_clear: cli::clear,
}

/// An interface came or went.
///
/// # Safety
/// Called by VPP on its main thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_interface_add_del(sw_if_index: u32, is_add: u32) {
    // SAFETY: interfaces come and go on the main thread.
    let main = unsafe { Main::current() };
    if !meter::is_running() {
        return;
    }
    let _ = meter::with_meter(main, |meter| {
        let barrier = &mut main.barrier();
        if is_add == 0 {
            meter.interface_went(barrier, sw_if_index);
            return Ok(());
        }
        let interfaces = Interface::all(main);
        if let Some(interface) = interfaces.iter().find(|i| i.sw_if_index == sw_if_index) {
            meter.interface_came(barrier, interface);
        }
        Ok(())
    });
}

/// An interface's packets are looked up in another table.
///
/// # Safety
/// Called by VPP on its main thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_interface_table(sw_if_index: u32) {
    // SAFETY: tables are bound on the main thread.
    let main = unsafe { Main::current() };
    if !meter::is_running() {
        return;
    }
    let _ = meter::with_meter(main, |meter| {
        meter.interface_changed(&mut main.barrier(), sw_if_index);
        Ok(())
    });
}
