// SPDX-License-Identifier: Apache-2.0
//! Finds the installed VPP, generates its types and compiles the shim.
//!
//! Dependent crates get the result as `DEP_VPP_SHIM_INCLUDE`, `DEP_VPP_SHIM_HEADERS`,
//! `DEP_VPP_SHIM_VERSION`, `DEP_VPP_SHIM_RELEASE` (a number), `DEP_VPP_SHIM_REQUIRED` (the prefix
//! of the versions of VPP that may load the plugin) and `DEP_VPP_SHIM_FLAGS` (compiler flags for
//! code that includes VPP's headers).

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::exit;

#[path = "build/release.rs"]
mod release;

use release::Release;

/// Prefixes to search if `VPP_PREFIX` is not set.
const PREFIXES: [&str; 3] = ["/usr/local", "/opt/vpp", "/usr"];

/// A header that only vpp-dev installs.
const MARKER: &str = "include/vlib/vlib.h";

/// The header with VPP's version.
const VERSION: &str = "vpp/app/version.h";

fn main() {
    println!("cargo::rerun-if-env-changed=VPP_PREFIX");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=shim");
    let prefix = or_exit(prefix());
    let headers = prefix.join("include");
    println!(
        "cargo::rerun-if-changed={}",
        headers.join(VERSION).display()
    );
    let version = or_exit(version(&headers));
    let release = or_exit(Release::parse(&version));
    let flags = flags(release.number);
    let shim = Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo")).join("shim");
    println!("cargo::metadata=include={}", shim.display());
    println!("cargo::metadata=headers={}", headers.display());
    println!("cargo::metadata=version={version}");
    println!("cargo::metadata=release={}", release.number);
    println!("cargo::metadata=required={}", release.required);
    println!("cargo::metadata=flags={}", flags.join(" "));

    cc::Build::new()
        .flags(&flags)
        .file("shim/vpp_shim.c")
        .include(&headers)
        .opt_level(3)
        .flag_if_supported("-Wno-address-of-packed-member")
        .flag("-fno-common")
        .warnings_into_errors(true)
        .extra_warnings(false)
        .compile("vpp_shim");

    let bindings = bindgen::Builder::default()
        .header("shim/vpp_shim.h")
        .clang_arg(format!("-I{}", headers.display()))
        .clang_args(&flags)
        .allowlist_file(".*/vpp_shim\\.h")
        .allowlist_function("vlib_validate_(simple|combined)_counter")
        .allowlist_type("vlib_(main|frame|node_runtime|plugin_registration)_t")
        .allowlist_type("vnet_api_error_t")
        .allowlist_type("vlib_((simple|combined)_counter_main|counter|error_desc)_t")
        .allowlist_var("VLIB_BUFFER_(IS_TRACED|NEXT_PRESENT)|VNET_BUFFER_F_(FLOW_REPORT|GSO)")
        .allowlist_var("VLIB_NODE_FLAG_TRACE|VLIB_FRAME_SIZE|CLIB_LOG2_CACHE_LINE_BYTES")
        // src/lib.rs defines it as the shim's structure.
        .blocklist_type("vlib_buffer_t")
        // Large, and only passed through.
        .opaque_type("vlib_main_t|vnet_main_t|vlib_cli_command_t|unformat_input_t")
        .opaque_type("_unformat_input_t|vlib_cli_command_t")
        .rust_edition(bindgen::RustEdition::Edition2024)
        .wrap_unsafe_ops(true)
        .derive_debug(false)
        .generate_comments(false)
        .layout_tests(true)
        .generate()
        .unwrap_or_else(|error| {
            println!(
                "cargo::error=bindgen cannot read VPP's headers in {}: {error}",
                headers.display()
            );
            exit(1);
        });
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    bindings
        .write_to_file(out.join("bindings.rs"))
        .expect("the output directory takes files");
}

/// Returns the value, or ends the build with the error.
fn or_exit<T>(result: Result<T, String>) -> T {
    result.unwrap_or_else(|error| {
        println!("cargo::error={error}");
        exit(1)
    })
}

/// Compiler flags for code that includes VPP's headers: VPP's release, and VPP's baseline
/// processor.
fn flags(release: u32) -> Vec<String> {
    let mut flags = vec![format!("-DFLOWMETER_VPP_RELEASE={release}")];
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").expect("set by cargo");
    let processor = match architecture.as_str() {
        "x86_64" => Some("-march=x86-64-v2"),
        "aarch64" => Some("-march=armv8-a+crc"),
        _ => None,
    };
    flags.extend(processor.map(str::to_owned));
    flags
}

/// The prefix under which VPP and its headers are installed.
fn prefix() -> Result<PathBuf, String> {
    if let Some(prefix) = env::var_os("VPP_PREFIX") {
        let prefix = PathBuf::from(prefix);
        if prefix.join(MARKER).is_file() {
            return Ok(prefix);
        }
        return Err(format!(
            "VPP_PREFIX is {}, which has no {MARKER}: set it to the prefix under which VPP \
             and its -dev package are installed",
            prefix.display()
        ));
    }
    PREFIXES
        .into_iter()
        .map(PathBuf::from)
        .find(|prefix| prefix.join(MARKER).is_file())
        .ok_or_else(|| {
            format!(
                "no VPP headers in {}: install FD.io's packages vpp and vpp-dev, or set VPP_PREFIX \
                 to its prefix; `cargo build` builds the engine and the command without VPP",
                PREFIXES.join(", ")
            )
        })
}

/// Reads VPP's version from its header.
fn version(headers: &Path) -> Result<String, String> {
    let file = headers.join(VERSION);
    let text = fs::read_to_string(&file).map_err(|error| {
        format!(
            "{}: {error}; is vpp-dev installed completely?",
            file.display()
        )
    })?;
    text.lines()
        .find_map(|line| {
            line.strip_prefix("#define VPP_BUILD_VER \"")?
                .strip_suffix('"')
        })
        .map(str::to_owned)
        .ok_or_else(|| format!("{} does not define VPP_BUILD_VER", file.display()))
}
