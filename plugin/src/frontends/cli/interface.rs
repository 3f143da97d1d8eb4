// SPDX-License-Identifier: Apache-2.0
//! `flowmeter interface`.

use super::words::{Words, unexpected};
use crate::control::interfaces::{self, Selection, Side, Variant};
use crate::control::observing::{self, InterfaceRef};
use crate::ffi::Main;

/// `flowmeter interface <interface>|<glob> [ip4|ip6|l2|all] [rx|tx|both] [disable]`.
pub(crate) fn interface(main: Main, words: Vec<&str>) -> Result<(), String> {
    let mut words = Words::new(words);
    let Some(name) = words.next() else {
        return Err("expected an interface, or a pattern such as tap*".to_owned());
    };
    let mut selection = Selection {
        variant: Variant::All,
        side: Side::Rx,
    };
    // In this order, each at most once.
    if let Some(variant) = words.peek().and_then(variant) {
        selection.variant = variant;
        words.next();
    }
    let side = words.peek().and_then(side);
    if side.is_some() {
        words.next();
    }
    let disable = words.peek() == Some("disable");
    if disable {
        words.next();
    }
    if let Some(word) = words.next() {
        return unexpected(word, "[ip4|ip6|l2|all] [rx|tx|both] [disable]");
    }
    // `disable` without a direction means both.
    let default = if disable { Side::Both } else { Side::Rx };
    selection.side = side.unwrap_or(default);

    let interface = InterfaceRef::Name(name.to_owned());
    let done = match (interfaces::is_pattern(name), disable) {
        (true, true) => observing::disable_matching(main, name, selection),
        (true, false) => observing::enable_matching(main, name, selection),
        (false, true) => observing::disable(main, &interface, selection),
        (false, false) => observing::enable(main, &interface, selection),
    };
    Ok(done?)
}

fn variant(word: &str) -> Option<Variant> {
    match word {
        "ip4" => Some(Variant::Ip4),
        "ip6" => Some(Variant::Ip6),
        "l2" => Some(Variant::L2),
        "all" => Some(Variant::All),
        _ => None,
    }
}

fn side(word: &str) -> Option<Side> {
    match word {
        "rx" => Some(Side::Rx),
        "tx" => Some(Side::Tx),
        "both" => Some(Side::Both),
        _ => None,
    }
}

/// Reads the optional direction after an interface in startup.conf.
pub(super) fn side_if_any(words: &mut Words<'_>) -> Side {
    let side = words.peek().and_then(side);
    if side.is_some() {
        words.next();
    }
    side.unwrap_or(Side::Rx)
}
