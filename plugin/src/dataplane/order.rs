// SPDX-License-Identifier: Apache-2.0
//! Where our nodes stand among the other features of an arc.
//!
//! VPP orders features by pairs of them, before it starts; names that it does not know make it
//! complain. So the pairs are made of what is registered when all plugins are loaded.

use core::ffi::{CStr, c_char};
use core::iter::once;
use core::ptr::null;

use crate::ffi::feature::Features;

/// Where a node stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// Before all others.
    First,
    /// Behind one and before another.
    Between(&'static CStr, &'static CStr),
    /// Behind all but these, and but those that VPP has behind these.
    LastBut(&'static [&'static CStr]),
}

/// The names of features, as C has lists: a null ends it.
pub(crate) type Names = &'static [*const c_char];

/// The features that come behind a node, and those that come before it.
pub(crate) struct Neighbours {
    pub(crate) behind: Names,
    pub(crate) before: Names,
}

impl Order {
    /// A node's neighbours among the features of its arc, of which `is_ours` tells ours.
    pub(crate) fn among(self, features: &Features, is_ours: impl Fn(&CStr) -> bool) -> Neighbours {
        let others = || features.names().filter(|name| !is_ours(name));
        let behind: Vec<_> = match self {
            Self::First => others().collect(),
            Self::Between(_, last) => others().filter(|name| *name == last).collect(),
            Self::LastBut(last) => {
                let last = behind(features, last);
                others().filter(|name| last.contains(name)).collect()
            }
        };
        let before: Vec<_> = match self {
            Self::First => Vec::new(),
            Self::Between(first, _) => others().filter(|name| *name == first).collect(),
            Self::LastBut(_) => others().filter(|name| !behind.contains(name)).collect(),
        };
        Neighbours {
            behind: names(&behind),
            before: names(&before),
        }
    }
}

/// These features, and all that have to come behind one of them.
fn behind(features: &Features, first: &[&'static CStr]) -> Vec<&'static CStr> {
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

/// A list that is there as long as VPP is.
fn names(names: &[&'static CStr]) -> Names {
    let names = names.iter().map(|name| name.as_ptr()).chain(once(null()));
    Box::leak(names.collect())
}
