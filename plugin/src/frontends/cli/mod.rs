// SPDX-License-Identifier: Apache-2.0
//! The commands, and the stanza of startup.conf: words in, one line of error or text out.
//!
//! A command is read whole before it changes anything.

mod cells;
mod clear;
pub(crate) mod config;
mod exporter;
mod flows;
mod interface;
mod memory;
mod set;
mod show;
mod table;
pub(crate) mod words;

use crate::ffi::command::commands;

commands! {
    "flowmeter interface" " <interface>|<glob> [ip4|ip6|l2|all] [rx|tx|both] [disable]" =>
        interface::interface,
    "flowmeter flush" "" => clear::flush,
    // With the exporter in the same command: VPP tries the shorter path too where the longer
    // one's function returns an error, and would print what that makes of it.
    "set flowmeter" " [active-timeout <seconds>] [idle-timeout <seconds>] [flows-per-worker <n>] \
        [observation-domain <n>] [default] | exporter collector <ip> [port <n>] \
        src <ip>|<interface> [fib <table>] [path-mtu <n>] [template-interval <seconds>] | \
        exporter disable" => set::set,
    "show flowmeter" " [interfaces|exporter|statistics|memory|verify] | flows [top <n>] \
        [by packets|octets] [ip4|ip6|l2] [match <ip>]" => show::show,
    "clear flowmeter" " [statistics]" => clear::clear,
}
