// SPDX-License-Identifier: Apache-2.0
//! See `flowmeter_fuzz::engine`.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| flowmeter_fuzz::engine(octets));
