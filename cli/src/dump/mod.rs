// SPDX-License-Identifier: Apache-2.0
//! `flowmeter dump`: an IPFIX file (RFC 5655) read back and shown.
//!
//! `records` reads messages and sets, `template` cuts records into values, and `element` says
//! what those are. Elements and values are netflow_parser's, a decoder that is not ours; the
//! cutting is ours, because its own skips what it cannot read. `json` and `table` are the two
//! ways to show a record, `error` says what can go wrong. Memory does not grow with the file,
//! and no octets make it panic.

mod element;
mod error;
mod json;
mod records;
mod table;
mod template;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use serde_json::{Map, Value};

pub(crate) use error::{DumpError, Problem};
use records::Records;
use table::Table;

use crate::arguments::Dump;

/// Writes the file's records to `out`, line by line; it had better be buffered.
///
/// Nobody reading `out` any more is a normal end: `flowmeter dump FILE | head`.
///
/// # Errors
/// Where the file is not what it should be, or `out` takes nothing. The records before the
/// place that could not be read have been written then.
pub(crate) fn run(options: &Dump, out: &mut dyn Write) -> Result<(), DumpError> {
    let problems = match open(&options.file) {
        Ok(reader) => match dump(reader, options.json, out) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written.map_err(DumpError::Write)?,
        },
        Err(error) => vec![Problem::Open(error)],
    };
    if problems.is_empty() {
        return Ok(());
    }
    Err(DumpError::File {
        file: options.file.clone(),
        problems,
    })
}

/// The records of an IPFIX file, options records among them, each with its elements' names
/// in IANA's registry as keys.
///
/// After the first place that cannot be read there are no more records. What was skipped and what
/// is found missing in the sequences comes last.
pub(crate) fn read_records<R: Read>(
    reader: R,
) -> impl Iterator<Item = Result<Map<String, Value>, Problem>> {
    Records::new(reader).map(|record| record.map(|record| json::object(&record)))
}

fn open(file: &Path) -> io::Result<Box<dyn Read>> {
    if file == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(BufReader::new(File::open(file)?)))
}

/// Writes what can be read and returns what cannot; an error is one of writing.
pub(crate) fn dump(reader: impl Read, json: bool, out: &mut dyn Write) -> io::Result<Vec<Problem>> {
    let mut problems = Vec::new();
    if json {
        for record in read_records(reader) {
            match record {
                Ok(object) => {
                    serde_json::to_writer(&mut *out, &object)?;
                    out.write_all(b"\n")?;
                }
                Err(problem) => problems.push(problem),
            }
        }
    } else {
        let mut records = Records::new(reader);
        let mut table = Table::default();
        for record in records.by_ref() {
            match record {
                Ok(record) => table.add(&record, out)?,
                Err(problem) => problems.push(problem),
            }
        }
        table.finish(out)?;
        writeln!(out, "{}", records.counts())?;
    }
    out.flush()?;
    Ok(problems)
}
