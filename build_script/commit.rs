// SPDX-License-Identifier: Apache-2.0
//! Finds the commit that is built: from git in a clone, from cargo's own file in a package.
//!
//! It uses git's command, because only git knows where the files of a worktree are. Without git,
//! and in a folder that is neither, there is no commit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The file of a package in which cargo notes the commit.
const PACKAGE_COMMIT: &str = ".cargo_vcs_info.json";

/// Hexadecimal digits of a commit that are shown.
const DIGITS: usize = 10;

/// Returns the commit of the package in `folder`: `153a55f86b 2026-11-28`, with the date on which it
/// was committed if git knows it, and with `+changes` after the digits if files differ from it.
pub(crate) fn describe(folder: &Path) -> Option<String> {
    if let Ok(text) = fs::read_to_string(folder.join(PACKAGE_COMMIT)) {
        return of_package(&text);
    }
    if !is_top(folder) {
        return None;
    }
    let format = ["log", "-1", "--no-show-signature", "--format=%H %cs"];
    let commit = git(folder, &format)?;
    let (id, date) = commit.split_once(' ')?;
    let status = [
        "--no-optional-locks",
        "status",
        "--porcelain",
        "--untracked-files=no",
    ];
    let changes = if git(folder, &status)?.is_empty() {
        ""
    } else {
        CHANGES
    };
    Some(format!("{}{changes} {date}", digits(id)?))
}

/// Returns the files that change if another commit is checked out or made. A file that does not
/// exist is none of them, since cargo would run the build script each time.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let package = folder.join(PACKAGE_COMMIT);
    if package.exists() {
        return vec![package];
    }
    if !is_top(folder) {
        return Vec::new();
    }
    let branch = git(folder, &["symbolic-ref", "--quiet", "HEAD"]);
    let names = ["HEAD", "logs/HEAD", "packed-refs"].map(str::to_owned);
    let paths = names.into_iter().chain(branch).filter_map(|name| {
        let path = git(folder, &["rev-parse", "--git-path", &name])?;
        Some(folder.join(path))
    });
    paths.filter(|path| path.exists()).collect()
}

/// The suffix if files differ from the commit.
const CHANGES: &str = "+changes";

/// Whether `folder` is the top of a git repository. A package that is unpacked inside another
/// project's repository is not.
fn is_top(folder: &Path) -> bool {
    git(folder, &["rev-parse", "--show-prefix"]).is_some_and(|prefix| prefix.is_empty())
}

/// Returns the commit in cargo's file: `{"git": {"sha1": "…", "dirty": true}}`.
fn of_package(json: &str) -> Option<String> {
    let value = |key: &str| {
        let (_, rest) = json.split_once(&format!("\"{key}\""))?;
        Some(rest.trim_start().strip_prefix(':')?.trim_start())
    };
    let id = digits(value("sha1")?.strip_prefix('"')?)?;
    let is_dirty = value("dirty").is_some_and(|value| value.starts_with("true"));
    Some(format!("{id}{}", if is_dirty { CHANGES } else { "" }))
}

/// Returns the first digits of a commit, if they are digits.
fn digits(id: &str) -> Option<&str> {
    let digits = id.get(..DIGITS)?;
    digits
        .bytes()
        .all(|digit| digit.is_ascii_hexdigit())
        .then_some(digits)
}

/// Runs git in `folder` and returns its output, if it succeeds.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .ok()?;
    let answer = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| answer.trim().to_owned())
}
