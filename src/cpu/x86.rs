// SPDX-License-Identifier: Apache-2.0
//! Instruction sets of x86-64, each with a token that proves that the processor has it.
//!
//! One list of features for each token is both what is detected and what code is compiled for, so running
//! that code is sound wherever there is a token.

// The one thing that the engine needs `std` for (its tests have it anyway).
#[cfg(not(test))]
extern crate std;

/// Work that can be compiled for the instruction set of token `S`.
pub(crate) trait RunOn<S> {
    /// What it results in.
    type Output;

    /// Does the work; must be `#[inline(always)]`, or it is not compiled for the set.
    fn run_on(self, set: S) -> Self::Output;
}

macro_rules! token {
    ($(#[$documentation:meta])* $name:ident: $($feature:tt),+) => {
        $(#[$documentation])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub(crate) struct $name(());

        impl $name {
            /// The token, if the processor has every feature of the set.
            pub(crate) fn new() -> Option<Self> {
                let is_detected = $(std::is_x86_feature_detected!($feature))&&+;
                is_detected.then_some(Self(()))
            }

            /// Runs `work` in code compiled for the set.
            #[inline]
            pub(crate) fn run<W: RunOn<Self>>(self, work: W) -> W::Output {
                $(#[target_feature(enable = $feature)])+
                fn compiled<W: RunOn<$name>>(set: $name, work: W) -> W::Output {
                    work.run_on(set)
                }
                // SAFETY: `new` is the only way to a token, and checks these features.
                unsafe { compiled(self, work) }
            }
        }
    };
}

token! {
    /// SSE2 with AES-NI.
    Sse2: "sse2", "aes", "popcnt"
}

token! {
    /// AVX2 with AES-NI.
    Avx2: "avx2", "aes", "bmi1", "bmi2", "lzcnt", "popcnt"
}

token! {
    /// AVX-512 VL and BW with VAES.
    Avx512: "avx512f", "avx512vl", "avx512bw", "vaes", "avx2", "aes", "bmi1", "bmi2", "lzcnt", "popcnt"
}
