// SPDX-License-Identifier: Apache-2.0
//! The C symbols of include/flowmeter.h that api.c calls.

use vpp_sys::{vlib_frame_t, vlib_main_t, vlib_node_runtime_t};

use super::request::{self, Request};
use super::wire::{Caller, Exporter, Parameters, Query, Watch};
use super::{events, queue, serve};
use crate::ffi::Main;

macro_rules! requests {
    ($($(#[doc = $doc:literal])+
        $symbol:ident($($name:ident: $type:ty),*) => $request:expr;)+) => {
        $(
            $(#[doc = $doc])+
            ///
            /// # Safety
            /// Called on VPP's main thread; pointers are valid for the length of this call.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $symbol(caller: *const Caller, $($name: $type),*) {
                // SAFETY: as the caller promises.
                let main = unsafe { Main::current() };
                // SAFETY: as above.
                let caller = unsafe { *caller };
                queue::submit(main, caller, $request);
            }
        )+
    };
}

requests! {
    /// Starts or stops metering an interface.
    flowmeter_api_interface_add_del(is_add: u32, watch: *const Watch) =>
        // SAFETY: as the caller promises.
        request::interface(is_add != 0, unsafe { &*watch });
    /// Adds or removes a rule.
    flowmeter_api_rule_add_del(is_add: u32, watch: *const Watch) =>
        // SAFETY: as the caller promises.
        request::rule(is_add != 0, unsafe { &*watch });
    /// Lists the metered interfaces.
    flowmeter_api_interface_dump(sw_if_index: u32) => Ok(Request::Interfaces(
        (sw_if_index != u32::MAX).then_some(sw_if_index),
    ));
    /// Lists the rules.
    flowmeter_api_rule_dump() => Ok(Request::Rules);
    /// Sets the parameters.
    flowmeter_api_set_parameters(parameters: *const Parameters) =>
        // SAFETY: as the caller promises.
        request::parameters(unsafe { &*parameters });
    /// Returns the parameters.
    flowmeter_api_get_parameters() => Ok(Request::Parameters);
    /// Sets the exporter.
    flowmeter_api_set_exporter(is_add: u32, exporter: *const Exporter) =>
        // SAFETY: as the caller promises.
        request::exporter(is_add != 0, unsafe { &*exporter });
    /// Returns the exporter.
    flowmeter_api_get_exporter() => Ok(Request::Exporter);
    /// Ends all flows.
    flowmeter_api_flush() => Ok(Request::Flush);
    /// Resets the accounts.
    flowmeter_api_clear_statistics() => Ok(Request::ClearStatistics);
    /// Lists the accounts.
    flowmeter_api_statistics_dump(thread_index: u32) => Ok(Request::Statistics(
        (thread_index != u32::MAX).then_some(thread_index),
    ));
    /// Lists live flows.
    flowmeter_api_flow_dump(query: *const Query) =>
        // SAFETY: as the caller promises.
        request::flows(unsafe { &*query });
    /// Lists operations.
    flowmeter_api_operation_dump(operation: u32) => Ok(Request::Operations(
        (operation != 0).then_some(operation),
    ));
    /// Subscribes to or unsubscribes from events.
    flowmeter_api_want_events(enable: u32, pid: u32) => Ok(Request::Events {
        enable: enable != 0,
        pid,
    });
}

/// Called when a client has disconnected.
///
/// # Safety
/// Called on VPP's main thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_api_client_left(client: u32) {
    // SAFETY: as the caller promises.
    let main = unsafe { Main::current() };
    queue::client_left(main, client);
    events::client_left(main, client);
}

/// The function of the processes that answer requests. Never returns.
///
/// # Safety
/// Called by VPP as a process's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmeter_api_process(
    vm: *mut vlib_main_t,
    node: *mut vlib_node_runtime_t,
    _frame: *mut vlib_frame_t,
) -> u64 {
    // SAFETY: the arguments are VPP's, for this call.
    let node = unsafe { (*node).node_index };
    // SAFETY: VPP's processes run on the main thread.
    serve::run(unsafe { Main::new(vm) }, node)
}
