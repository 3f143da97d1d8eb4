// SPDX-License-Identifier: Apache-2.0
//! Where records go: to the exporter that was set here, else to VPP's own.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::ops::RangeInclusive;

use flowmeter::exporting::Interfaces;

use super::asking::Asking;
use crate::export::datagram::Session;
use crate::export::shared::Gate;
use crate::ffi::exporter::{Table, VppExporter};
use crate::ffi::{Main, Refusal, Why, interface};

/// The address that messages come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Address(IpAddr),
    /// The first address that the interface of this name has of the collector's family.
    Interface(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Interface(name) => name.fmt(f),
        }
    }
}

/// What a user sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) collector: IpAddr,
    pub(crate) port: u16,
    pub(crate) source: Source,
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
        let is_unicast = |word: &str, address: &IpAddr, why| {
            if address.is_unspecified() || address.is_multicast() {
                let line = format!("{word} {address}: expected a unicast address");
                return Err(Refusal::new(why, line));
            }
            Ok(())
        };
        let collector = &self.collector;
        if let Source::Address(source) = &self.source
            && collector.is_ipv4() != source.is_ipv4()
        {
            let line = format!(
                "src {source}: expected an address of the same family as collector {collector}"
            );
            return Err(Refusal::new(Why::Family, line));
        }
        is_unicast("collector", collector, Why::Collector)?;
        match &self.source {
            Source::Address(source) => is_unicast("src", source, Why::Source),
            Source::Interface(_) => Ok(()),
        }
    }

    /// The address that messages come from now, if there is one.
    fn source(&self, main: Main) -> Option<IpAddr> {
        match &self.source {
            Source::Address(address) => Some(*address),
            Source::Interface(name) => {
                let number = interface::find(main, name)?;
                interface::first_address(main, number, self.collector.is_ipv6())
            }
        }
    }

    /// What its collector is called.
    pub(crate) fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.collector, self.port)
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
    /// When the next hop's address is asked for.
    pub(super) asking: Asking,
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
    /// VPP's main loop runs: before, tables and interfaces need not be there yet.
    pub(crate) fn set(
        &mut self,
        main: Main,
        setting: Option<Setting>,
        is_running: bool,
    ) -> Result<(), Refusal> {
        let table = match &setting {
            None => None,
            // `current` finds it later.
            Some(_) if !is_running => None,
            Some(setting) => {
                if let Source::Interface(name) = &setting.source
                    && interface::find(main, name).is_none()
                {
                    let line = format!("src {name}: expected an address, or an interface");
                    return Err(Refusal::new(Why::NoInterface, line));
                }
                Some(find_table(main, setting)?)
            }
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
                    source: setting.source(main)?,
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

impl Exporter {
    /// Why nothing can go where it was set to go, if that is so.
    pub(crate) fn obstacle(&self, main: Main) -> Option<String> {
        let setting = self.setting.as_ref()?;
        if self.table.is_none()
            && let Err(refusal) = find_table(main, setting)
        {
            return Some(refusal.into());
        }
        let Source::Interface(name) = &setting.source else {
            return None;
        };
        if interface::find(main, name).is_none() {
            return Some(format!("src {name}: there is no such interface"));
        }
        if setting.source(main).is_none() {
            let family = family(setting.collector.is_ipv6());
            return Some(format!("src {name}: it has no {family} address"));
        }
        None
    }
}

fn family(is_ip6: bool) -> &'static str {
    if is_ip6 { "IPv6" } else { "IPv4" }
}

fn find_table(main: Main, setting: &Setting) -> Result<Table, Refusal> {
    let is_ip6 = setting.collector.is_ipv6();
    Table::find(main, setting.table, is_ip6).ok_or_else(|| {
        let family = family(is_ip6);
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
