// SPDX-License-Identifier: Apache-2.0
//! The flow meter's engine: packets in, IPFIX messages out.
//!
//! ```text
//! Observation Point       Metering Process           Exporting Process
//!  a host's packets   →  parse hash prefetch   →   encode into a message   →  a host's
//!                        probe update  expire      template, options, seq     transport
//! ```
//!
//! The engine does no I/O, has no clock and starts no thread; the build for a target without `std` proves
//! that. A host passes it batches of [`packet::Packet`]s with their times, and receives messages in buffers
//! of its own. The packet path has no lock, no
//! allocation, no system call and no virtual call.
//!
//! A host with one worker, whole:
//!
//! ```
//! use flowmeter::exporting::{ExportingProcess, Message, Transport};
//! use flowmeter::metering::{Configuration, Flush, MeteringProcess, Seed, Swept};
//! use flowmeter::observation::{LinkType, ObservationDomainId, ObservationPoint};
//! use flowmeter::packet::Packet;
//! use flowmeter::time::{Timestamp, Uptime};
//!
//! /// Keeps messages; a real host sends them to a collector.
//! #[derive(Default)]
//! struct Messages(Vec<Vec<u8>>);
//!
//! impl Transport for Messages {
//!     type Buffer = Vec<u8>;
//!
//!     fn buffer(&mut self) -> Option<Vec<u8>> {
//!         Some(vec![0; 1400])
//!     }
//!
//!     fn send(&mut self, mut message: Message<Vec<u8>>) {
//!         message.buffer.truncate(message.length);
//!         self.0.push(message.buffer);
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut metering = MeteringProcess::new(&Configuration::new(100_000, Seed::random()?))?;
//! let mut exporting = ExportingProcess::new(Messages::default(), ObservationDomainId(1));
//!
//! // For each batch of packets, here one of IPv4: an ICMP echo request.
//! let data = b"\x45\0\0\x1c\0\0\0\0\x40\x01\0\0\xc0\0\x02\x01\xc0\0\x02\x02\x08\0\0\0\0\0\0\0";
//! let (time, uptime) = (Timestamp::from_millis(1_790_000_000_000), Uptime::from_millis(20));
//! let point = ObservationPoint { link_type: LinkType::RawIp, ..ObservationPoint::default() };
//! let length = data.len() as u32;
//! let packet = Packet { data, point, time, uptime, length, segment_size: 0 };
//! exporting.tick(time, uptime);
//! metering.observe(&[packet][..], &mut exporting);
//!
//! // Some times a second: the records of flows that have expired.
//! metering.expire(uptime, 1000, &mut exporting);
//!
//! // At the end: the records of all other flows.
//! let mut flush = Flush::default();
//! while metering.flush(&mut flush, uptime, 1000, |_| true, &mut exporting) == Swept::More {}
//! exporting.flush();
//!
//! let statistics = metering.statistics();
//! assert_eq!(statistics.metered.packets, 1);
//! assert_eq!(statistics.exported().tally, statistics.metered);
//! // Templates, how packets are selected (all of them), and the flow's record.
//! assert_eq!(exporting.transport().0.len(), 3);
//! # Ok(())
//! # }
//! ```
//!
//! `examples/meter.rs` reads a capture and sends UDP.
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
pub mod number;
pub mod observation;
pub mod packet;
pub mod time;

/// The version, the commit that it was built from, and the day of that commit:
/// `0.1.0 (153a55f86b 2026-11-28)`.
///
/// `+changes` after the commit means that files differed from it. A package from a registry has no
/// day, and code from neither git nor a registry has the version alone.
pub const VERSION: &str = env!("FLOWMETER_VERSION");
