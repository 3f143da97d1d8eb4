// SPDX-License-Identifier: Apache-2.0
//! Where records go: to the exporter that was set here, else to VPP's own.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::ops::RangeInclusive;

use flowmeter::exporting::Interfaces;

use crate::export::datagram::Session;
use crate::export::shared::Gate;
use crate::ffi::exporter::{Table, VppExporter};
use crate::ffi::{Main, Refusal, Why};

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
    /// Unless set otherwise.
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

    /// Whether messages can go from and to these addresses.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let Setting {
            collector, source, ..
        } = *self;
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
}

/// Where records go.
#[derive(Default)]
pub(crate) struct Exporter {
    setting: Option<Setting>,
    /// Kept while it is in use.
    table: Option<Table>,
    pub(super) in_effect: Option<InEffect>,
    /// What the log last said of it.
    pub(super) logged: Option<Gate>,
    /// The interfaces' names and descriptions that collectors learn.
    pub(super) interfaces: Interfaces,
    /// Whether these may have changed since.
    pub(super) interfaces_changed: bool,
}

/// What the workers use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InEffect {
    pub(super) session: Session,
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

    /// Sets where records go; `None` leaves it to VPP's own exporter. `is_running` says whether
    /// VPP's main loop runs.
    pub(crate) fn set(
        &mut self,
        main: Main,
        setting: Option<Setting>,
        is_running: bool,
    ) -> Result<(), Refusal> {
        let table = match &setting {
            None => None,
            // Before VPP runs there may be no tables; `current` finds it later.
            Some(_) if !is_running => None,
            Some(setting) => Some(find_table(main, setting)?),
        };
        self.setting = setting;
        self.table = table;
        Ok(())
    }

    /// What the workers are to use now.
    pub(super) fn current(&mut self, main: Main) -> Option<InEffect> {
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
