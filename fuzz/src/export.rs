// SPDX-License-Identifier: Apache-2.0
//! An exporter that refuses records when the input says so, and checks all that it is given.

use std::collections::BTreeMap;

use flowmeter::exporting::{ExportingProcess, Message, Transport};
use flowmeter::metering::{EndReason, Export, Records};
use flowmeter::observation::ObservationDomainId;

use crate::ipfix::Reader;
use crate::meter::{FlowKey, FlowRecord, Layers, Layout, NoRoom, Recorded, Tally};

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

/// Every layout of records of chosen layers.
fn layouts() -> impl Iterator<Item = Layout> {
    let of = |bits| {
        let recorded = [Recorded::Frame, Recorded::Ipv4, Recorded::Ipv6];
        recorded.map(|recorded| Layout::new(Layers::from_bits(bits), recorded))
    };
    (0..8).flat_map(of)
}

/// Whether records are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Open,
    /// Those are refused whose turn has a bit in this word.
    Refusing(u8, NoRoom),
    Closed(NoRoom),
}

/// Hands records to an exporting process, and counts those that it takes.
pub(crate) struct Checked {
    pub(crate) process: ExportingProcess<Wire>,
    pub(crate) gate: Gate,
    of_layers: bool,
    turn: u32,
    /// Taken since the accounts began, by end reason.
    pub(crate) taken: BTreeMap<EndReason, Records>,
    /// All that were taken.
    pub(crate) all: Records,
}

impl Checked {
    pub(crate) fn new(buffer_octets: usize, of_layers: bool) -> Self {
        let wire = Wire {
            reader: Reader::default(),
            domain: 7,
            buffer_octets,
            buffers: usize::MAX,
        };
        let mut process = ExportingProcess::new(wire, ObservationDomainId(7));
        if of_layers {
            process.announce_only(layouts().map(Layout::template).collect());
        }
        let mut checked = Self {
            process,
            gate: Gate::Open,
            of_layers,
            turn: 0,
            taken: BTreeMap::new(),
            all: Records::default(),
        };
        checked.announce();
        checked
    }

    /// Announces the layouts of chosen layers, which is the host's to do.
    fn announce(&mut self) {
        if !self.of_layers {
            return;
        }
        let buffers = std::mem::replace(&mut self.process.transport().buffers, usize::MAX);
        for layout in layouts() {
            // In a buffer without room for the template there is none for its records either.
            let _ = self.process.announce_one(layout.template());
        }
        self.process.transport().buffers = buffers;
    }

    /// Begins another session.
    pub(crate) fn restart(&mut self) {
        self.process.restart();
        self.process.transport().reader.restart();
        self.announce();
    }

    /// Exports in another domain.
    pub(crate) fn set_domain(&mut self, domain: u32) {
        let is_another = domain != self.process.domain().0;
        self.process.set_domain(ObservationDomainId(domain));
        let wire = self.process.transport();
        wire.domain = domain;
        if is_another {
            wire.reader.restart();
            self.announce();
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
    fn closed(&self) -> Option<NoRoom> {
        match self.gate {
            Gate::Closed(why) => Some(why),
            Gate::Open | Gate::Refusing(..) => None,
        }
    }

    fn export(&mut self, record: &FlowRecord<K>) -> Result<(), NoRoom> {
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
