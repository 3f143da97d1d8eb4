// SPDX-License-Identifier: Apache-2.0
//! The Exporting Process (RFC 5470 §5.2): flow records in, IPFIX messages out (RFC 7011).
//!
//! Template ids and layouts are constants, the same in every process of every version with
//! the same major number, because some collectors cache templates without regard to who
//! sent them.

mod data_record;
pub mod information_element;
mod layered;
mod message;
mod options;
mod process;
mod template;

pub use data_record::FlowTemplate;
pub use message::{Message, MessageKind};
pub use options::{Interface, Interfaces};
pub use process::{ExportStatistics, ExportingProcess, Sequence, Transport};
pub use template::{FieldSpecifier, Template, TemplateId};

#[cfg(test)]
mod tests;
