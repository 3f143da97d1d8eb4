// SPDX-License-Identifier: Apache-2.0
//! The C symbols of include/flowmeter.h: the functions that VPP calls, and the lists of what it
//! registers.
//!
//! Each function creates the types that prove its thread, and calls the module that does the work.

use core::ffi::{CStr, c_void};

use vpp_sys::{vlib_frame_t, vlib_main_t, vlib_node_runtime_t};

use crate::control::{exit, interface_events, process, state};
use crate::dataplane::node::Pass;
use crate::dataplane::order::Constraints;
use crate::dataplane::place::{Arc, Observe, Place, Points, each_place};
use crate::dataplane::trace::Trace;
use crate::dataplane::worker::Worker;
use crate::dataplane::{node, place, recording_node};
use crate::ffi::feature::Features;
use crate::ffi::frame::Frame;
use crate::ffi::header::{
    FLOWMETER_COMMANDS, flowmeter_command_t, flowmeter_feature_t, flowmeter_node_t,
    flowmeter_order_t,
};
use crate::ffi::{Main, Thread, registration, text};
use crate::frontends::{api, cli, flowprobe};

type NodeFunction =
    unsafe extern "C" fn(*mut vlib_main_t, *mut vlib_node_runtime_t, *mut vlib_frame_t) -> u64;

/// Calls `meter` with a frame and this thread's worker, and enqueues the packets to their next
/// nodes.
///
/// # Safety
/// The arguments are those of the current call of a node's function.
#[inline(always)]
unsafe fn pass(
    vm: *mut vlib_main_t,
    node: *mut vlib_node_runtime_t,
    frame: *mut vlib_frame_t,
    meter: impl FnOnce(&Pass<'_>, &mut Worker, &Points),
) -> u64 {
    // SAFETY: as the caller promises.
    let pass = Pass::begin(unsafe { Frame::new(vm, node, frame) });
    state::with_worker(pass.thread(), |worker, points| meter(&pass, worker, points));
    pass.enqueue()
}

/// The function of a place's node.
///
/// # Safety
/// Called by VPP as a node's function.
unsafe extern "C" fn observe<O: Observe>(
    vm: *mut vlib_main_t,
    node: *mut vlib_node_runtime_t,
    frame: *mut vlib_frame_t,
) -> u64 {
    // SAFETY: the arguments are VPP's, for this call.
    unsafe { pass(vm, node, frame, node::meter::<O>) }
}

/// The function of a place's node for recorded flows.
///
/// # Safety
/// Called by VPP as a node's function.
unsafe extern "C" fn record<O: Observe>(
    vm: *mut vlib_main_t,
    node: *mut vlib_node_runtime_t,
    frame: *mut vlib_frame_t,
) -> u64 {
    // SAFETY: the arguments are VPP's, for this call.
    unsafe { pass(vm, node, frame, recording_node::meter::<O>) }
}

macro_rules! node_functions {
    ($($place:ident,)+) => {
        /// The functions of each place's two nodes.
        const FUNCTIONS: &[(Place, [NodeFunction; 2])] = &[
            $((Place::$place, [observe::<place::$place>, record::<place::$place>]),)+
        ];
    };
}

each_place!(node_functions);

/// The observing nodes.
fn nodes() -> impl Iterator<Item = flowmeter_node_t> {
    FUNCTIONS.iter().flat_map(|(place, functions)| {
        let names = [Some(place.node()), place.recording_node()];
        names
            .into_iter()
            .zip(functions)
            .filter_map(|(name, function)| {
                Some(flowmeter_node_t {
                    name: name?.as_ptr(),
                    function: Some(*function),
                })
            })
    })
}

/// The features of the observing nodes: arc and node name.
fn features() -> impl Iterator<Item = (&'static Arc, &'static CStr)> {
    Place::ALL.iter().flat_map(|place| {
        let nodes = [Some(place.node()), place.recording_node()];
        let arcs = move |node| place.arcs().iter().map(move |arc| (arc, node));
        nodes.into_iter().flatten().flat_map(arcs)
    })
}

/// Writes the observing node with this index.
///
/// # Safety
/// `node` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_node(index: u32, node: *mut flowmeter_node_t) -> u32 {
    // SAFETY: as the caller promises.
    unsafe { write_item(nodes().nth(index as usize), node) }
}

/// Writes the feature with this index.
///
/// # Safety
/// `feature` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_feature(index: u32, feature: *mut flowmeter_feature_t) -> u32 {
    let found = features().nth(index as usize);
    let found = found.map(|(arc, node)| flowmeter_feature_t {
        arc: arc.name.as_ptr(),
        node: node.as_ptr(),
    });
    // SAFETY: as the caller promises.
    unsafe { write_item(found, feature) }
}

/// Writes the order of the feature with this index.
///
/// # Safety
/// Called by VPP on its main thread, after all plugins are loaded; `order` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_order(index: u32, order: *mut flowmeter_order_t) -> u32 {
    // SAFETY: as the caller promises.
    let main = unsafe { Main::current() };
    let found = features().nth(index as usize);
    let found = found.map(|(arc, _)| {
        let registered = Features::of(main, arc.name);
        let is_ours = |name: &CStr| features().any(|(_, node)| node == name);
        let Constraints {
            runs_before,
            runs_after,
        } = arc.order.among(&registered, is_ours);
        flowmeter_order_t {
            runs_before: runs_before.as_ptr(),
            runs_after: runs_after.as_ptr(),
        }
    });
    // SAFETY: as the caller promises.
    unsafe { write_item(found, order) }
}

/// Writes the command with this index in one of the two lists.
///
/// # Safety
/// `command` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_command(
    list: u32,
    index: u32,
    command: *mut flowmeter_command_t,
) -> u32 {
    let commands = if list == FLOWMETER_COMMANDS {
        cli::COMMANDS
    } else {
        flowprobe::COMMANDS
    };
    let found = commands.get(index as usize);
    let found = found.map(|listed| flowmeter_command_t {
        path: listed.path.as_ptr(),
        short_help: listed.short_help.as_ptr(),
        function: Some(listed.function),
    });
    // SAFETY: as the caller promises.
    unsafe { write_item(found, command) }
}

/// Writes an item and returns 1, or returns 0 if there is none.
///
/// # Safety
/// `place` is writable.
unsafe fn write_item<T>(item: Option<T>, place: *mut T) -> u32 {
    let Some(item) = item else { return 0 };
    // SAFETY: as the caller promises.
    unsafe { place.write(item) };
    1
}

/// The function of the node of a thread's sweep.
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
    let thread = unsafe { Thread::new(vm) };
    state::sweep(thread, node);
    0
}

/// The function of the process node that wakes the sweeps. Never returns.
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

/// Writes the text of a trace record for `show trace`, and returns its length.
///
/// # Safety
/// `trace` was written by an observing node, and `text` has room for `size` octets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_format_trace(
    trace: *const c_void,
    text: *mut u8,
    size: u32,
) -> u32 {
    // SAFETY: as the caller promises; a trace record has no pointers.
    let trace = unsafe { trace.cast::<Trace>().read_unaligned() };
    // SAFETY: traces are shown on the main thread.
    let line = trace.text(unsafe { Main::current() });
    let length = line.floor_char_boundary(size as usize);
    // SAFETY: as the caller promises.
    unsafe { text.copy_from_nonoverlapping(line.as_ptr(), length) };
    length as u32
}

/// Called after VPP has loaded this library. An error makes VPP unload it: there may be only one
/// copy of the plugin.
///
/// # Safety
/// Called by VPP on its main thread, before any plugin starts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_early_init(
    _vm: *mut vlib_main_t,
    _plugin: *mut c_void,
) -> *mut c_void {
    // SAFETY: reads registrations on the thread that loads plugins.
    let copies = unsafe { vpp_sys::vpp_shim_registered_nodes(c"flowmeter-process".as_ptr()) };
    text::outcome(if copies > 1 {
        Err("another copy of the flow meter is loaded already: this copy is disabled".to_owned())
    } else {
        // SAFETY: VPP is loading plugins.
        unsafe { registration::check_version() }
    })
}

/// Called after each API message and command.
///
/// # Safety
/// Called by VPP on its main thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_after_request() {
    // SAFETY: as the caller promises.
    process::after_request(unsafe { Main::current() });
}

/// Called when VPP starts.
///
/// # Safety
/// Called by VPP on its main thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_init(vm: *mut vlib_main_t) -> *mut c_void {
    // SAFETY: VPP starts on its main thread.
    let main = unsafe { Main::new(vm) };
    text::outcome(state::init(main, api::LISTENER).map_err(String::from))
}

/// Called when VPP's main loop has ended, with the workers held at the barrier.
///
/// # Safety
/// Called by VPP on its main thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_exit(vm: *mut vlib_main_t) -> *mut c_void {
    // SAFETY: VPP exits on its main thread.
    exit::exit(unsafe { Main::new(vm) });
    text::outcome(Ok(()))
}

/// Called with the stanza of startup.conf.
///
/// # Safety
/// Called by VPP on its main thread; `text` points to `length` octets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_config(
    vm: *mut vlib_main_t,
    text: *const u8,
    length: u32,
) -> *mut c_void {
    // SAFETY: as the caller promises.
    let main = unsafe { Main::new(vm) };
    // SAFETY: as the caller promises.
    let words = unsafe { text::words(text, length) };
    text::outcome(cli::config::config(main, words))
}

/// Called when an interface was added or removed.
///
/// # Safety
/// Called by VPP on its main thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_interface_add_del(sw_if_index: u32, is_add: u32) {
    // SAFETY: interfaces are added and removed on the main thread.
    let main = unsafe { Main::current() };
    if is_add == 0 {
        interface_events::removed(main, sw_if_index);
    } else {
        interface_events::added(main, sw_if_index);
    }
}

/// Called before an interface is bound to another FIB table of one IP version.
///
/// # Safety
/// Called by VPP on its main thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_interface_table(sw_if_index: u32, is_ip6: u32, table_id: u32) {
    // SAFETY: tables are bound on the main thread.
    let main = unsafe { Main::current() };
    interface_events::table_changed(main, sw_if_index, is_ip6 != 0, table_id);
}
