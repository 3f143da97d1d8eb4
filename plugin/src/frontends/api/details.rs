// SPDX-License-Identifier: Apache-2.0
//! The content of replies and details.

use core::net::IpAddr;

use flowmeter::metering;
use flowmeter::observation::Direction;

use super::wire::{
    Address, Exporter, ExporterReply, ExporterState, Flow, InterfaceDetails, NAME_OCTETS,
    Parameters, ParametersReply, Records, RuleDetails, Statistics, StatisticsDetails, Tally, Watch,
};
use crate::control::exporter::{InEffect, Setting, Source};
use crate::control::flows::{self, Endpoints};
use crate::control::interfaces::{Selection, Side, Variant};
use crate::control::state::{self, with_control};
use crate::control::{exporting, inspection, observing, tables};
use crate::dataplane::inspection::Snapshot;
use crate::export::shared::Gate;
use crate::ffi::interface::{self, name};
use crate::ffi::{Main, Refusal, RefusalKind, thread};

/// Values of the enumerations in flowmeter.api.
const ORIGIN_NONE: u8 = 0;
const ORIGIN_FLOWMETER: u8 = 1;
const ORIGIN_IPFIX: u8 = 2;
const FAMILY_IP4: u8 = 1;
const FAMILY_IP6: u8 = 2;
const FAMILY_L2: u8 = 4;

pub(super) fn parameters(main: Main) -> Result<ParametersReply, Refusal> {
    let settings = tables::settings(main)?;
    Ok(ParametersReply(Parameters {
        active_timeout: settings.active_timeout,
        idle_timeout: settings.idle_timeout,
        flows_per_worker: settings.flows(),
        observation_domain: settings.observation_domain,
    }))
}

pub(super) fn exporter(main: Main) -> Result<ExporterReply, Refusal> {
    // While nothing is metered, the exporter is not checked regularly.
    exporting::update(main);
    let total = inspection::accounts(main)?;
    with_control(main, |control| {
        let exporter = &control.exporter;
        let (origin, exporter) = match (exporter.in_effect(), exporter.setting()) {
            (Some(in_effect), setting) => {
                let origin = if in_effect.is_vpp_exporter() {
                    ORIGIN_IPFIX
                } else {
                    ORIGIN_FLOWMETER
                };
                (origin, exporter_in_effect(main, in_effect, setting))
            }
            // Its table or the address of its interface does not exist now.
            (None, Some(setting)) => {
                let source = match setting.source {
                    Source::Address(source) => address(source),
                    Source::Interface(_) => Address {
                        family: u8::from(setting.collector.is_ipv6()),
                        octets: [0; 16],
                    },
                };
                let exporter = Exporter {
                    collector: address(setting.collector),
                    source,
                    source_interface: source_interface(main, setting),
                    collector_port: setting.port,
                    table_id: setting.table,
                    path_mtu: setting.path_mtu,
                    template_interval: setting.template_interval,
                };
                (ORIGIN_FLOWMETER, exporter)
            }
            (None, None) => (
                ORIGIN_NONE,
                Exporter {
                    source_interface: u32::MAX,
                    ..Exporter::default()
                },
            ),
        };
        Ok(ExporterReply(ExporterState {
            origin,
            reachable: u8::from(state::shared().gate() == Gate::Open),
            exporter,
            messages: total.messages,
            records: total.records,
        }))
    })
}

fn exporter_in_effect(main: Main, in_effect: &InEffect, setting: Option<&Setting>) -> Exporter {
    let session = in_effect.session();
    Exporter {
        collector: address(session.collector),
        source: address(session.source),
        source_interface: setting.map_or(u32::MAX, |setting| source_interface(main, setting)),
        collector_port: session.port,
        table_id: setting.map_or(u32::MAX, |setting| setting.table),
        path_mtu: session.path_mtu as u32,
        template_interval: in_effect.template_interval(),
    }
}

/// The `sw_if_index` of the source interface; all ones if there is none.
fn source_interface(main: Main, setting: &Setting) -> u32 {
    match &setting.source {
        Source::Address(_) => None,
        Source::Interface(name) => interface::find(main, name),
    }
    .unwrap_or(u32::MAX)
}

pub(super) fn interfaces(main: Main, which: Option<u32>) -> Result<Vec<InterfaceDetails>, Refusal> {
    if let Some(sw_if_index) = which {
        observing::find(main, sw_if_index)?;
    }
    with_control(main, |control| {
        let mut details = Vec::new();
        for (&sw_if_index, places) in control.interfaces.metered() {
            if which.is_some_and(|which| which != sw_if_index) {
                continue;
            }
            let name = octets(&name(main, sw_if_index));
            details.extend(places.iter().map(|place| {
                InterfaceDetails(Watch {
                    sw_if_index,
                    variant: number(&Variant::BY_NUMBER, |v| v.name() == place.layer().name()),
                    direction: direction(place.direction()),
                    name,
                })
            }));
        }
        Ok(details)
    })
}

pub(super) fn rules(main: Main) -> Result<Vec<RuleDetails>, Refusal> {
    with_control(main, |control| {
        let rules = control.interfaces.rules().iter();
        let details = rules.map(|(pattern, selection)| {
            let Selection { variant, side } = *selection;
            RuleDetails(Watch {
                sw_if_index: u32::MAX,
                variant: number(&Variant::BY_NUMBER, |v| *v == variant),
                direction: number(&Side::BY_NUMBER, |s| *s == side),
                name: octets(pattern),
            })
        });
        Ok(details.collect())
    })
}

pub(super) fn statistics(
    main: Main,
    which: Option<u32>,
) -> Result<Vec<StatisticsDetails>, Refusal> {
    if let Some(index) = which
        && index as usize >= thread::count()
    {
        let line = format!("no such thread: {index}");
        return Err(Refusal::new(RefusalKind::NoThread, line));
    }
    let details = inspection::snapshots(main)?
        .into_iter()
        .zip(0..)
        .filter(|(_, index)| which.is_none_or(|which| which == *index))
        .map(|(snapshot, index)| StatisticsDetails(of_thread(&snapshot, index)))
        .collect();
    Ok(details)
}

fn of_thread(snapshot: &Snapshot, thread_index: u32) -> Statistics {
    let accounts = &snapshot.accounts;
    let statistics = &accounts.statistics;
    Statistics {
        thread_index,
        flows: statistics.flows,
        live_flows: accounts.live_flows,
        table_octets: snapshot.table_octets,
        messages: accounts.messages,
        records: accounts.records,
        observed: tally(statistics.observed),
        metered: tally(statistics.metered),
        live: tally(statistics.live()),
        ignored: statistics.ignored.map(tally),
        exported: statistics.exported.map(records),
        lost: statistics.lost.map(records),
    }
}

pub(super) fn flow(flow: &flows::Flow) -> Flow {
    let observed = &flow.observed;
    let unix_milliseconds =
        |time: flowmeter::time::Timestamp| time.as_millis().wrapping_add(state::shared().wall());
    let mut details = Flow {
        direction: direction(observed.direction()),
        type_of_service: flow.type_of_service,
        tcp_flags: flow.tcp_flags,
        vlan_id: observed.vlan(),
        ingress_interface: observed.ingress_interface,
        egress_interface: observed.egress_interface,
        vrf_id: flow.vrf,
        packets: flow.packets,
        octets: flow.octets,
        start_milliseconds: unix_milliseconds(flow.start),
        end_milliseconds: unix_milliseconds(flow.end),
        ..Flow::default()
    };
    match flow.ends {
        Endpoints::Ip([source, destination], ports) => {
            details.family = if source.is_ipv4() {
                FAMILY_IP4
            } else {
                FAMILY_IP6
            };
            details.protocol = observed.protocol as u8;
            details.source = address(source);
            details.destination = address(destination);
            details.source_port = u16::from_be_bytes(ports.source);
            details.destination_port = u16::from_be_bytes(ports.destination);
        }
        Endpoints::L2([source, destination]) => {
            details.family = FAMILY_L2;
            details.ether_type = observed.protocol;
            details.source_mac = source;
            details.destination_mac = destination;
        }
    }
    details
}

pub(super) fn address(address: IpAddr) -> Address {
    let mut octets = [0; 16];
    match address {
        IpAddr::V4(address) => octets[..4].copy_from_slice(&address.octets()),
        IpAddr::V6(address) => octets = address.octets(),
    }
    Address {
        family: u8::from(address.is_ipv6()),
        octets,
    }
}

fn tally(tally: metering::Tally) -> Tally {
    Tally {
        packets: tally.packets,
        octets: tally.octets,
    }
}

fn records(records: metering::Records) -> Records {
    Records {
        records: records.records,
        packets: records.tally.packets,
        octets: records.tally.octets,
    }
}

fn direction(direction: Direction) -> u8 {
    u8::from(direction == Direction::Egress)
}

/// The position of an item in a list.
fn number<T>(all: &[T], is_it: impl FnMut(&T) -> bool) -> u8 {
    all.iter().position(is_it).unwrap_or_default() as u8
}

/// A name as a C string, truncated if it is too long.
pub(super) fn octets(name: &str) -> [u8; NAME_OCTETS] {
    let mut octets = [0; NAME_OCTETS];
    let length = name.floor_char_boundary(NAME_OCTETS - 1);
    octets[..length].copy_from_slice(&name.as_bytes()[..length]);
    octets
}
