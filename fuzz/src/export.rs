// SPDX-License-Identifier: Apache-2.0
//! An exporter that refuses records when the input says so, and checks all that it is given.

use std::collections::BTreeMap;

use flowmeter::exporting::{ExportingProcess, Message, Transport};
use flowmeter::metering::{EndReason, Export, Records};
use flowmeter::observation::ObservationDomainId;

use crate::ipfix::Reader;
use crate::meter::{ExportRefused, FlowKey, FlowRecord, Tally};

/// Where messages go.
pub(crate) struct Wire {
    pub(crate) reader: Reader,
    pub(crate) domain: u32,
    buffer_octets: usize,
    /// Buffers that are left; each message that is sent gives one back where there is a limit.
    pub(crate) buffers: usize,
}

impl Transport for Wire {
    type Buffer = Vec<u8>;

    fn buffer(&mut self) -> Option<Vec<u8>> {
        self.buffers = self.buffers.checked_sub(1)?;
        Some(vec![0xee; self.buffer_octets])
    }

    fn send(&mut self, message: Message<Vec<u8>>) {
        self.reader.read(&message, self.domain);
    }
}

/// Whether records are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Open,
    /// Those are refused whose turn has a bit in this word.
    Refusing(u8, ExportRefused),
    Closed(ExportRefused),
}

/// Hands records to an exporting process, and counts those that it takes.
pub(crate) struct Checked {
    pub(crate) process: ExportingProcess<Wire>,
    pub(crate) gate: Gate,
    turn: u32,
    /// Taken since the accounts began, by end reason.
    pub(crate) taken: BTreeMap<EndReason, Records>,
    /// All that were taken.
    pub(crate) all: Records,
}

impl Checked {
    pub(crate) fn new(buffer_octets: usize) -> Self {
        let wire = Wire {
            reader: Reader::default(),
            domain: 7,
            buffer_octets,
            buffers: usize::MAX,
        };
        let process = ExportingProcess::new(wire, ObservationDomainId(7));
        Self {
            process,
            gate: Gate::Open,
            turn: 0,
            taken: BTreeMap::new(),
            all: Records::default(),
        }
    }

    /// Begins another session.
    pub(crate) fn restart(&mut self) {
        self.process.restart();
        self.process.transport().reader.restart();
    }

    /// Exports in another domain.
    pub(crate) fn set_domain(&mut self, domain: u32) {
        let is_another = domain != self.process.domain().0;
        self.process.set_domain(ObservationDomainId(domain));
        let wire = self.process.transport();
        wire.domain = domain;
        if is_another {
            wire.reader.restart();
        }
    }

    /// Sends what is left, whatever was refused before.
    pub(crate) fn open(&mut self) {
        self.gate = Gate::Open;
        self.process.transport().buffers = usize::MAX;
    }
}

impl<K: FlowKey> Export<K> for Checked
where
    ExportingProcess<Wire>: Export<K>,
{
    fn closed(&self) -> Option<ExportRefused> {
        match self.gate {
            Gate::Closed(why) => Some(why),
            Gate::Open | Gate::Refusing(..) => None,
        }
    }

    fn export(&mut self, record: &FlowRecord<K>) -> Result<(), ExportRefused> {
        assert!(record.packets > 0 && record.octets > 0, "{record:?}");
        assert!(record.start <= record.end, "{record:?}");
        self.turn += 1;
        match self.gate {
            Gate::Closed(why) => return Err(why),
            Gate::Refusing(turns, why) if turns >> (self.turn % 8) & 1 != 0 => return Err(why),
            Gate::Open | Gate::Refusing(..) => {}
        }
        self.process.export(record)?;
        let record_ = Records {
            records: 1,
            tally: Tally {
                packets: record.packets,
                octets: record.octets,
            },
        };
        let taken = self.taken.entry(record.end_reason).or_default();
        *taken = *taken + record_;
        self.all = self.all + record_;
        Ok(())
    }
}
