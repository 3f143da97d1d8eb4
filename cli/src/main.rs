// SPDX-License-Identifier: Apache-2.0
//! The `flowmeter` command: it runs the engine over capture files.

mod arguments;
mod capture;
mod dump;
mod replay;
mod target;
mod text;

use std::fmt::Display;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use self::arguments::{Arguments, Command, Output};

/// The exit status if something was lost. An error line says what.
const LOSS: u8 = 1;
/// The exit status of a wrong command line.
const USAGE: u8 = 2;

/// Writes one line to standard error. If that fails, there is no place left to report it.
fn complain(line: &dyn Display) {
    let _ = writeln!(io::stderr(), "flowmeter: {line}");
}

/// Returns the first paragraph of clap's message as one line, without its prefix.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let paragraph = text.lines().take_while(|line| !line.is_empty());
    let words: Vec<_> = paragraph.flat_map(str::split_whitespace).collect();
    let line = words.join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

/// Parses the command line. After printing help or an error, returns the exit status.
fn parse() -> Result<Arguments, ExitCode> {
    Arguments::try_parse().map_err(|error| {
        if !error.use_stderr() {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        match error.kind() {
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                complain(&"no command: expected replay or dump; see --help");
            }
            ErrorKind::InvalidSubcommand => {
                complain(&format_args!(
                    "{}: expected replay or dump",
                    one_line(&error)
                ));
            }
            _ => complain(&one_line(&error)),
        }
        USAGE.into()
    })
}

fn main() -> ExitCode {
    let arguments = match parse() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
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
            // With the IPFIX file on standard output, the summary goes to standard error.
            let (out, name): (&mut dyn Write, _) = match options.output {
                Some(Output::StandardOutput) => (&mut io::stderr(), "standard error"),
                _ => (&mut out, "standard output"),
            };
            match out.write_all(&text).and_then(|()| out.flush()) {
                // A closed pipe is no error: the reader has seen enough.
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    complain(&format_args!("{name}: {}", text::system_error(&error)));
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
