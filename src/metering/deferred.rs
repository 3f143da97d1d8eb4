// SPDX-License-Identifier: Apache-2.0
//! The packets of a batch that need more than counting: their flow is new, was not where the
//! first matching tag pointed, or may owe a record.
//!
//! They are counted after all others of their batch, in their order. Of timeouts this file has only
//! what [`Timeouts`](super::expiration::Timeouts) says is due.

use super::export::Export;
use super::phases::STEP;
use super::queue::{Batch, Pending};
use super::shared::Shared;
use crate::flow::{EndReason, Flow, FlowKey};
use crate::flow_table::group::Instructions;
use crate::flow_table::{FlowTable, Place, Slot, SlotIndex};
use crate::packet::{Packet, Packets};
use crate::time::Uptime;

/// Finds or begins the flows of deferred packets, and counts the packets.
#[inline(always)]
pub(super) fn count_deferred<I: Instructions, K: FlowKey, P: Packets, E: Export<K>>(
    set: I,
    deferred: &[Pending<K>],
    batch: &Batch<P>,
    table: &mut FlowTable<K>,
    shared: &mut Shared,
    export: &mut E,
) {
    if deferred.is_empty() {
        return;
    }
    let test = shared.test(export);
    // Other packets of the batch may have been counted into the flow after the deferred one.
    let (_, now) = batch.packets.times(batch.numbers.end - 1);
    for step in deferred.chunks(STEP) {
        for pending in step {
            table.prefetch_place(set, &pending.candidates, now);
        }
        for pending in step {
            let (time, uptime) = batch.times(pending);
            let index = match table.find(set, &pending.candidates, &pending.key) {
                Some(index) => {
                    let slot = &mut table[index];
                    if test.needs_more(&slot.flow, time, uptime) {
                        settle(slot, pending, &batch.packet(pending), shared, export);
                    }
                    index
                }
                // Nothing is due with a flow that has no packet yet.
                None => {
                    let packet = batch.packet(pending);
                    begin(set, pending, &packet, now, table, shared, export)
                }
            };
            let slot = &mut table[index];
            let Pending {
                packets,
                octets,
                tcp_flags,
                ..
            } = *pending;
            slot.flow.add(packets, octets, tcp_flags, time, uptime);
        }
    }
}

/// Begins the flow of a packet that has none, and evicts another if there is no free slot.
#[inline(always)]
fn begin<I: Instructions, K: FlowKey, E: Export<K>>(
    set: I,
    pending: &Pending<K>,
    packet: &Packet<'_>,
    now: Uptime,
    table: &mut FlowTable<K>,
    shared: &mut Shared,
    export: &mut E,
) -> SlotIndex {
    let place = table.place(set, &pending.candidates, now);
    if let Place::Taken(index) = place {
        let is_over = evict(&table[index], now, shared, export);
        if !is_over {
            table.count_eviction(&pending.candidates, now, shared.timeouts.idle_millis());
        }
    }
    shared.statistics.flows += 1;
    let slot = Slot {
        key: pending.key,
        flow: new_flow(pending, packet),
        attributes: pending.attributes,
    };
    table.write(place, &pending.candidates, slot)
}

/// Exports the last record of a flow whose slot is needed. Returns whether the flow was over anyway.
#[inline(never)]
pub(super) fn evict<K: FlowKey, E: Export<K>>(
    slot: &Slot<K>,
    now: Uptime,
    shared: &mut Shared,
    export: &mut E,
) -> bool {
    let due = shared.timeouts.due(&slot.flow, now);
    if slot.flow.packets() == 0 {
        return due.leaves;
    }
    let reason = due.record.unwrap_or(EndReason::LackOfResources);
    if let Err(why) = shared.offer(slot, reason, export) {
        shared.statistics.lost[why as usize].count(slot.flow.tally());
    }
    due.leaves
}

/// Exports the record that is due before a flow counts a packet, and begins the flow again if that
/// record ended it.
#[cold]
#[inline(never)]
fn settle<K: FlowKey, E: Export<K>>(
    slot: &mut Slot<K>,
    pending: &Pending<K>,
    packet: &Packet<'_>,
    shared: &mut Shared,
    export: &mut E,
) {
    slot.flow.undefer();
    let due = shared
        .timeouts
        .due_before(&slot.flow, pending.tcp_flags, packet.time, packet.uptime);
    if let Some(reason) = due.record {
        if shared.offer(slot, reason, export).is_err() {
            // The flow goes on; its record is offered again later.
            return;
        }
        slot.flow.clear();
    }
    if due.leaves {
        slot.flow = new_flow(pending, packet);
        slot.attributes = pending.attributes;
        shared.statistics.flows += 1;
    } else {
        slot.flow.resume(packet.time, packet.uptime);
    }
}

/// A flow that has not counted this packet yet.
#[inline(always)]
fn new_flow<K: FlowKey>(pending: &Pending<K>, packet: &Packet<'_>) -> Flow {
    let Packet {
        point,
        time,
        uptime,
        ..
    } = packet;
    Flow::new::<K>(pending.type_of_service, point, *time, *uptime)
}
