// SPDX-License-Identifier: Apache-2.0
//! Generates the code of the binary API, compiles the C code, and sets the version of VPP that the
//! plugin is built for.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

/// The definition of the binary API.
const API: &str = "src/frontends/api/flowmeter.api";

/// Interpreters for vppapigen: the first one with ply is used. `python3` may be that of pyenv or a
/// virtual environment, without Debian's packages.
const PYTHONS: [&str; 2] = ["python3", "/usr/bin/python3"];

fn main() {
    for folder in ["ffi", "frontends/api", "frontends/flowprobe"] {
        println!("cargo::rerun-if-changed=src/{folder}");
    }
    println!("cargo::rerun-if-changed=../include");
    for what in ["VERSION", "REQUIRED"] {
        println!("cargo::rustc-env=FLOWMETER_VPP_{what}={}", of_shim(what));
    }

    let headers = PathBuf::from(of_shim("HEADERS"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    if let Err(why) = generate(&headers, &out) {
        println!("cargo::error={why}");
        exit(1);
    }
    bindings(&out);
    client(&headers, &out);

    build(&headers)
        .file("src/ffi/registration.c")
        .file("src/frontends/api/api.c")
        .file("src/frontends/api/send.c")
        .file("src/frontends/flowprobe/messages.c")
        .file("src/frontends/flowprobe/commands.c")
        .include(of_shim("INCLUDE"))
        .include("../include")
        .include("src/ffi")
        .include("src/frontends/api")
        .include(&out)
        // Keep the constructors that register, though no code refers to them.
        .link_lib_modifier("+whole-archive")
        .compile("flowmeter_registration");
}

/// A value that the build script of `vpp-sys` has set.
fn of_shim(what: &str) -> String {
    let name = format!("DEP_VPP_SHIM_{what}");
    env::var(&name).unwrap_or_else(|_| panic!("vpp-sys sets {name}"))
}

/// The compiler settings for C code that includes VPP's headers.
fn build(headers: &Path) -> cc::Build {
    let mut build = cc::Build::new();
    build
        .include(headers)
        .opt_level(2)
        .flags(of_shim("FLAGS").split(' '))
        .flag_if_supported("-Wno-address-of-packed-member")
        .flag("-fno-common")
        // VPP's headers cause some of them.
        .extra_warnings(false)
        .warnings_into_errors(true);
    build
}

/// Runs VPP's generator, which makes C code, and JSON for clients, from the API definition.
fn generate(headers: &Path, out: &Path) -> Result<(), String> {
    let generator = headers.with_file_name("bin").join("vppapigen");
    if !generator.is_file() {
        let generator = generator.display();
        return Err(format!(
            "there is no {generator}: is vpp-dev installed completely?"
        ));
    }
    let has_ply = |python: &&str| {
        let import = Command::new(python)
            .args(["-c", "import ply.lex, ply.yacc"])
            .output();
        import.is_ok_and(|output| output.status.success())
    };
    let Some(python) = PYTHONS.into_iter().find(has_ply) else {
        return Err(format!(
            "VPP's vppapigen needs Python's ply, which neither {} has: `apt install python3-ply`",
            PYTHONS.join(" nor ")
        ));
    };
    for (output, module) in [("flowmeter.api.h", "C"), ("flowmeter.api.json", "JSON")] {
        let run = Command::new(python)
            .arg(&generator)
            .arg("--includedir")
            .arg(headers)
            .args(["--input", API, "--outputdir"])
            .arg(out)
            .arg("--output")
            .arg(out.join(output))
            .arg(module)
            .output()
            .map_err(|error| format!("{python}: {error}"))?;
        if !run.status.success() {
            let message = String::from_utf8_lossy(&run.stderr)
                .trim()
                .replace('\n', "; ");
            return Err(format!("vppapigen refuses {API}: {message}"));
        }
    }
    beside_library(&out.join("flowmeter.api.json"));
    Ok(())
}

/// Generates Rust bindings of the API's C structures and functions.
fn bindings(out: &Path) {
    let bindings = bindgen::Builder::default()
        .header("src/frontends/api/api.h")
        .clang_arg("-I../include")
        .clang_args(of_shim("FLAGS").split(' '))
        .allowlist_type("flowmeter_.*_t")
        .allowlist_function("api_.*")
        .allowlist_var("API_.*|FLOWMETER_.*")
        .blocklist_type("vlib_.*")
        .rust_edition(bindgen::RustEdition::Edition2024)
        .derive_default(true)
        .generate_comments(false)
        .layout_tests(true)
        .generate()
        .unwrap_or_else(|error| {
            println!("cargo::error=bindgen cannot read src/frontends/api/api.h: {error}");
            exit(1);
        });
    bindings
        .write_to_file(out.join("api.rs"))
        .expect("the output directory takes files");
}

/// Compiles the plugin for VPP's `vat2`, which vppapigen generates.
fn client(headers: &Path, out: &Path) {
    let library = out.join("flowmeter_test2_plugin.so");
    let compiled = build(headers)
        .warnings_into_errors(false)
        .get_compiler()
        .to_command()
        .args(["-shared", "-fPIC"])
        .arg(out.join("flowmeter.api_test2.c"))
        .arg("-o")
        .arg(&library)
        .status();
    if !compiled.is_ok_and(|status| status.success()) {
        println!("cargo::error=flowmeter.api_test2.c, generated by vppapigen, does not compile");
        exit(1);
    }
    beside_library(&library);
}

/// Copies a file next to the library, where cmake and the tests find it. The path of the output
/// directory has a hash.
fn beside_library(file: &Path) {
    // <profile>/build/<package>-<hash>/out/<file>
    let (Some(folder), Some(name)) = (file.ancestors().nth(4), file.file_name()) else {
        return;
    };
    if let Err(error) = fs::copy(file, folder.join(name)) {
        println!("cargo::warning={}: {error}", folder.join(name).display());
    }
}
