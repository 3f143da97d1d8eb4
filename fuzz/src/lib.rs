// SPDX-License-Identifier: Apache-2.0
//! What the fuzz targets do with their octets, and what has to hold whatever those are.
//!
//! The engine is used as any host uses it; `meter` alone knows how. The command is a binary, so its
//! modules that are fuzzed are compiled here once more, from the same files.

// Of the command's modules a part is used.
#[allow(dead_code)]
#[path = "../../cli/src/arguments.rs"]
mod arguments;
#[allow(dead_code)]
#[path = "../../cli/src/capture/mod.rs"]
mod capture;
#[allow(dead_code)]
#[path = "../../cli/src/dump/mod.rs"]
mod dump;
#[allow(dead_code)]
#[path = "../../cli/src/text.rs"]
mod text;

mod captures;
mod dumping;
mod engine;
mod export;
mod ipfix;
mod meter;
mod packets;
pub mod seeds;
mod traffic;

pub use captures::captures;
pub use dumping::dump;
pub use engine::engine;
pub use packets::packets;
