// SPDX-License-Identifier: Apache-2.0
//! The structures that messages are made of, and sending them: api.h, safe to call.

use crate::ffi::{Main, header};

pub(crate) use crate::ffi::header::{
    flowmeter_address_t as Address, flowmeter_caller_t as Caller,
    flowmeter_exporter_state_t as ExporterState, flowmeter_exporter_t as Exporter,
    flowmeter_flow_t as Flow, flowmeter_operation_t as Operation,
    flowmeter_parameters_t as Parameters, flowmeter_query_t as Query,
    flowmeter_records_t as Records, flowmeter_statistics_t as Statistics,
    flowmeter_table_full_t as TableFull, flowmeter_tally_t as Tally, flowmeter_watch_t as Watch,
};

/// How many processes answer requests.
pub(crate) const PROCESSES: usize = header::API_N_PROCESSES as usize;

/// Octets of a name, its last a zero.
pub(crate) const NAME_OCTETS: usize = header::FLOWMETER_NAME_OCTETS as usize;

/// Whether a client takes a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Now,
    Later,
    /// The client is gone.
    Never,
}

/// Whether a client takes a message.
pub(crate) fn room(_main: Main, client: u32) -> Room {
    // SAFETY: this is the main thread.
    match unsafe { header::api_room(client) } {
        0 => Room::Later,
        1.. => Room::Now,
        _ => Room::Never,
    }
}

/// Whether there is memory for lists to a client.
pub(crate) fn has_memory(_main: Main, client: u32) -> bool {
    // SAFETY: this is the main thread.
    unsafe { header::api_has_memory(client) != 0 }
}

/// Answers with just a retval.
pub(crate) fn reply(_main: Main, caller: &Caller, retval: i32) {
    // SAFETY: this is the main thread, and the caller of a request.
    unsafe { header::api_reply(caller, retval) }
}

/// Answers a request for an operation that goes on.
pub(crate) fn reply_operation(_main: Main, caller: &Caller, retval: i32, operation: u32) {
    // SAFETY: this is the main thread, and the caller of a request for an operation.
    unsafe { header::api_reply_operation(caller, retval, operation) }
}

/// How a flow dump ends.
pub(crate) fn reply_flows(_main: Main, caller: &Caller, matched: u64) {
    // SAFETY: this is the main thread, and the caller of a flow dump.
    unsafe { header::api_reply_flows(caller, matched) }
}

/// Something that is sent to who asked for it.
pub(crate) trait Send {
    /// Sends it, as an answer to `caller`'s request.
    fn send(&self, main: Main, caller: &Caller);
}

macro_rules! sends {
    ($($(#[doc = $doc:literal])+ $name:ident($type:ty) = $function:ident,)+) => {
        $(
            $(#[doc = $doc])+
            pub(crate) struct $name(pub(crate) $type);

            impl Send for $name {
                fn send(&self, _main: Main, caller: &Caller) {
                    // SAFETY: this is the main thread, and the caller asked for this.
                    unsafe { header::$function(caller, &self.0) }
                }
            }
        )+
    };
}

sends! {
    /// What is set, as a reply.
    ParametersReply(Parameters) = api_reply_parameters,
    /// Where records go, as a reply.
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

/// Tells a client that flows had to leave for lack of room.
pub(crate) fn table_full(_main: Main, client: u32, pid: u32, event: &TableFull) {
    // SAFETY: this is the main thread.
    unsafe { header::api_send_table_full(client, pid, event) }
}

/// Tells a client of a way to the collector.
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

/// Tells a client how an operation has ended.
pub(crate) fn operation_end(_main: Main, client: u32, pid: u32, operation: u32, retval: i32) {
    // SAFETY: this is the main thread.
    unsafe { header::api_send_operation_end(client, pid, operation, retval) }
}
