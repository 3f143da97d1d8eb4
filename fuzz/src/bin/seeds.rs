// SPDX-License-Identifier: Apache-2.0
//! Makes the seeds of all targets: `seeds FOLDER FILE...`.
//!
//! No fuzz target, but built as one, so that all is compiled once.

use std::path::Path;
use std::process::ExitCode;

use flowmeter_fuzz::seeds::Seeds;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(folder) = arguments.next() else {
        eprintln!("seeds: expected a folder to write to, and files");
        return ExitCode::from(2);
    };
    let made = Seeds::new(Path::new(&folder)).and_then(|mut seeds| {
        for file in arguments {
            seeds.add(Path::new(&file))?;
        }
        Ok(())
    });
    if let Err(error) = made {
        eprintln!("seeds: {}: {error}", Path::new(&folder).display());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
