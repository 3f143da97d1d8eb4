// SPDX-License-Identifier: Apache-2.0
//! Generates the constants of Information Elements from their table, and the version with the commit.
//!
//! `+changes` in the version is true of the engine's own files. Changes of other packages count from
//! the engine's last build; a build from nothing has them all.

use std::env;
use std::fs;
use std::path::Path;
use std::process::exit;

#[path = "build_script/commit.rs"]
mod commit;
#[path = "src/exporting/data_type.rs"]
#[allow(dead_code, unreachable_pub, reason = "the engine needs more of it")]
mod data_type;
#[path = "build_script/information_elements.rs"]
mod information_elements;

/// The table of Information Elements.
const TABLE: &str = "src/exporting/information_elements.txt";

fn main() {
    for own in ["build.rs", "build_script", "src", "Cargo.toml"] {
        println!("cargo::rerun-if-changed={own}");
    }
    let out = env::var_os("OUT_DIR").expect("set by cargo");
    if let Err(problem) = elements(Path::new(&out)) {
        println!("cargo::error={problem}");
        exit(1);
    }
    version();
}

/// Sets the version that the engine, the command and the plugin show.
fn version() {
    let folder = env::current_dir().expect("cargo runs it in the package's folder");
    for file in commit::files(&folder) {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    let version = env::var("CARGO_PKG_VERSION").expect("set by cargo");
    let version = match commit::describe(&folder) {
        Some(commit) => format!("{version} ({commit})"),
        None => version,
    };
    println!("cargo::rustc-env=FLOWMETER_VERSION={version}");
}

/// Generates `information_elements.rs` in the output directory.
fn elements(out: &Path) -> Result<(), String> {
    let table = fs::read_to_string(TABLE).map_err(|error| format!("{TABLE}: {error}"))?;
    let elements =
        information_elements::parse(&table).map_err(|error| format!("{TABLE}:{error}"))?;
    let code = out.join("information_elements.rs");
    fs::write(&code, information_elements::generate(&elements))
        .map_err(|error| format!("{}: {error}", code.display()))
}
