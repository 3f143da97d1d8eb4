// SPDX-License-Identifier: Apache-2.0
//! How a thread's records leave: the state that all threads share, the way from records to
//! messages, and messages as datagrams in VPP's buffers.
//!
//! It knows neither flow tables nor who meters.

pub(crate) mod announcements;
pub(crate) mod budget;
pub(crate) mod datagram;
pub(crate) mod outlet;
mod pacing;
pub(crate) mod shared;
