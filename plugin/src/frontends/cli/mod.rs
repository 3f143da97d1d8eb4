// SPDX-License-Identifier: Apache-2.0
//! The commands, and the stanza of startup.conf.
//!
//! A command is parsed completely before it changes anything. Errors are one line.

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
    // The exporter is in the same command: if the function of a longer path returns an error, VPP
    // also tries the shorter path, and would print its error, too.
    "set flowmeter" " [active-timeout <seconds>] [idle-timeout <seconds>] [flows-per-worker <n>] \
        [observation-domain <n>] [default] | exporter collector <ip> [port <n>] \
        src <ip>|<interface> [fib <table>] [path-mtu <n>] [template-interval <seconds>] | \
        exporter disable" => set::set,
    "show flowmeter" " [interfaces|exporter|statistics|memory|verify] | flows [top <n>] \
        [by packets|octets] [ip4|ip6|l2] [match <ip>]" => show::show,
    "clear flowmeter" " [statistics]" => clear::clear,
}
