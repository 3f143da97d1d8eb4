// SPDX-License-Identifier: Apache-2.0
//! flowprobe's API and commands, served if flowprobe is not loaded.
//!
//! Clients and collectors see what they see of flowprobe; its bugs are not reproduced.

mod cli;
mod hooks;

use crate::ffi::command::commands;

commands! {
    "flowprobe params" " record [l2] [l3] [l4] [active <timer>] [passive <timer>]" => cli::params,
    "flowprobe feature add-del" " <interface-name> [(l2|ip4|ip6)] [(rx|tx|both)] [disable]" =>
        cli::feature,
    "show flowprobe params" "" => cli::show_params,
    "show flowprobe feature" "" => cli::show_feature,
    "show flowprobe table" "" => cli::show_table,
    "show flowprobe statistics" "" => cli::show_statistics,
}
