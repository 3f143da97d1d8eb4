// SPDX-License-Identifier: Apache-2.0
//! The order of the plugin's nodes among the other features of an arc.
//!
//! VPP orders features by `runs_before` and `runs_after` when it starts, and logs an error for each
//! name that it does not know. So these lists are built from the features that are registered after
//! all plugins are loaded.

use core::ffi::{CStr, c_char};
use core::iter::once;
use core::ptr::null;

use crate::ffi::feature::Features;

/// A node's position on an arc.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// Before all other features.
    First,
    /// After the first feature and before the second.
    Between(&'static CStr, &'static CStr),
    /// After all other features, except these and the features that run after these.
    LastBefore(&'static [&'static CStr]),
}

/// Names of features as a C array that ends with a null pointer.
pub(crate) type Names = &'static [*const c_char];

/// The features that a node runs before, and those that it runs after.
pub(crate) struct Constraints {
    pub(crate) runs_before: Names,
    pub(crate) runs_after: Names,
}

impl Order {
    /// The constraints of a node among the features of its arc; `is_ours` selects the plugin's own.
    pub(crate) fn among(self, features: &Features, is_ours: impl Fn(&CStr) -> bool) -> Constraints {
        let others = || features.names().filter(|name| !is_ours(name));
        let later: Vec<_> = match self {
            Self::First => others().collect(),
            Self::Between(_, last) => others().filter(|name| *name == last).collect(),
            Self::LastBefore(last) => {
                let last = with_later(features, last);
                others().filter(|name| last.contains(name)).collect()
            }
        };
        let earlier: Vec<_> = match self {
            Self::First => Vec::new(),
            Self::Between(first, _) => others().filter(|name| *name == first).collect(),
            Self::LastBefore(_) => others().filter(|name| !later.contains(name)).collect(),
        };
        Constraints {
            runs_before: names(&later),
            runs_after: names(&earlier),
        }
    }
}

/// These features, and all features that have to run after one of them.
fn with_later(features: &Features, first: &[&'static CStr]) -> Vec<&'static CStr> {
    let mut found = first.to_vec();
    let mut number = 0;
    while let Some(feature) = found.get(number).copied() {
        for (earlier, later) in features.pairs() {
            if earlier == feature && !found.contains(&later) {
                found.push(later);
            }
        }
        number += 1;
    }
    found
}

/// A list that is never freed.
fn names(names: &[&'static CStr]) -> Names {
    let names = names.iter().map(|name| name.as_ptr()).chain(once(null()));
    Box::leak(names.collect())
}
