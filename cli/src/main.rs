// SPDX-License-Identifier: Apache-2.0
//! The `flowmeter` command: the engine over capture files.

mod arguments;
mod capture;
mod dump;
mod replay;
mod target;
mod text;

use std::fmt::Display;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use self::arguments::{Arguments, Command};

/// Something was lost, and has been named.
const LOSS: u8 = 1;
/// The command line asks for something that cannot be.
const USAGE: u8 = 2;

/// Says one line on standard error, if anybody listens there.
fn complain(line: &dyn Display) {
    let _ = writeln!(io::stderr(), "flowmeter: {line}");
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = BufWriter::new(io::stdout().lock());
    match arguments.command {
        Command::Replay(options) => {
            let mut text = Vec::new();
            let code = match replay::run(&options, &mut text) {
                Ok(true) => 0,
                Ok(false) => LOSS,
                Err(error) => {
                    complain(&format_args!("{error:#}"));
                    USAGE
                }
            };
            // Standard output may be taken by the records.
            let (out, name): (&mut dyn Write, _) = match &options.output {
                Some(output) if output == Path::new("-") => (&mut io::stderr(), "standard error"),
                _ => (&mut out, "standard output"),
            };
            match out.write_all(&text).and_then(|()| out.flush()) {
                // Who reads our output may stop when they have seen enough.
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    complain(&format_args!("{name}: {error}"));
                    LOSS
                }
                _ => code,
            }
        }
        Command::Dump(options) => match dump::run(&options, &mut out) {
            Ok(()) => 0,
            Err(error) => {
                complain(&error);
                LOSS
            }
        },
    }
    .into()
}
