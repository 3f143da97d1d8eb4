// SPDX-License-Identifier: Apache-2.0
//! Writes the command's manual pages and shell completions into a folder, for packages:
//!
//! ```text
//! cargo run -p flowmeter-cli --example pages -- FOLDER
//! ```
//!
//! They are made of the same description of the command line as its help.

// Nothing here parses a command line.
#[allow(dead_code)]
#[path = "../src/arguments.rs"]
mod arguments;

use std::fs::create_dir_all;
use std::io;
use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::{Shell, generate_to};

fn main() -> io::Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| io::Error::other("expected a folder to write to"))?;
    let command = arguments::Arguments::command();
    let pages = folder.join("man1");
    create_dir_all(&pages)?;
    clap_mangen::generate_to(command.clone(), &pages)?;
    for (shell, name) in [
        (Shell::Bash, "bash"),
        (Shell::Zsh, "zsh"),
        (Shell::Fish, "fish"),
    ] {
        let completions = folder.join(name);
        create_dir_all(&completions)?;
        generate_to(shell, &mut command.clone(), "flowmeter", completions)?;
    }
    Ok(())
}
