// SPDX-License-Identifier: Apache-2.0
//! Export of a thread's records: the state that all threads share, records to messages, and
//! messages to datagrams in VPP's buffers.
//!
//! It knows neither flow tables nor metering processes.

pub(crate) mod announcements;
pub(crate) mod budget;
pub(crate) mod datagram;
pub(crate) mod outlet;
mod pacing;
pub(crate) mod shared;
