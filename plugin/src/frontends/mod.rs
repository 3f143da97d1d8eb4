// SPDX-License-Identifier: Apache-2.0
//! How people and programs reach the plugin: commands and startup.conf, its binary API, and
//! flowprobe's. Each reads what was asked, has [`control`](crate::control) do it, and says what
//! came of it.

pub(crate) mod api;
pub(crate) mod cli;
pub(crate) mod flowprobe;
