// SPDX-License-Identifier: Apache-2.0
//! VPP's interfaces: who they are, and which nodes packets visit on their way.

use core::ffi::{CStr, c_void};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Main;
use crate::ffi::refusal::{Refusal, Why};

/// An interface.
#[derive(Clone, Debug)]
pub(crate) struct Interface {
    /// VPP's number for it.
    pub(crate) sw_if_index: u32,
    /// The number of the hardware interface that it belongs to; its own if it is one.
    pub(crate) sup_sw_if_index: u32,
    /// The outermost VLAN of a sub-interface that stands for one; else 0.
    pub(crate) vlan: u16,
    /// Whether it is a hardware interface and not a part of one.
    pub(crate) is_hardware: bool,
    /// Whether its packets have Ethernet headers.
    pub(crate) is_ethernet: bool,
}

impl Interface {
    /// All that there are now.
    pub(crate) fn all(_main: Main) -> Vec<Self> {
        unsafe extern "C" fn each(
            context: *mut c_void,
            interface: *const vpp_sys::vpp_shim_interface_t,
        ) {
            // SAFETY: the vector below, which nothing else refers to now.
            let interfaces = unsafe { &mut *context.cast::<Vec<Interface>>() };
            // SAFETY: VPP's side shows one for the length of this call.
            let interface = unsafe { &*interface };
            interfaces.push(Interface {
                sw_if_index: interface.sw_if_index,
                sup_sw_if_index: interface.sup_sw_if_index,
                vlan: interface.vlan,
                is_hardware: interface.is_hardware != 0,
                is_ethernet: interface.is_ethernet != 0,
            });
        }
        let mut interfaces = Vec::new();
        let context: *mut Vec<Self> = &raw mut interfaces;
        // SAFETY: `each` takes this context, and is not called after this.
        unsafe { vpp_sys::vpp_shim_interfaces(Some(each), context.cast()) };
        interfaces
    }

    /// What VPP calls it.
    pub(crate) fn name(&self, main: Main) -> String {
        name(main, self.sw_if_index)
    }

    /// What who made it says of it; often nothing.
    pub(crate) fn tag(&self, _main: Main) -> String {
        read(|text, size| {
            // SAFETY: `text` has room for `size` octets.
            unsafe { vpp_sys::vpp_shim_interface_tag(self.sw_if_index, text, size) }
        })
    }

    /// The id of the table that its IPv4 or IPv6 packets are looked up in.
    pub(crate) fn table(&self, _main: Main, is_ip6: bool) -> u32 {
        // SAFETY: this is the main thread.
        unsafe { vpp_sys::vpp_shim_interface_table(self.sw_if_index, u8::from(is_ip6)) }
    }
}

/// What VPP calls the interface of this number.
pub(crate) fn name(_main: Main, sw_if_index: u32) -> String {
    read(|text, size| {
        // SAFETY: `text` has room for `size` octets; VPP has a name for any number.
        unsafe { vpp_sys::vpp_shim_interface_name(sw_if_index, text, size) }
    })
}

/// The number of the interface of this name, if there is one.
pub(crate) fn find(_main: Main, name: &str) -> Option<u32> {
    // SAFETY: this is the main thread, and `name` so long.
    let found = unsafe { vpp_sys::vpp_shim_interface_find(name.as_ptr(), name.len() as u32) };
    (found != u32::MAX).then_some(found)
}

/// The first IPv4 or IPv6 address of an interface that there is.
pub(crate) fn first_address(_main: Main, sw_if_index: u32, is_ip6: bool) -> Option<IpAddr> {
    let mut octets = [0; 16];
    let family = u8::from(is_ip6);
    // SAFETY: this is the main thread; there are as many octets as an address has.
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

/// Has the packets of an interface visit `node` on `arc`, or no longer.
pub(crate) fn set_feature(
    _barrier: &super::Barrier,
    arc: &'static CStr,
    node: &'static CStr,
    sw_if_index: u32,
    enable: bool,
) -> Result<(), Refusal> {
    // SAFETY: the names end with zeros; workers stand still.
    let error = unsafe {
        vpp_sys::vnet_feature_enable_disable(
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
    Err(Refusal::new(Why::Feature, line))
}
