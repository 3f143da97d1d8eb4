// SPDX-License-Identifier: Apache-2.0
//! See `flowmeter_fuzz::captures`.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| flowmeter_fuzz::captures(octets));
