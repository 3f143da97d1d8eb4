// SPDX-License-Identifier: Apache-2.0
//! The flow meter's engine: packets in, IPFIX messages out.
//!
//! ```text
//! Observation Point       Metering Process           Exporting Process
//!  a host's packets   →  parse hash prefetch   →   encode into a message   →  a host's
//!                        probe update  expire      template, options, seq     transport
//! ```
//!
//! The engine does no I/O, has no clock and starts no thread, and the build for a target without `std`
//! proves that: a host hands it frames of [`packet::Packet`]s with their times, and takes messages in buffers of its own. On the way of a packet there
//! is no lock, no allocation, no system call and no virtual call.
//!
//! | RFC 5470 and 7011 | here | in VPP |
//! | --- | --- | --- |
//! | Observation Point | [`observation::ObservationPoint`] | an interface on a feature arc |
//! | Observation Domain | [`observation::ObservationDomainId`] | a worker thread |
//! | Metering Process | [`metering::MeteringProcess`] | a node and its per-worker data |
//! | Flow Key, Flow Record | [`flow::FlowKey`], [`flow::FlowRecord`] | |
//! | Exporting Process | [`exporting::ExportingProcess`] | an IPFIX exporter |
//! | Message | [`exporting::Message`] | a buffer |

//!
//! It is a `no_std` crate with allocation; on x86-64 it asks `std` which instruction sets there are. On
//! Linux the memory of flow tables is mapped, elsewhere it is allocated.

#![cfg_attr(not(test), no_std)]
#![deny(unsafe_code)]

extern crate alloc;

mod cpu;
pub mod exporting;
pub mod flow;
mod flow_table;
pub mod metering;
pub mod observation;
pub mod packet;
pub mod time;
