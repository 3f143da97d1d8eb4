// SPDX-License-Identifier: Apache-2.0
//! VPP's interfaces: their properties, and the features that are enabled on them.

use core::ffi::{CStr, c_void};
use core::mem::MaybeUninit;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::BTreeSet;

use super::Main;
use crate::ffi::refusal::{Refusal, RefusalKind};

/// How an interface receives and sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Frames from a driver.
    Device,
    /// Frames that the bond's members have received.
    Bond,
    /// It receives what it sends: loopbacks and bridge virtual interfaces.
    Loop,
    /// Packets, or frames while it is in a bridge: sub-interfaces, pipes and tunnels.
    Logical,
    /// IP packets only.
    Ip,
}

/// An interface.
#[derive(Clone, Debug)]
pub(crate) struct Interface {
    /// VPP's index of the interface.
    pub(crate) sw_if_index: u32,
    /// The `sw_if_index` of its parent; its own if it is a hardware interface.
    pub(crate) sup_sw_if_index: u32,
    /// The `sw_if_index` of the bond that it is a member of; its own if it is not a member.
    pub(crate) bond_sw_if_index: u32,
    /// The outer VLAN id that a sub-interface matches; else 0.
    pub(crate) vlan: u16,
    pub(crate) kind: Kind,
    /// Whether it is a hardware interface, not a sub-interface.
    pub(crate) is_hardware: bool,
    /// Whether its packets have Ethernet headers.
    pub(crate) is_ethernet: bool,
}

impl Interface {
    /// Returns all interfaces.
    pub(crate) fn all(_main: Main) -> Vec<Self> {
        unsafe extern "C" fn each(
            context: *mut c_void,
            interface: *const vpp_sys::vpp_shim_interface_t,
        ) {
            // SAFETY: `context` is the vector below, which nothing else refers to now.
            let interfaces = unsafe { &mut *context.cast::<Vec<Interface>>() };
            // SAFETY: the pointer is valid for the length of this call.
            let interface = unsafe { &*interface };
            interfaces.push(Interface::read(interface));
        }
        let mut interfaces = Vec::new();
        let context: *mut Vec<Self> = &raw mut interfaces;
        // SAFETY: `each` is called with this context, and never after this call.
        unsafe { vpp_sys::vpp_shim_interfaces(Some(each), context.cast()) };
        interfaces
    }

    /// Returns the interface with this index, if there is one.
    pub(crate) fn find(_main: Main, sw_if_index: u32) -> Option<Self> {
        let mut interface = MaybeUninit::uninit();
        // SAFETY: this is the main thread, and `interface` is writable.
        let found = unsafe { vpp_sys::vpp_shim_interface(sw_if_index, interface.as_mut_ptr()) };
        // SAFETY: it was written if an interface was found.
        (found != 0).then(|| Self::read(unsafe { interface.assume_init_ref() }))
    }

    fn read(interface: &vpp_sys::vpp_shim_interface_t) -> Self {
        Self {
            sw_if_index: interface.sw_if_index,
            sup_sw_if_index: interface.sup_sw_if_index,
            bond_sw_if_index: interface.bond_sw_if_index,
            vlan: interface.vlan,
            kind: match u32::from(interface.kind) {
                vpp_sys::vpp_shim_kind_t_VPP_SHIM_KIND_DEVICE => Kind::Device,
                vpp_sys::vpp_shim_kind_t_VPP_SHIM_KIND_BOND => Kind::Bond,
                vpp_sys::vpp_shim_kind_t_VPP_SHIM_KIND_LOOP => Kind::Loop,
                vpp_sys::vpp_shim_kind_t_VPP_SHIM_KIND_LOGICAL => Kind::Logical,
                _ => Kind::Ip,
            },
            is_hardware: interface.is_hardware != 0,
            is_ethernet: interface.is_ethernet != 0,
        }
    }

    /// The interface's name.
    pub(crate) fn name(&self, main: Main) -> String {
        name(main, self.sw_if_index)
    }

    /// The interface's tag, empty if it has none.
    pub(crate) fn tag(&self, _main: Main) -> String {
        read(|text, size| {
            // SAFETY: `text` has room for `size` octets.
            unsafe { vpp_sys::vpp_shim_interface_tag(self.sw_if_index, text, size) }
        })
    }

    /// The id of the FIB table of its IPv4 or IPv6 packets.
    pub(crate) fn table(&self, _main: Main, is_ip6: bool) -> u32 {
        // SAFETY: this is the main thread.
        unsafe { vpp_sys::vpp_shim_interface_table(self.sw_if_index, u8::from(is_ip6)) }
    }
}

/// The name of the interface with this index.
pub(crate) fn name(_main: Main, sw_if_index: u32) -> String {
    read(|text, size| {
        // SAFETY: `text` has room for `size` octets; VPP has a name for any number.
        unsafe { vpp_sys::vpp_shim_interface_name(sw_if_index, text, size) }
    })
}

/// The index of the interface with this name, if there is one.
pub(crate) fn find(_main: Main, name: &str) -> Option<u32> {
    // SAFETY: this is the main thread, and `name` has this length.
    let found = unsafe { vpp_sys::vpp_shim_interface_find(name.as_ptr(), name.len() as u32) };
    (found != u32::MAX).then_some(found)
}

/// The first IPv4 or IPv6 address of an existing interface.
pub(crate) fn first_address(_main: Main, sw_if_index: u32, is_ip6: bool) -> Option<IpAddr> {
    let mut octets = [0; 16];
    let family = u8::from(is_ip6);
    // SAFETY: this is the main thread; `octets` has room for an address.
    let has =
        unsafe { vpp_sys::vpp_shim_interface_address(sw_if_index, family, octets.as_mut_ptr()) };
    let [a, b, c, d, ..] = octets;
    let address = if is_ip6 {
        IpAddr::V6(Ipv6Addr::from(octets))
    } else {
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    (has != 0).then_some(address)
}

fn read(fill: impl FnOnce(*mut u8, u32) -> u32) -> String {
    let mut text = [0; 256];
    let length = fill(text.as_mut_ptr(), text.len() as u32) as usize;
    String::from_utf8_lossy(&text[..length]).into_owned()
}

/// The indices of a bond's members; empty if the interface is not a bond.
pub(crate) fn bond_members(_main: Main, sw_if_index: u32) -> BTreeSet<u32> {
    // SAFETY: this is the main thread.
    numbers(|each, context| unsafe {
        vpp_sys::vpp_shim_bond_members(sw_if_index, each, context);
    })
}

/// The indices of an existing interface's sub-interfaces.
pub(crate) fn sub_interfaces(_main: Main, sw_if_index: u32) -> BTreeSet<u32> {
    // SAFETY: this is the main thread.
    numbers(|each, context| unsafe {
        vpp_sys::vpp_shim_sub_interfaces(sw_if_index, each, context);
    })
}

/// Collects the numbers that `list` passes to its callback.
fn numbers(list: impl FnOnce(vpp_sys::vpp_shim_number_fn_t, *mut c_void)) -> BTreeSet<u32> {
    unsafe extern "C" fn each(context: *mut c_void, sw_if_index: u32) {
        // SAFETY: `context` is the set below, which nothing else refers to now.
        let numbers = unsafe { &mut *context.cast::<BTreeSet<u32>>() };
        numbers.insert(sw_if_index);
    }
    let mut numbers = BTreeSet::new();
    let context: *mut BTreeSet<u32> = &raw mut numbers;
    // `each` is called with this context, and never after this call.
    list(Some(each), context.cast());
    numbers
}

/// Whether an interface's bridged frames visit their features. It is `false` after the interface
/// has left a bridge: VPP then drops the bit that leads to features, though some are enabled.
pub(crate) fn has_bridged_arcs(_main: Main, sw_if_index: u32, is_output: bool) -> bool {
    // SAFETY: this is the main thread.
    unsafe { vpp_sys::vpp_shim_has_bridged_arcs(sw_if_index, u8::from(is_output)) != 0 }
}

/// Sets the bits that lead bridged frames to their features again.
pub(crate) fn restore_bridged_arcs(_barrier: &super::Barrier, sw_if_index: u32, is_output: bool) {
    // SAFETY: the workers are held at the barrier.
    unsafe { vpp_sys::vpp_shim_restore_bridged_arcs(sw_if_index, u8::from(is_output)) }
}

/// Enables or disables the feature `node` on `arc` for an interface.
pub(crate) fn set_feature(
    _barrier: &super::Barrier,
    arc: &'static CStr,
    node: &'static CStr,
    sw_if_index: u32,
    enable: bool,
) -> Result<(), Refusal> {
    // SAFETY: the names end with zeros; the workers are held at the barrier. On arcs other than
    // those of bridges, this is the same as `vnet_feature_enable_disable`.
    let error = unsafe {
        vpp_sys::vnet_l2_feature_enable_disable(
            arc.as_ptr(),
            node.as_ptr(),
            sw_if_index,
            i32::from(enable),
            core::ptr::null_mut(),
            0,
        )
    };
    if error == 0 {
        return Ok(());
    }
    let [arc, node] = [arc, node].map(CStr::to_string_lossy);
    let line = format!("VPP refuses {node} on {arc} with error {error}");
    Err(Refusal::new(RefusalKind::Feature, line))
}
