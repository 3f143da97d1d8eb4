// SPDX-License-Identifier: Apache-2.0
//! The exporter: the plugin's own setting, else VPP's exporter.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::ops::RangeInclusive;

use flowmeter::exporting::Interfaces;

use super::resolve_backoff::ResolveBackoff;
use crate::export::datagram::Session;
use crate::export::shared::Gate;
use crate::ffi::exporter::{Table, VppExporter};
use crate::ffi::{Main, Refusal, RefusalKind, interface};

/// The source of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Address(IpAddr),
    /// The first address of the collector's family on the interface with this name.
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

/// The exporter as set by a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) collector: IpAddr,
    pub(crate) port: u16,
    pub(crate) source: Source,
    /// The id of the FIB table that datagrams are looked up in.
    pub(crate) table: u32,
    /// In octets.
    pub(crate) path_mtu: u32,
    /// In seconds.
    pub(crate) template_interval: u32,
}

impl Setting {
    /// The default port (RFC 7011 §10.3.4).
    pub(crate) const PORT: u16 = 4739;
    /// The default path MTU, as of VPP's exporter: fits common links and leaves room for tunnels.
    pub(crate) const PATH_MTU: u32 = 1400;
    /// The default interval: often enough for collectors that restart.
    pub(crate) const TEMPLATE_INTERVAL: u32 = 30;
    /// The smallest MTU that holds every template and every record.
    pub(crate) const MIN_PATH_MTU: u32 = 256;
    /// Messages are also limited by the size of VPP's buffers.
    pub(crate) const PATH_MTUS: RangeInclusive<u32> = Self::MIN_PATH_MTU..=65_535;
    /// In seconds.
    pub(crate) const TEMPLATE_INTERVALS: RangeInclusive<u32> = 1..=86_400;
    /// Table ids. VPP uses the largest number for "none".
    pub(crate) const TABLES: RangeInclusive<u32> = 0..=u32::MAX - 1;

    /// Checks that both addresses are unicast addresses of one family.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let is_unicast = |word: &str, address: &IpAddr, kind| {
            if address.is_unspecified() || address.is_multicast() {
                let line = format!("{word} {address}: expected a unicast address");
                return Err(Refusal::new(kind, line));
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
            return Err(Refusal::new(RefusalKind::Family, line));
        }
        is_unicast("collector", collector, RefusalKind::Collector)?;
        match &self.source {
            Source::Address(source) => is_unicast("src", source, RefusalKind::Source),
            Source::Interface(_) => Ok(()),
        }
    }

    /// The current source address, if there is one.
    fn source(&self, main: Main) -> Option<IpAddr> {
        match &self.source {
            Source::Address(address) => Some(*address),
            Source::Interface(name) => {
                let number = interface::find(main, name)?;
                interface::first_address(main, number, self.collector.is_ipv6())
            }
        }
    }

    /// The collector's address and port.
    pub(crate) fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.collector, self.port)
    }
}

/// The exporter and its state.
#[derive(Default)]
pub(crate) struct Exporter {
    setting: Option<Setting>,
    /// The locked table, while it is in use.
    table: Option<Table>,
    pub(super) in_effect: Option<InEffect>,
    /// The state that was logged last.
    pub(super) logged: Option<Gate>,
    /// When VPP is asked to resolve the next hop.
    pub(super) backoff: ResolveBackoff,
    /// The names and descriptions of interfaces that are announced to collectors.
    pub(super) interfaces: Interfaces,
    /// Whether they may have changed.
    pub(super) interfaces_changed: bool,
}

/// The exporter that the workers use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InEffect {
    pub(super) session: Session,
    template_interval: u32,
    /// Whether it is VPP's exporter.
    is_vpp_exporter: bool,
}

impl Exporter {
    /// The plugin's own setting, if there is one.
    pub(crate) fn setting(&self) -> Option<&Setting> {
        self.setting.as_ref()
    }

    /// The exporter that the workers use.
    pub(crate) fn in_effect(&self) -> Option<&InEffect> {
        self.in_effect.as_ref()
    }

    /// Sets the exporter; `None` selects VPP's exporter. Until VPP's main loop runs (`is_running`),
    /// tables and interfaces need not exist.
    pub(crate) fn set(
        &mut self,
        main: Main,
        setting: Option<Setting>,
        is_running: bool,
    ) -> Result<(), Refusal> {
        let table = match &setting {
            None => None,
            // `current` looks the table up later.
            Some(_) if !is_running => None,
            Some(setting) => {
                if let Source::Interface(name) = &setting.source
                    && interface::find(main, name).is_none()
                {
                    let line = format!("src {name}: expected an address, or an interface");
                    return Err(Refusal::new(RefusalKind::NoInterface, line));
                }
                Some(find_table(main, setting)?)
            }
        };
        self.setting = setting;
        self.table = table;
        Ok(())
    }

    /// The exporter that the workers should use now.
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
                is_vpp_exporter: false,
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
                // No table was set: use the default table.
                fib_index: if vpp.fib_index == u32::MAX {
                    0
                } else {
                    vpp.fib_index
                },
                path_mtu: vpp.path_mtu.max(Setting::MIN_PATH_MTU) as usize,
            },
            template_interval: vpp.template_interval.max(1),
            is_vpp_exporter: true,
        })
    }
}

impl Exporter {
    /// Why the plugin's own setting cannot be used now, if so.
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
            return Some(format!("src {name}: no such interface"));
        }
        if setting.source(main).is_none() {
            let family = family(setting.collector.is_ipv6());
            return Some(format!("src {name}: no {family} address on this interface"));
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
        let line = format!("fib {}: no such {family} table", setting.table);
        Refusal::new(RefusalKind::NoTable, line)
    })
}

impl InEffect {
    /// The source and destination of messages.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// The interval between repeated templates, in seconds.
    pub(crate) fn template_interval(&self) -> u32 {
        self.template_interval
    }

    /// Whether it is VPP's exporter.
    pub(crate) fn is_vpp_exporter(&self) -> bool {
        self.is_vpp_exporter
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
