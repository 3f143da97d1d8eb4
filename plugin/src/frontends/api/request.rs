// SPDX-License-Identifier: Apache-2.0
//! Parses messages into requests. Any message results in a request or a refusal, before anything
//! changes.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ops::RangeInclusive;

use super::wire;
use crate::control::exporter::{Setting, Source};
use crate::control::flows::{Filter, Order, TOP};
use crate::control::interfaces::{Selection, Side, Variant};
use crate::control::settings::Settings;
use crate::ffi::{Refusal, RefusalKind};

/// A client's request.
#[derive(Clone, Debug)]
pub(super) enum Request {
    Interface {
        is_add: bool,
        sw_if_index: u32,
        selection: Selection,
    },
    Rule {
        is_add: bool,
        pattern: String,
        selection: Selection,
    },
    /// One interface, or all.
    Interfaces(Option<u32>),
    Rules,
    SetParameters {
        active_timeout: Change,
        idle_timeout: Change,
        flows_per_worker: Change,
        observation_domain: Change,
    },
    Parameters,
    /// The setting, and the source interface if there is one.
    SetExporter(Option<Setting>, Option<u32>),
    Exporter,
    Flush,
    ClearStatistics,
    /// One thread, or all.
    Statistics(Option<u32>),
    Flows {
        filter: Filter,
        /// The order and number of the largest flows; `None` for all flows.
        largest: Option<(Order, usize)>,
    },
    /// One operation, or all.
    Operations(Option<u32>),
    Events {
        enable: bool,
        pid: u32,
    },
}

/// How long a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Never long.
    Quick,
    /// As long as its client reads.
    List,
    /// Possibly longer than a client waits for an answer; with the name of the message.
    Operation(&'static str),
}

impl Request {
    /// How long the request may take.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Interfaces(_)
            | Self::Rules
            | Self::Parameters
            | Self::SetExporter(..)
            | Self::Exporter
            | Self::ClearStatistics
            | Self::Statistics(_)
            | Self::Operations(_)
            | Self::Events { .. } => Kind::Quick,
            Self::Flows { .. } => Kind::List,
            Self::Interface { .. } => Kind::Operation("flowmeter_interface_add_del"),
            Self::Rule { .. } => Kind::Operation("flowmeter_rule_add_del"),
            Self::SetParameters { .. } => Kind::Operation("flowmeter_set_parameters"),
            Self::Flush => Kind::Operation("flowmeter_flush"),
        }
    }
}

/// A change of one parameter.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Keep,
    Default,
    To(u32),
}

impl Change {
    pub(super) fn apply<T: From<u32>>(self, to: &mut T, default: T) {
        match self {
            Self::Keep => {}
            Self::Default => *to = default,
            Self::To(value) => *to = value.into(),
        }
    }
}

pub(super) fn interface(is_add: bool, watch: &wire::Watch) -> Result<Request, Refusal> {
    Ok(Request::Interface {
        is_add,
        sw_if_index: watch.sw_if_index,
        selection: selection(watch)?,
    })
}

pub(super) fn rule(is_add: bool, watch: &wire::Watch) -> Result<Request, Refusal> {
    Ok(Request::Rule {
        is_add,
        pattern: pattern(&watch.name)?,
        selection: selection(watch)?,
    })
}

pub(super) fn parameters(parameters: &wire::Parameters) -> Result<Request, Refusal> {
    let change = |name: &str, value, range: RangeInclusive<u32>| match value {
        0 => Ok(Change::Keep),
        u32::MAX => Ok(Change::Default),
        _ => within(name, value, range).map(Change::To),
    };
    let wire::Parameters {
        active_timeout,
        idle_timeout,
        flows_per_worker,
        observation_domain,
    } = *parameters;
    Ok(Request::SetParameters {
        active_timeout: change("active_timeout", active_timeout, Settings::TIMEOUTS)?,
        idle_timeout: change("idle_timeout", idle_timeout, Settings::TIMEOUTS)?,
        flows_per_worker: change("flows_per_worker", flows_per_worker, Settings::FLOWS)?,
        observation_domain: change(
            "observation_domain",
            observation_domain,
            Settings::domains(),
        )?,
    })
}

pub(super) fn exporter(is_add: bool, exporter: &wire::Exporter) -> Result<Request, Refusal> {
    if !is_add {
        return Ok(Request::SetExporter(None, None));
    }
    let or_default = |value, default| if value == 0 { default } else { value };
    let path_mtu = or_default(exporter.path_mtu, Setting::PATH_MTU);
    let interval = or_default(exporter.template_interval, Setting::TEMPLATE_INTERVAL);
    // Index 0 is local0, which has no address.
    let interface = exporter.source_interface;
    let interface = (interface != 0 && interface != u32::MAX).then_some(interface);
    let setting = Setting {
        collector: address(&exporter.collector)?,
        source: match interface {
            // The name is looked up when the request is served.
            Some(_) => Source::Interface(String::new()),
            None => Source::Address(address(&exporter.source)?),
        },
        port: match exporter.collector_port {
            0 => Setting::PORT,
            port => port,
        },
        table: within("table_id", exporter.table_id, Setting::TABLES)?,
        path_mtu: within("path_mtu", path_mtu, Setting::PATH_MTUS)?,
        template_interval: within("template_interval", interval, Setting::TEMPLATE_INTERVALS)?,
    };
    setting.check()?;
    Ok(Request::SetExporter(Some(setting), interface))
}

pub(super) fn flows(query: &wire::Query) -> Result<Request, Refusal> {
    const IP4: u8 = 1;
    const IP6: u8 = 2;
    const L2: u8 = 4;
    let families = match query.families {
        0 => IP4 | IP6 | L2,
        families if families & !(IP4 | IP6 | L2) == 0 => families,
        families => return unknown("families", families),
    };
    let top = |order| within("top", query.top, TOP).map(|top| Some((order, top as usize)));
    let largest = match query.order {
        0 if query.top == 0 => None,
        0 => {
            return Err(Refusal::new(
                RefusalKind::Value,
                "top: expected 0 without an order",
            ));
        }
        1 => top(Order::Packets)?,
        2 => top(Order::Octets)?,
        order => return unknown("order", order),
    };
    let matching = match query.is_match {
        0 => None,
        _ => Some(address(&query.match_)?),
    };
    Ok(Request::Flows {
        filter: Filter {
            ip4: families & IP4 != 0,
            ip6: families & IP6 != 0,
            l2: families & L2 != 0,
            matching,
        },
        largest,
    })
}

fn selection(watch: &wire::Watch) -> Result<Selection, Refusal> {
    let Some(variant) = Variant::BY_NUMBER.get(usize::from(watch.variant)) else {
        return unknown("variant", watch.variant);
    };
    let Some(side) = Side::BY_NUMBER.get(usize::from(watch.direction)) else {
        return unknown("direction", watch.direction);
    };
    Ok(Selection {
        variant: *variant,
        side: *side,
    })
}

/// The C string in `name`: characters of interface names, and `*`.
fn pattern(name: &[u8; wire::NAME_OCTETS]) -> Result<String, Refusal> {
    let refuse = |why| Err(Refusal::new(RefusalKind::Name, format!("pattern: {why}")));
    let Some(end) = name.iter().position(|octet| *octet == 0) else {
        return refuse("expected a terminating zero");
    };
    let name = &name[..end];
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return refuse("expected printable ASCII characters");
    }
    Ok(String::from_utf8_lossy(name).into_owned())
}

fn address(address: &wire::Address) -> Result<IpAddr, Refusal> {
    let [a, b, c, d, ..] = address.octets;
    match address.family {
        0 => Ok(Ipv4Addr::new(a, b, c, d).into()),
        1 => Ok(Ipv6Addr::from(address.octets).into()),
        family => {
            let line = format!("address family {family}: expected 0 or 1");
            Err(Refusal::new(RefusalKind::Family, line))
        }
    }
}

fn within(name: &str, value: u32, range: RangeInclusive<u32>) -> Result<u32, Refusal> {
    if range.contains(&value) {
        return Ok(value);
    }
    let (start, end) = range.into_inner();
    let line = format!("{name} {value}: expected a number from {start} to {end}");
    Err(Refusal::new(RefusalKind::Value, line))
}

fn unknown<T>(name: &str, value: u8) -> Result<T, Refusal> {
    Err(Refusal::new(
        RefusalKind::Value,
        format!("{name} {value}: not a value of this enumeration"),
    ))
}
