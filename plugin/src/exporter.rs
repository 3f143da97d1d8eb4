// SPDX-License-Identifier: Apache-2.0
//! Where records go: to the exporter that was set here, else to VPP's own; and whether there is
//! a way to it.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::ops::RangeInclusive;
use std::sync::Arc;

use flowmeter::exporting::Interface as ExportedInterface;
use flowmeter::metering::NoRoom;

use crate::api::events;
use crate::datagram::Session;
use crate::meter::{self, Meter};
use crate::refusal::{Refusal, Why};
use crate::shared::{Gate, SHARED};
use crate::vlib::exporter::{Route, Table, VppExporter};
use crate::vlib::interface::Interface;
use crate::vlib::{Barrier, Main};

/// What a user sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) collector: IpAddr,
    pub(crate) port: u16,
    pub(crate) source: IpAddr,
    /// The id of the table that datagrams are looked up in.
    pub(crate) table: u32,
    /// In octets.
    pub(crate) path_mtu: u32,
    /// In seconds.
    pub(crate) template_interval: u32,
}

impl Setting {
    /// What a user who says nothing gets.
    pub(crate) const PORT: u16 = 4739;
    /// As of VPP's own exporter: what every link takes, with some room for tunnels.
    pub(crate) const PATH_MTU: u32 = 1400;
    /// Often enough for collectors that restart.
    pub(crate) const TEMPLATE_INTERVAL: u32 = 30;
    /// The least that holds every template and every record.
    pub(crate) const MIN_PATH_MTU: u32 = 256;
    /// Messages end where VPP's buffers do, too.
    pub(crate) const PATH_MTUS: RangeInclusive<u32> = Self::MIN_PATH_MTU..=65_535;
    /// In seconds.
    pub(crate) const TEMPLATE_INTERVALS: RangeInclusive<u32> = 1..=86_400;
    /// Table ids; the last number is VPP's for none.
    pub(crate) const TABLES: RangeInclusive<u32> = 0..=u32::MAX - 1;
}

/// Where records go.
#[derive(Default)]
pub(crate) struct Exporter {
    setting: Option<Setting>,
    /// Kept while it is in use.
    table: Option<Table>,
    in_effect: Option<InEffect>,
    /// What was last said of it in the log.
    told: Option<Gate>,
    /// What collectors are told that interfaces are called.
    names: Arc<[ExportedInterface]>,
}

/// What the workers use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InEffect {
    session: Session,
    template_interval: u32,
    /// Whether it is VPP's own.
    is_vpps: bool,
}

impl Exporter {
    /// What was set here, if anything.
    pub(crate) fn setting(&self) -> Option<&Setting> {
        self.setting.as_ref()
    }

    /// What the workers use.
    pub(crate) fn in_effect(&self) -> Option<&InEffect> {
        self.in_effect.as_ref()
    }

    /// Sets where records go; `None` leaves it to VPP's own exporter.
    pub(crate) fn set(&mut self, main: Main, setting: Option<Setting>) -> Result<(), Refusal> {
        let table = match &setting {
            None => None,
            // Before VPP runs there may be no tables; see `update`.
            Some(_) if !meter::is_running() => None,
            Some(setting) => Some(find_table(main, setting)?),
        };
        self.setting = setting;
        self.table = table;
        Ok(())
    }

    fn wanted(&mut self, main: Main) -> Option<InEffect> {
        if let Some(setting) = &self.setting {
            if self.table.is_none() {
                self.table = find_table(main, setting).ok();
            }
            return Some(InEffect {
                session: Session {
                    collector: setting.collector,
                    source: setting.source,
                    port: setting.port,
                    fib_index: self.table.as_ref()?.index(),
                    path_mtu: setting.path_mtu as usize,
                },
                template_interval: setting.template_interval,
                is_vpps: false,
            });
        }
        let vpp = VppExporter::get(main)?;
        if vpp.collector.is_ipv4() != vpp.source.is_ipv4() {
            return None;
        }
        Some(InEffect {
            session: Session {
                collector: vpp.collector,
                source: vpp.source,
                port: vpp.port,
                // Where no table was named: the default one.
                fib_index: if vpp.fib_index == u32::MAX {
                    0
                } else {
                    vpp.fib_index
                },
                path_mtu: vpp.path_mtu.max(Setting::MIN_PATH_MTU) as usize,
            },
            template_interval: vpp.template_interval.max(1),
            is_vpps: true,
        })
    }
}

fn find_table(main: Main, setting: &Setting) -> Result<Table, Refusal> {
    let is_ip6 = setting.collector.is_ipv6();
    Table::find(main, setting.table, is_ip6).ok_or_else(|| {
        let family = if is_ip6 { "IPv6" } else { "IPv4" };
        let line = format!("fib {}: there is no such {family} table", setting.table);
        Refusal::new(Why::NoTable, line)
    })
}

impl InEffect {
    /// Where records go.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Seconds from templates to templates.
    pub(crate) fn template_interval(&self) -> u32 {
        self.template_interval
    }

    /// Whether it is VPP's own.
    pub(crate) fn is_vpps(&self) -> bool {
        self.is_vpps
    }
}

impl fmt::Display for InEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Session {
            collector, port, ..
        } = self.session;
        SocketAddr::new(collector, port).fmt(f)
    }
}

impl Meter {
    /// Has the workers use what is set now, and looks whether there is a way to it.
    pub(crate) fn update_exporter(&mut self, main: Main) {
        let wanted = self.exporter.wanted(main);
        if wanted != self.exporter.in_effect {
            // What is under construction goes to the collector that it was made for.
            self.set_sessions(&mut main.barrier(), wanted);
        }
        let gate = match &self.exporter.in_effect {
            None => Gate::Closed(NoRoom::NoCollector),
            Some(InEffect { session, .. }) => {
                match Route::to(main, session.fib_index, session.collector) {
                    Route::Resolved => Gate::Open,
                    Route::None | Route::Unresolved => Gate::Closed(NoRoom::CollectorUnreachable),
                }
            }
        };
        let opens = SHARED.gate() != gate && gate == Gate::Open;
        SHARED.set_gate(gate);
        if opens && self.flowprobe.is_enabled() {
            for host in meter::hosts(&mut main.barrier()) {
                host.catch_up(main.thread());
            }
            main.thread().interrupt(self.nodes.expire);
        }
        self.tell(main, gate);
    }

    fn set_sessions(&mut self, barrier: &mut Barrier, wanted: Option<InEffect>) {
        // Who was set first takes no records before `update_exporter` has seen a way to it.
        SHARED.set_gate(Gate::Closed(NoRoom::NoCollector));
        let thread = barrier.main().thread();
        let session = wanted.map(|in_effect| in_effect.session);
        let announce = wanted.map_or(0, |in_effect| in_effect.template_interval);
        // All of these count in one sequence, which begins anew only once it was told to its end.
        for host in meter::hosts(barrier) {
            host.send(thread);
        }
        for worker in meter::workers(barrier) {
            worker.set_session(thread, session, announce.saturating_mul(1000));
        }
        self.exporter.in_effect = wanted;
        self.exporter.told = None;
    }

    /// Whether another exporter was set than the workers use.
    pub(crate) fn exporter_is_news(&mut self, main: Main) -> bool {
        self.exporter.wanted(main) != self.exporter.in_effect
    }

    /// Tells workers that have come since where records go.
    pub(crate) fn renew_sessions(&mut self, barrier: &mut Barrier) {
        let in_effect = self.exporter.in_effect;
        self.set_sessions(barrier, in_effect);
    }

    /// One line in the log whenever it changes.
    fn tell(&mut self, main: Main, gate: Gate) {
        if self.exporter.told == Some(gate) {
            return;
        }
        // An address is always asked for first: not yet a reason to complain.
        let first = self.exporter.told.is_none();
        match (&self.exporter.in_effect, gate) {
            (Some(collector), Gate::Open) => {
                let line = format!("collector {collector} is reachable");
                self.log.notice(main, &line);
                events::exporter(main, collector.session(), true);
            }
            (Some(collector), Gate::Closed(_)) if !first => {
                let line =
                    format!("collector {collector} is unreachable: no route, or nobody there");
                self.log.warning(main, &line);
                events::exporter(main, collector.session(), false);
            }
            _ => {}
        }
        self.exporter.told = Some(gate);
    }

    /// Tells collectors what interfaces are called, where that is news.
    pub(crate) fn name_interfaces(&mut self, main: Main) {
        if self.interfaces.metered().is_empty() {
            return;
        }
        let names: Arc<[_]> = Interface::all(main)
            .iter()
            .map(|interface| {
                let name = interface.name(main);
                let tag = interface.tag(main);
                ExportedInterface {
                    number: interface.sw_if_index,
                    description: if tag.is_empty() { name.clone() } else { tag },
                    name,
                }
            })
            .collect();
        if names == self.exporter.names {
            return;
        }
        for worker in meter::workers(&mut main.barrier()) {
            worker.set_interfaces(Arc::clone(&names));
        }
        self.exporter.names = names;
    }
}
