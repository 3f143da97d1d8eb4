// SPDX-License-Identifier: Apache-2.0
//! VPP's IPFIX exporter, its FIB tables, and the route to a collector.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Main;

/// VPP's first exporter, as set by `set ipfix exporter` or by VPP's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VppExporter {
    pub(crate) collector: IpAddr,
    pub(crate) source: IpAddr,
    pub(crate) port: u16,
    pub(crate) fib_index: u32,
    pub(crate) path_mtu: u32,
    pub(crate) template_interval: u32,
}

impl VppExporter {
    /// Returns the exporter, if one is set.
    pub(crate) fn get(_main: Main) -> Option<Self> {
        // SAFETY: all zeros are a valid value.
        let mut exporter: vpp_sys::vpp_shim_exporter_t = unsafe { core::mem::zeroed() };
        // SAFETY: this is the main thread, and only the main thread changes the exporter.
        if unsafe { vpp_sys::vpp_shim_exporter(&raw mut exporter) } == 0 {
            return None;
        }
        let address = |octets: [u8; 16]| {
            if exporter.is_ip6 != 0 {
                IpAddr::V6(Ipv6Addr::from(octets))
            } else {
                let [a, b, c, d, ..] = octets;
                IpAddr::V4(Ipv4Addr::new(a, b, c, d))
            }
        };
        Some(Self {
            collector: address(exporter.collector),
            source: address(exporter.source),
            port: exporter.port,
            fib_index: exporter.fib_index,
            path_mtu: exporter.path_mtu,
            template_interval: exporter.template_interval,
        })
    }
}

/// A FIB table, which VPP keeps for as long as this value exists.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Table {
    index: u32,
    is_ip6: bool,
}

impl Table {
    /// Locks the table with this id. Returns `None` if there is none.
    pub(crate) fn find(_main: Main, id: u32, is_ip6: bool) -> Option<Self> {
        // SAFETY: this is the main thread.
        let index = unsafe { vpp_sys::vpp_shim_fib_lock(id, u8::from(is_ip6)) };
        (index != u32::MAX).then(|| Self { index, is_ip6 })
    }

    /// VPP's index of the table.
    pub(crate) fn index(&self) -> u32 {
        self.index
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // SAFETY: locked in `find`; only the main thread has `Table`s.
        unsafe { vpp_sys::vpp_shim_fib_unlock(self.index, u8::from(self.is_ip6)) }
    }
}

/// How VPP forwards packets to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// There is no route: packets are dropped.
    None,
    /// The next hop is not resolved yet, at this adjacency.
    Unresolved(u32),
    /// Packets are sent.
    Resolved,
}

impl Route {
    /// Looks `address` up in a table. If `ask` is true and the next hop is not resolved, VPP sends
    /// an ARP or neighbour solicitation for it.
    pub(crate) fn to(_main: Main, fib_index: u32, address: IpAddr, ask: bool) -> Self {
        let mut octets = [0; 16];
        match address {
            IpAddr::V4(address) => octets[..4].copy_from_slice(&address.octets()),
            IpAddr::V6(address) => octets = address.octets(),
        }
        let is_ip6 = u8::from(address.is_ipv6());
        let address = octets.as_ptr();
        let ask = u8::from(ask);
        let mut adjacency = 0;
        // SAFETY: this is the main thread; `address` points to 16 octets.
        let route =
            unsafe { vpp_sys::vpp_shim_route(fib_index, is_ip6, address, ask, &raw mut adjacency) };
        match route {
            vpp_sys::vpp_shim_route_t_VPP_SHIM_ROUTE_RESOLVED => Self::Resolved,
            vpp_sys::vpp_shim_route_t_VPP_SHIM_ROUTE_UNRESOLVED => Self::Unresolved(adjacency),
            _ => Self::None,
        }
    }
}
