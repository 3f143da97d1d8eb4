// SPDX-License-Identifier: Apache-2.0
//! The flow meter as a VPP plugin: it hosts the engine in VPP's workers.
//!
//! ```text
//! VPP's main thread                             each of VPP's threads
//!  cli, api, config  → meter, interfaces,        observe: frame → engine → next feature
//!  exporter           (under the barrier) →      process::expire: sweep → engine → messages
//!  process: every 10 ms      (interrupt) →       datagram: messages → buffers → ip4/ip6-lookup
//! ```
//!
//! `vlib/` holds the safe wrappers of what VPP offers, `hooks` what VPP calls; `cli/` reads
//! commands, `api/` messages, and `control/` does what both ask for. Words are VPP's here; what a
//! flow is and how it is exported the engine knows alone.

// Hooks are for VPP to call, and only by their symbols.
#![allow(unreachable_pub, reason = "exported symbols of private modules")]

mod api;
mod cli;
mod control;
mod counters;
mod datagram;
mod errors;
mod exit;
mod exporter;
mod flowprobe;
mod hooks;
mod interfaces;
mod meter;
mod observe;
mod outlet;
mod place;
mod process;
mod refusal;
mod registration;
mod shared;
mod sweeping;
mod trace;
mod vlib;
mod worker;

/// Our version.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit that this was built from.
const COMMIT: &str = env!("FLOWMETER_COMMIT");
/// The version of VPP that this was built for.
const VPP_VERSION: &str = env!("FLOWMETER_VPP_VERSION");
