// SPDX-License-Identifier: Apache-2.0
//! Tests of the parts of the build script.

#[path = "../../build_script/commit.rs"]
mod commit;
#[path = "../../src/exporting/data_type.rs"]
#[allow(dead_code, unreachable_pub, reason = "the engine needs more of it")]
mod data_type;
#[path = "../../build_script/information_elements.rs"]
mod information_elements;

mod elements;
mod version;
