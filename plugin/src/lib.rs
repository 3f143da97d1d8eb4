// SPDX-License-Identifier: Apache-2.0
//! The flow meter as a VPP plugin: it hosts the engine in VPP's workers.
//!
//! ```text
//! VPP's main thread                              each of VPP's threads
//!  frontends: commands, messages → control        dataplane: frame → engine → next feature
//!  control: all or nothing    (barrier) →                    sweep → engine → messages
//!  process: every 10 ms     (interrupt) →         export: messages → buffers → ip4/ip6-lookup
//!  inspection                  (queues) ↔         sweep: accounts, live flows
//! ```
//!
//! Imports run one way: `hooks` → `frontends` → `control` → `dataplane` → `export` → `ffi`.
//! VPP calls `hooks`; the plugin calls VPP through `ffi`. The plugin uses VPP's terms. Only the
//! engine knows what a flow is and how it is exported.

// VPP calls hooks by their symbols.
#![allow(unreachable_pub, reason = "exported symbols of private modules")]

mod control;
mod dataplane;
mod export;
mod ffi;
mod frontends;
mod hooks;

use flowmeter::VERSION;

/// The version of VPP that the plugin was built for.
const VPP_VERSION: &str = env!("FLOWMETER_VPP_VERSION");
