// SPDX-License-Identifier: Apache-2.0
//! Nothing but a place for the benches: a package needs a library or a program.
