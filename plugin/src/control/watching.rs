// SPDX-License-Identifier: Apache-2.0
//! Interfaces, and rules for interfaces: metered, or no longer.

use crate::interfaces::{self, Wanted};
use crate::meter::{self, Meter};
use crate::refusal::{Refusal, Why};
use crate::vlib::interface::Interface;
use crate::vlib::{Barrier, Main};

/// Which interface is meant.
#[derive(Clone, Debug)]
pub(crate) enum Which {
    Name(String),
    Number(u32),
}

impl Which {
    /// The interface, if there is one.
    pub(crate) fn find(&self, main: Main) -> Result<Interface, Refusal> {
        let interfaces = Interface::all(main);
        let found = interfaces.into_iter().find(|interface| match self {
            Self::Name(name) => interface.name(main) == *name,
            Self::Number(number) => interface.sw_if_index == *number,
        });
        found.ok_or_else(|| {
            let line = match self {
                Self::Name(name) => {
                    format!("{name}: there is no such interface; see `show interface`")
                }
                Self::Number(number) => format!("there is no interface {number}"),
            };
            Refusal::new(Why::NoInterface, line)
        })
    }
}

/// The interface of this number, if there is one.
pub(crate) fn find(main: Main, sw_if_index: u32) -> Result<Interface, Refusal> {
    Which::Number(sw_if_index).find(main)
}

/// Meters one interface.
pub(crate) fn enable(main: Main, which: &Which, wanted: Wanted) -> Result<(), Refusal> {
    which.find(main)?;
    meter::activate(main)?;
    // Once more: it may have gone meanwhile.
    let interface = which.find(main)?;
    let barrier = &mut main.barrier();
    meter::with_meter(main, |meter| meter.enable(barrier, &interface, wanted))
}

/// Meters one interface no longer.
pub(crate) fn disable(main: Main, which: &Which, wanted: Wanted) -> Result<(), Refusal> {
    let interface = which.find(main)?;
    let barrier = &mut main.barrier();
    let was = meter::with_meter(main, |meter| meter.disable(barrier, &interface, wanted))?;
    if was {
        return Ok(());
    }
    let name = interface.name(main);
    let line = format!("{name}: it is not metered so; see `show flowmeter interfaces`");
    Err(Refusal::new(Why::NoEntry, line))
}

/// Makes a rule. Interfaces that are there are metered at once; one that can't be leaves all
/// as it is.
pub(crate) fn enable_like(main: Main, pattern: &str, wanted: Wanted) -> Result<(), Refusal> {
    meter::activate(main)?;
    let barrier = &mut main.barrier();
    meter::with_meter(main, |meter| {
        let like = interfaces_like(main, pattern);
        for interface in &like {
            meter.places(main, interface, wanted)?;
        }
        for interface in &like {
            meter.enable(barrier, interface, wanted)?;
        }
        meter.interfaces.add_rule(pattern, wanted);
        Ok(())
    })
}

/// Takes a rule away, and meters the interfaces like it no longer.
pub(crate) fn disable_like(main: Main, pattern: &str, wanted: Wanted) -> Result<(), Refusal> {
    let barrier = &mut main.barrier();
    let any = meter::with_meter(main, |meter| forget_like(meter, barrier, pattern, wanted))?;
    if any {
        return Ok(());
    }
    let line = format!("{pattern}: nothing like it is metered; see `show flowmeter interfaces`");
    Err(Refusal::new(Why::NoEntry, line))
}

fn forget_like(
    meter: &mut Meter,
    barrier: &mut Barrier,
    pattern: &str,
    wanted: Wanted,
) -> Result<bool, Refusal> {
    let mut any = meter.interfaces.remove_rule(pattern);
    for interface in interfaces_like(barrier.main(), pattern) {
        any |= meter.disable(barrier, &interface, wanted)?;
    }
    Ok(any)
}

fn interfaces_like(main: Main, pattern: &str) -> Vec<Interface> {
    let mut interfaces = Interface::all(main);
    interfaces.retain(|interface| interfaces::matches(pattern, &interface.name(main)));
    interfaces
}
