// SPDX-License-Identifier: Apache-2.0
//! The commands, and the stanza of startup.conf: words in, one line of error or text out.
//!
//! A command is read whole before it changes anything.

mod clear;
pub(crate) mod config;
mod exporter;
mod flows;
mod interface;
mod set;
mod show;
pub(crate) mod words;

pub(crate) use clear::{clear, flush};
pub(crate) use interface::interface;
pub(crate) use set::set;
pub(crate) use show::show;
