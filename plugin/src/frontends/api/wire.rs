// SPDX-License-Identifier: Apache-2.0
//! Safe wrappers of api.h: the structures of messages, and sending them.

use crate::ffi::{Main, header};

pub(crate) use crate::ffi::header::{
    flowmeter_address_t as Address, flowmeter_caller_t as Caller,
    flowmeter_exporter_state_t as ExporterState, flowmeter_exporter_t as Exporter,
    flowmeter_flow_t as Flow, flowmeter_operation_t as Operation,
    flowmeter_parameters_t as Parameters, flowmeter_query_t as Query,
    flowmeter_records_t as Records, flowmeter_statistics_t as Statistics,
    flowmeter_table_full_t as TableFull, flowmeter_tally_t as Tally, flowmeter_watch_t as Watch,
};

/// The number of processes that answer requests.
pub(crate) const PROCESSES: usize = header::API_N_PROCESSES as usize;

/// Octets of a name, including a terminating zero.
pub(crate) const NAME_OCTETS: usize = header::FLOWMETER_NAME_OCTETS as usize;

/// Whether a client can receive a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Now,
    Later,
    /// The client is gone.
    Never,
}

/// Whether a client can receive a message.
pub(crate) fn room(_main: Main, client: u32) -> Room {
    // SAFETY: this is the main thread.
    match unsafe { header::api_room(client) } {
        0 => Room::Later,
        1.. => Room::Now,
        _ => Room::Never,
    }
}

/// Whether VPP has enough memory to send a client a list.
pub(crate) fn has_memory(_main: Main, client: u32) -> bool {
    // SAFETY: this is the main thread.
    unsafe { header::api_has_memory(client) != 0 }
}

/// Sends a reply that has only a retval.
pub(crate) fn reply(_main: Main, caller: &Caller, retval: i32) {
    // SAFETY: this is the main thread, and the caller of a request.
    unsafe { header::api_reply(caller, retval) }
}

/// Sends the reply of an operation in progress.
pub(crate) fn reply_operation(_main: Main, caller: &Caller, retval: i32, operation: u32) {
    // SAFETY: this is the main thread, and the caller of a request for an operation.
    unsafe { header::api_reply_operation(caller, retval, operation) }
}

/// Sends the reply that ends a flow dump.
pub(crate) fn reply_flows(_main: Main, caller: &Caller, matched: u64) {
    // SAFETY: this is the main thread, and the caller of a flow dump.
    unsafe { header::api_reply_flows(caller, matched) }
}

/// A message that answers a request.
pub(crate) trait Send {
    /// Sends the message to `caller`.
    fn send(&self, main: Main, caller: &Caller);
}

macro_rules! sends {
    ($($(#[doc = $doc:literal])+ $name:ident($type:ty) = $function:ident,)+) => {
        $(
            $(#[doc = $doc])+
            pub(crate) struct $name(pub(crate) $type);

            impl Send for $name {
                fn send(&self, _main: Main, caller: &Caller) {
                    // SAFETY: this is the main thread, and the caller requested this message.
                    unsafe { header::$function(caller, &self.0) }
                }
            }
        )+
    };
}

sends! {
    /// The reply with the parameters.
    ParametersReply(Parameters) = api_reply_parameters,
    /// The reply with the exporter.
    ExporterReply(ExporterState) = api_reply_exporter,
    /// A place of an interface, in a list.
    InterfaceDetails(Watch) = api_send_interface,
    /// A rule, in a list.
    RuleDetails(Watch) = api_send_rule,
    /// A thread's accounts, in a list.
    StatisticsDetails(Statistics) = api_send_statistics,
    /// An operation, in a list.
    OperationDetails(Operation) = api_send_operation,
    /// A flow, in a list.
    FlowDetails(Flow) = api_send_flow,
}

/// Sends a client the event that flows were evicted.
pub(crate) fn table_full(_main: Main, client: u32, pid: u32, event: &TableFull) {
    // SAFETY: this is the main thread.
    unsafe { header::api_send_table_full(client, pid, event) }
}

/// Sends a client the event that the collector has become reachable or unreachable.
pub(crate) fn exporter(
    _main: Main,
    client: u32,
    pid: u32,
    reachable: bool,
    collector: Address,
    port: u16,
) {
    let reachable = u8::from(reachable);
    // SAFETY: this is the main thread.
    unsafe { header::api_send_exporter(client, pid, reachable, &raw const collector, port) }
}

/// Sends a client the event that an operation has ended.
pub(crate) fn operation_end(_main: Main, client: u32, pid: u32, operation: u32, retval: i32) {
    // SAFETY: this is the main thread.
    unsafe { header::api_send_operation_end(client, pid, operation, retval) }
}
