// SPDX-License-Identifier: Apache-2.0
//! `flowmeter interface`.

use super::words::{Words, unexpected};
use crate::interfaces::{self, Side, Variant, Wanted};
use crate::meter;
use crate::vlib::Main;
use crate::vlib::interface::Interface;

/// `flowmeter interface <interface>|<glob> [ip4|ip6|l2|all] [rx|tx|both] [disable]`.
pub(crate) fn interface(main: Main, words: Vec<&str>) -> Result<(), String> {
    let mut words = Words::new(words);
    let Some(name) = words.next() else {
        return Err("expected an interface, or a pattern such as tap*".to_owned());
    };
    let mut wanted = Wanted {
        variant: Variant::All,
        side: Side::Rx,
    };
    // In this order, each at most once.
    if let Some(variant) = words.peek().and_then(variant) {
        wanted.variant = variant;
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
    // Who disables and names no direction means all there is.
    let default = if disable { Side::Both } else { Side::Rx };
    wanted.side = side.unwrap_or(default);

    meter::start(main)?;
    match (interfaces::is_pattern(name), disable) {
        (false, false) => enable_one(main, name, wanted),
        (false, true) => disable_one(main, name, wanted),
        (true, false) => enable_like(main, name, wanted),
        (true, true) => disable_like(main, name, wanted),
    }
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

/// What stands after an interface in startup.conf: a direction, if it is one.
pub(super) fn side_if_any(words: &mut Words<'_>) -> Side {
    let side = words.peek().and_then(side);
    if side.is_some() {
        words.next();
    }
    side.unwrap_or(Side::Rx)
}

fn find(main: Main, name: &str) -> Result<Interface, String> {
    interfaces::find(main, name)
        .ok_or_else(|| format!("{name}: there is no such interface; see `show interface`"))
}

fn enable_one(main: Main, name: &str, wanted: Wanted) -> Result<(), String> {
    find(main, name)?;
    meter::activate(main)?;
    // Once more: it may have gone meanwhile.
    let interface = find(main, name)?;
    let barrier = &mut main.barrier();
    meter::with_meter(main, |meter| meter.enable(barrier, &interface, wanted))
}

fn disable_one(main: Main, name: &str, wanted: Wanted) -> Result<(), String> {
    let interface = find(main, name)?;
    let barrier = &mut main.barrier();
    let was = meter::with_meter(main, |meter| meter.disable(barrier, &interface, wanted))?;
    if was {
        Ok(())
    } else {
        Err(format!(
            "{name}: it is not metered so; see `show flowmeter interfaces`"
        ))
    }
}

/// Interfaces that are there are metered at once; those that can't be leave the rule unmade.
fn enable_like(main: Main, pattern: &str, wanted: Wanted) -> Result<(), String> {
    meter::activate(main)?;
    let barrier = &mut main.barrier();
    meter::with_meter(main, |meter| {
        let mut interfaces = Interface::all(main);
        interfaces.retain(|interface| interfaces::matches(pattern, &interface.name(main)));
        for interface in &interfaces {
            meter.places(main, interface, wanted)?;
        }
        for interface in &interfaces {
            meter.enable(barrier, interface, wanted)?;
        }
        meter.interfaces.add_rule(pattern, wanted);
        Ok(())
    })
}

fn disable_like(main: Main, pattern: &str, wanted: Wanted) -> Result<(), String> {
    let barrier = &mut main.barrier();
    meter::with_meter(main, |meter| {
        let mut any = meter.interfaces.remove_rule(pattern);
        for interface in Interface::all(main) {
            if interfaces::matches(pattern, &interface.name(main)) {
                any |= meter.disable(barrier, &interface, wanted)?;
            }
        }
        if any {
            Ok(())
        } else {
            Err(format!(
                "{pattern}: nothing like it is metered; see `show flowmeter interfaces`"
            ))
        }
    })
}
