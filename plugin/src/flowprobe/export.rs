// SPDX-License-Identifier: Apache-2.0
//! From a recorder to its exporting process: where records can be sent at all and their layout is
//! known. What all threads have to know of that is here, too.

use core::sync::atomic::{AtomicBool, Ordering};

use flowmeter::exporting::ExportingProcess;
use flowmeter::metering::{Export, FlowRecord, NoRoom, RecordedKey};
use flowmeter::time::Timestamp;

use super::announce::Announced;
use crate::datagram::Datagrams;
use crate::shared::{Gate, SHARED};

/// What all threads share.
pub(super) static ANNOUNCED: Announced = Announced::new();

/// Whether records wait for a collector to be set.
static WAITING: AtomicBool = AtomicBool::new(false);

/// Whether records wait for a collector to be set: whoever sets one expects them at once.
pub(crate) fn is_waiting() -> bool {
    WAITING.load(Ordering::Relaxed)
}

/// They wait no more.
pub(super) fn wait_no_more() {
    WAITING.store(false, Ordering::Relaxed);
}

/// Hands records to the exporting process, where they can be sent at all and their layout is
/// known; times become the world's.
pub(super) struct Exporter<'a> {
    process: &'a mut ExportingProcess<Datagrams>,
    gate: Gate,
    wall: u64,
}

impl<'a> Exporter<'a> {
    pub(super) fn new(process: &'a mut ExportingProcess<Datagrams>) -> Self {
        Self {
            process,
            gate: SHARED.gate(),
            wall: SHARED.wall(),
        }
    }
}

impl Exporter<'_> {
    /// Takes no records, for this reason.
    pub(super) fn close(&mut self, why: NoRoom) {
        self.gate = Gate::Closed(why);
    }
}

impl Export<RecordedKey> for Exporter<'_> {
    fn export(&mut self, record: &FlowRecord<RecordedKey>) -> Result<(), NoRoom> {
        if let Gate::Closed(why) = self.gate {
            if why == NoRoom::NoCollector {
                WAITING.store(true, Ordering::Relaxed);
            }
            return Err(why);
        }
        if !ANNOUNCED.knows(record.key.layout()) {
            return Err(NoRoom::NoBuffer);
        }
        let in_world =
            |time: Timestamp| Timestamp::from_millis(time.as_millis().wrapping_add(self.wall));
        self.process.export(&FlowRecord {
            start: in_world(record.start),
            end: in_world(record.end),
            ..*record
        })
    }
}
