// SPDX-License-Identifier: Apache-2.0
//! The Exporting Process (RFC 5470 §5.2): flow records in, IPFIX messages out (RFC 7011).
//!
//! Template ids and layouts are constants, the same in every process of every version with the same
//! major number, because some collectors cache templates by id alone, for all exporters.

mod announcements;
mod data_record;
mod data_type;
pub mod information_element;
mod layered;
mod message;
mod options;
mod process;
mod template;
mod writer;

pub use data_record::FlowTemplate;
pub use message::{Message, MessageKind};
pub use options::{Interface, Interfaces};
pub use process::ExportingProcess;
pub use template::{FieldSpecifier, Template, TemplateId};
pub use writer::{ExportStatistics, Session, Transport};

#[cfg(test)]
mod tests;
