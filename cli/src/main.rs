// SPDX-License-Identifier: Apache-2.0
//! The `flowmeter` command.

fn main() {}
