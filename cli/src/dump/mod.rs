// SPDX-License-Identifier: Apache-2.0
//! `flowmeter dump` reads an IPFIX file (RFC 5655) and shows its records.
//!
//! `records` reads messages and sets, `domain` keeps templates and sequence numbers, `template`
//! splits records into values, and `element` has
//! their names and types, from the engine's table. Values are decoded by netflow_parser, which
//! was not written for the engine and so checks it; records are split here, as netflow_parser skips
//! what it cannot read. `json` and `table` show records, `error` has the error messages. Memory does
//! not grow with the file, and no input causes a panic.

mod domain;
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

/// Writes the file's records to `out`, which should be buffered, line by line.
///
/// A closed pipe is a normal end, as in `flowmeter dump FILE | head`.
///
/// # Errors
/// If the file has problems, or if `out` fails. The records before the first place that cannot be
/// read have been written.
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

/// Returns the records of an IPFIX file, including options records, as objects whose keys are IANA's
/// element names.
///
/// After the first place that cannot be read there are no more records. Skipped sets and gaps in the
/// sequences come last.
pub(crate) fn read_records<R: Read>(
    reader: R,
) -> impl Iterator<Item = Result<Map<String, Value>, Problem>> {
    Records::new(reader).map(|record| record.map(|record| json::object(&record)))
}

fn open(file: &Path) -> io::Result<Box<dyn Read>> {
    if file == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let opened = File::open(file)?;
    if opened.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(Box::new(BufReader::new(opened)))
}

/// Writes the records and returns the problems of the file. An error is one of writing.
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
