// SPDX-License-Identifier: Apache-2.0
//! Criterion's measure here: TSC clocks, shown with the nanoseconds that they took.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use criterion::Throughput;
use criterion::measurement::{Measurement, ValueFormatter};

/// Clocks of the time stamp counter; nanoseconds where there is none.
pub(crate) struct Clocks;

/// The counter now.
#[inline(always)]
pub(crate) fn now() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has the counter.
    unsafe {
        core::arch::x86_64::_rdtsc()
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed().as_nanos() as u64
    }
}

/// Nanoseconds of one clock.
fn nanoseconds() -> f64 {
    static NANOSECONDS: OnceLock<f64> = OnceLock::new();
    *NANOSECONDS.get_or_init(|| {
        let (started, before) = (Instant::now(), now());
        std::thread::sleep(Duration::from_millis(50));
        started.elapsed().as_nanos() as f64 / (now() - before) as f64
    })
}

impl Measurement for Clocks {
    type Intermediate = u64;
    type Value = u64;

    fn start(&self) -> u64 {
        now()
    }

    fn end(&self, start: u64) -> u64 {
        now() - start
    }

    fn add(&self, one: &u64, other: &u64) -> u64 {
        one + other
    }

    fn zero(&self) -> u64 {
        0
    }

    fn to_f64(&self, value: &u64) -> f64 {
        *value as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        &Formatter
    }
}

struct Formatter;

impl ValueFormatter for Formatter {
    fn format_value(&self, value: f64) -> String {
        format!("{value:.1} clocks, {:.1} ns", value * nanoseconds())
    }

    fn format_throughput(&self, _: &Throughput, value: f64) -> String {
        self.format_value(value)
    }

    fn scale_values(&self, _: f64, _: &mut [f64]) -> &'static str {
        "clocks"
    }

    fn scale_throughputs(&self, _: f64, _: &Throughput, _: &mut [f64]) -> &'static str {
        "clocks"
    }

    fn scale_for_machines(&self, _: &mut [f64]) -> &'static str {
        "clocks"
    }
}
