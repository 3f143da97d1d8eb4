// SPDX-License-Identifier: Apache-2.0
//! The user interfaces of the plugin: commands and startup.conf, its binary API, and flowprobe's
//! API and commands. Each parses a request, calls [`control`](crate::control), and reports the
//! result.

pub(crate) mod api;
pub(crate) mod cli;
pub(crate) mod flowprobe;
