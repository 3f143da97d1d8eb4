// SPDX-License-Identifier: Apache-2.0
//! Helpers of the command's integration tests.
//!
//! This file has the paths, and reports a missing program or corpus: in one line, or as a failure if
//! [`REQUIRE_TOOLS`] is set, as in CI.

// Each test binary compiles all helpers and uses some.
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

/// Returns the path of a program, or `None` after reporting that the test is skipped.
pub(crate) fn program(test: &str, name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Daemons are in folders that only root has in its path.
    let daemons = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let found = std::env::split_paths(&path)
        .chain(daemons)
        .map(|directory| directory.join(name))
        .find(|program| program.is_file());
    found.or_else(|| skip(test, name))
}

/// Returns the captures in a folder of the corpus, or `None` after reporting that the test is skipped.
pub(crate) fn corpus(test: &str, folder: &str) -> Option<Vec<PathBuf>> {
    let name = format!("shared/corpus/{folder}");
    let path = root().join("..").join(&name);
    if !path.is_dir() {
        return skip(test, &name);
    }
    Some(captures_in(&path))
}

/// Returns a small input that gave wrong results once, or `None` after reporting that the test is
/// skipped.
pub(crate) fn fault(test: &str, name: &str) -> Option<PathBuf> {
    let folder = "shared/faults";
    let path = root().join("..").join(folder).join(name);
    if !path.is_file() {
        return skip(test, folder);
    }
    Some(path)
}

/// Returns all example captures.
pub(crate) fn examples() -> Vec<PathBuf> {
    captures_in(&root().join("examples"))
}

/// Returns an example capture.
pub(crate) fn example(name: &str) -> PathBuf {
    let path = root().join("examples").join(name);
    assert!(path.is_file(), "{} is missing", path.display());
    path
}

/// Returns a capture's name, for messages.
pub(crate) fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Reports that `test` is skipped.
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
