// SPDX-License-Identifier: Apache-2.0
//! What the command's integration tests share.
//!
//! Here is where things lie and what a test does whose program or corpus is missing:
//! it says so in one line, or fails where [`REQUIRE_TOOLS`] is set, as CI does.

// Each test binary compiles all of it and uses a part.
#![allow(dead_code)]

pub(crate) mod capture;
pub(crate) mod collectors;
pub(crate) mod datagrams;
pub(crate) mod flows;
pub(crate) mod ipfix;
pub(crate) mod process;
pub(crate) mod replay;
pub(crate) mod second_decoder;
pub(crate) mod work;

use std::io::Write;
use std::path::{Path, PathBuf};

/// Set to 1, it makes a missing program or corpus a failure.
const REQUIRE_TOOLS: &str = "FLOWMETER_REQUIRE_TOOLS";

/// The program's path, or `None` once the test has been said to be skipped.
pub(crate) fn program(test: &str, name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Daemons are where only root looks for programs.
    let daemons = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let found = std::env::split_paths(&path)
        .chain(daemons)
        .map(|directory| directory.join(name))
        .find(|program| program.is_file());
    found.or_else(|| skip(test, name))
}

/// The captures in a folder of the corpus, or `None` once the test has been said to be
/// skipped.
pub(crate) fn corpus(test: &str, folder: &str) -> Option<Vec<PathBuf>> {
    let name = format!("shared/corpus/{folder}");
    let path = root().join("..").join(&name);
    if !path.is_dir() {
        return skip(test, &name);
    }
    Some(captures_in(&path))
}

/// One of the small inputs that went wrong once, or `None` once the test has been said to be
/// skipped.
pub(crate) fn fault(test: &str, name: &str) -> Option<PathBuf> {
    let folder = "shared/faults";
    let path = root().join("..").join(folder).join(name);
    if !path.is_file() {
        return skip(test, folder);
    }
    Some(path)
}

/// All example captures.
pub(crate) fn examples() -> Vec<PathBuf> {
    captures_in(&root().join("examples"))
}

/// One example capture.
pub(crate) fn example(name: &str) -> PathBuf {
    let path = root().join("examples").join(name);
    assert!(path.is_file(), "{} is missing", path.display());
    path
}

/// A capture's name, for messages.
pub(crate) fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Says that `test` is skipped.
pub(crate) fn skip<T>(test: &str, needed: &str) -> Option<T> {
    let required = std::env::var_os(REQUIRE_TOOLS).is_some_and(|value| value == "1");
    assert!(
        !required,
        "{test} needs {needed}, and {REQUIRE_TOOLS}=1 is set"
    );
    say(&format!("skipped: {test}: needs {needed}"));
    None
}

/// Writes a line to standard error, past the capture of the test harness.
pub(crate) fn say(line: &str) {
    let line = format!("{line}\n");
    std::io::stderr()
        .write_all(line.as_bytes())
        .expect("standard error");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn captures_in(folder: &Path) -> Vec<PathBuf> {
    let entries = folder
        .read_dir()
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut captures: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| {
            path.extension().is_some_and(|extension| {
                extension == "pcap" || extension == "pcapng" || extension == "cap"
            })
        })
        .collect();
    captures.sort();
    assert!(!captures.is_empty(), "{} has no captures", folder.display());
    captures
}
