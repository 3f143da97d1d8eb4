// SPDX-License-Identifier: Apache-2.0
//! Handles interfaces that VPP adds, changes or removes.

use super::state::{self, with_control};
use super::{observing, recording};
use crate::ffi::Main;
use crate::ffi::interface::Interface;

/// Called when an interface was added.
pub(crate) fn added(main: Main, sw_if_index: u32) {
    if !state::is_running() {
        return;
    }
    let _ = with_control(main, |control| {
        if let Some(interface) = Interface::find(main, sw_if_index) {
            let barrier = &mut main.barrier();
            state::set_point(barrier, &interface);
            observing::on_interface_added(control, barrier, &interface);
        }
        Ok(())
    });
}

/// Called when an interface was removed, and VPP has disabled its features.
pub(crate) fn removed(main: Main, sw_if_index: u32) {
    if !state::is_running() {
        return;
    }
    let _ = with_control(main, |control| {
        let barrier = &mut main.barrier();
        observing::on_interface_removed(control, barrier, sw_if_index);
        recording::on_interface_removed(&mut control.recording, barrier, sw_if_index);
        Ok(())
    });
}

/// Called before an interface is bound to another FIB table.
pub(crate) fn table_changed(main: Main, sw_if_index: u32, is_ip6: bool, table_id: u32) {
    if !state::is_running() {
        return;
    }
    state::set_table(&mut main.barrier(), sw_if_index, is_ip6, table_id);
}
