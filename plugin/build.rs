// SPDX-License-Identifier: Apache-2.0
//! Compiles the registrations, and tells the plugin its commit and the VPP it is for.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=src/registration.c");
    println!("cargo::rerun-if-changed=src/flowprobe");
    println!("cargo::rerun-if-changed=../include");
    for file in ["HEAD", "logs/HEAD"] {
        // In a worktree they are elsewhere; a path that isn't there would build this anew always.
        if let Some(path) = git(&["rev-parse", "--git-path", file]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let of_shim = |what: &str| {
        let name = format!("DEP_VPP_SHIM_{what}");
        env::var(&name).unwrap_or_else(|_| panic!("vpp-sys sets {name}"))
    };
    println!(
        "cargo::rustc-env=FLOWMETER_VPP_VERSION={}",
        of_shim("VERSION")
    );
    println!("cargo::rustc-env=FLOWMETER_COMMIT={}", commit());

    cc::Build::new()
        .file("src/registration.c")
        .file("src/flowprobe/messages.c")
        .file("src/flowprobe/registration.c")
        .include(of_shim("INCLUDE"))
        .include(of_shim("HEADERS"))
        .include("../include")
        .opt_level(2)
        .flag_if_supported("-march=x86-64-v2")
        .flag_if_supported("-Wno-address-of-packed-member")
        .flag("-fno-common")
        // VPP's headers would not pass them.
        .extra_warnings(false)
        .warnings_into_errors(true)
        // Nobody calls the constructors that register: keep them all the same.
        .link_lib_modifier("+whole-archive")
        .compile("flowmeter_registration");
}

/// The commit that this is built from, where it is built from a repository.
fn commit() -> String {
    git(&[
        "describe",
        "--always",
        "--dirty",
        "--abbrev=10",
        "--exclude=*",
    ])
    .unwrap_or_else(|| "unknown commit".to_owned())
}

/// What git answers, if it does.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let answer = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !answer.is_empty()).then_some(answer)
}
