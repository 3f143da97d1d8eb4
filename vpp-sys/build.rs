// SPDX-License-Identifier: Apache-2.0
//! Finds the installed VPP, generates its types and compiles the shim.
//!
//! What it found it tells the crates that depend on this one: `DEP_VPP_SHIM_INCLUDE`,
//! `DEP_VPP_SHIM_HEADERS` and `DEP_VPP_SHIM_VERSION`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::exit;

/// Where a VPP may be installed, besides `VPP_PREFIX`.
const PREFIXES: [&str; 3] = ["/usr/local", "/opt/vpp", "/usr"];

/// A header that vpp-dev brings and nothing else does.
const MARKER: &str = "include/vlib/vlib.h";

fn main() {
    println!("cargo::rerun-if-env-changed=VPP_PREFIX");
    println!("cargo::rerun-if-changed=shim");
    let prefix = match prefix() {
        Ok(prefix) => prefix,
        Err(error) => {
            println!("cargo::error={error}");
            exit(1);
        }
    };
    let headers = prefix.join("include");
    println!("cargo::rerun-if-changed={}", prefix.join(MARKER).display());
    let version = match version(&headers) {
        Ok(version) => version,
        Err(error) => {
            println!("cargo::error={error}");
            exit(1);
        }
    };
    let shim = Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo")).join("shim");
    println!("cargo::metadata=include={}", shim.display());
    println!("cargo::metadata=headers={}", headers.display());
    println!("cargo::metadata=version={version}");

    cc::Build::new()
        .file("shim/vpp_shim.c")
        .include(&headers)
        .opt_level(3)
        // What VPP itself is built for at least.
        .flag_if_supported("-march=x86-64-v2")
        .flag_if_supported("-Wno-address-of-packed-member")
        .flag("-fno-common")
        .warnings_into_errors(true)
        .extra_warnings(false)
        .compile("vpp_shim");

    let bindings = bindgen::Builder::default()
        .header("shim/vpp_shim.h")
        .clang_arg(format!("-I{}", headers.display()))
        .clang_arg("-march=x86-64-v2")
        .allowlist_file(".*/vpp_shim\\.h")
        .allowlist_function("vnet_feature_enable_disable")
        .allowlist_function("vlib_validate_(simple|combined)_counter")
        .allowlist_type("vlib_(main|frame|node_runtime|plugin_registration)_t")
        .allowlist_type("vnet_api_error_t")
        .allowlist_type("vlib_((simple|combined)_counter_main|counter|error_desc)_t")
        .allowlist_var("VLIB_BUFFER_(IS_TRACED|NEXT_PRESENT)|VNET_BUFFER_F_FLOW_REPORT")
        .allowlist_var("VLIB_NODE_FLAG_TRACE|VLIB_FRAME_SIZE|CLIB_LOG2_CACHE_LINE_BYTES")
        // Declared twice over in VPP's headers; see src/lib.rs.
        .blocklist_type("vlib_buffer_t")
        .allowlist_type("vlib_buffer_template_t")
        // Large, and only ever handed on.
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

/// The prefix under which VPP and its headers are installed.
fn prefix() -> Result<PathBuf, String> {
    if let Some(prefix) = env::var_os("VPP_PREFIX") {
        let prefix = PathBuf::from(prefix);
        if prefix.join(MARKER).is_file() {
            return Ok(prefix);
        }
        return Err(format!(
            "VPP_PREFIX is {}, but there is no {MARKER} in it: name the prefix under which VPP \
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
                 to where VPP is; without VPP, the engine and the command still build: `cargo build`",
                PREFIXES.join(", ")
            )
        })
}

/// VPP's version, as `vpp/app/version.h` states it.
fn version(headers: &Path) -> Result<String, String> {
    let file = headers.join("vpp/app/version.h");
    let text = fs::read_to_string(&file)
        .map_err(|error| format!("{}: {error}; is vpp-dev installed whole?", file.display()))?;
    text.lines()
        .find_map(|line| {
            line.strip_prefix("#define VPP_BUILD_VER \"")?
                .strip_suffix('"')
        })
        .map(str::to_owned)
        .ok_or_else(|| format!("{} does not define VPP_BUILD_VER", file.display()))
}
