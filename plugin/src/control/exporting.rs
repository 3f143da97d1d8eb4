// SPDX-License-Identifier: Apache-2.0
//! Where records go.

use crate::exporter::Setting;
use crate::refusal::{Refusal, Why};
use crate::vlib::Main;
use crate::{meter, process};

/// Whether messages can go from and to these addresses.
pub(crate) fn check(setting: &Setting) -> Result<(), Refusal> {
    let Setting {
        collector, source, ..
    } = *setting;
    if collector.is_ipv4() != source.is_ipv4() {
        let line = format!(
            "src {source}: expected an address of the same family as collector {collector}"
        );
        return Err(Refusal::new(Why::Family, line));
    }
    for (word, address, why) in [
        ("collector", collector, Why::Collector),
        ("src", source, Why::Source),
    ] {
        if address.is_unspecified() || address.is_multicast() {
            let line = format!("{word} {address}: expected a unicast address");
            return Err(Refusal::new(why, line));
        }
    }
    Ok(())
}

/// Sets it; `None` leaves it to VPP's own exporter.
pub(crate) fn set(main: Main, setting: Option<Setting>) -> Result<(), Refusal> {
    meter::start(main)?;
    meter::with_meter(main, |meter| {
        meter.exporter.set(main, setting)?;
        main.signal(meter.nodes.process);
        Ok(())
    })?;
    process::update(main);
    Ok(())
}
