// SPDX-License-Identifier: Apache-2.0
//! The engine as the targets use it: either metering process behind one set of calls.
//!
//! It decides nothing about what is right.

use flowmeter::flow::{LayeredKey, Observed};
use flowmeter::metering::{
    Configuration, Export, ExportAll, Family, Flows, Flush, LayerSelection, Layered,
    MeteringProcess, Records, Statistics, Swept, Table, TableError, Timeouts,
};
use flowmeter::packet::{Packet, Packets};
use flowmeter::time::Uptime;

pub(crate) use flowmeter::flow::FlowKey;
pub(crate) use flowmeter::metering::{Backend, ExportRefused, FlowRecord, Layers, Seed, Tally};

/// An exporter for every kind of record.
pub(crate) trait ExportAny: ExportAll + Export<LayeredKey> {}

impl<E: ExportAll + Export<LayeredKey>> ExportAny for E {}

/// A metering process.
pub(crate) enum Meter {
    Flows(Box<MeteringProcess>),
    Layers(Box<MeteringProcess<Layered>>, LayerSelection),
}

/// Does the same with either process.
macro_rules! either {
    ($meter:expr, $process:ident => $call:expr) => {
        match $meter {
            Self::Flows($process) => $call,
            Self::Layers($process, _) => $call,
        }
    };
}

impl Meter {
    /// A process of flows, or of the layers that `selection` names.
    pub(crate) fn new(
        configuration: &Configuration,
        selection: Option<LayerSelection>,
    ) -> Result<Self, TableError> {
        Ok(match selection {
            None => Self::Flows(Box::new(MeteringProcess::new(configuration)?)),
            Some(selection) => Self::Layers(
                Box::new(MeteringProcess::layered(configuration)?),
                selection,
            ),
        })
    }

    pub(crate) fn observe(&mut self, packets: &[Packet<'_>], export: &mut impl ExportAny) {
        let packets = Heads(packets);
        match self {
            Self::Flows(process) => process.observe(packets, export),
            Self::Layers(process, selection) => process.observe_layers(packets, *selection, export),
        }
    }

    pub(crate) fn set_timeouts(&mut self, timeouts: Timeouts) {
        either!(self, process => process.set_timeouts(timeouts));
    }

    pub(crate) fn expire(
        &mut self,
        now: Uptime,
        budget: usize,
        export: &mut impl ExportAny,
    ) -> Swept {
        either!(self, process => process.expire(now, budget, export))
    }

    /// Ends the flows of those interfaces that `select` chooses.
    pub(crate) fn flush(
        &mut self,
        flush: &mut Flush,
        now: Uptime,
        budget: usize,
        select: impl Fn(u32) -> bool,
        export: &mut impl ExportAny,
    ) -> Swept {
        let select = |observed: &Observed| select(observed.ingress_interface);
        either!(self, process => process.flush(flush, now, budget, select, export))
    }

    /// Ends all flows.
    pub(crate) fn finish(&mut self, now: Uptime, export: &mut impl ExportAny) -> Swept {
        self.flush(&mut Flush::default(), now, usize::MAX, |_| true, export)
    }

    pub(crate) fn clear_statistics(&mut self) {
        either!(self, process => process.clear_statistics());
    }

    /// Hands over a table, where tables can be.
    pub(crate) fn adopt(
        &mut self,
        family: Family,
        flows: usize,
        now: Uptime,
        export: &mut impl ExportAny,
    ) {
        if let Self::Flows(process) = self {
            let table = Table::new(family, flows).expect("memory");
            drop(process.adopt(table, now, export));
        }
    }

    /// Gives tables that are half full more room, where that can be.
    pub(crate) fn grow(&mut self, flows: usize, now: Uptime, export: &mut impl ExportAny) {
        if let Self::Flows(process) = self {
            process
                .grow(Flows::each(flows), now, export)
                .expect("memory");
        }
    }

    pub(crate) fn statistics(&self) -> Statistics {
        either!(self, process => *process.statistics())
    }

    /// Live flows, by the process's own count.
    pub(crate) fn live_flows(&self) -> usize {
        either!(self, process => process.live_flows())
    }

    /// Live flows, their packets and octets, by visiting each.
    pub(crate) fn live(&self) -> Records {
        either!(self, process => process.count(0..process.groups()))
    }

    /// Lists the live flows.
    pub(crate) fn list(&self, viewer: &mut impl ExportAny) {
        either!(self, process => process.list(0..process.groups(), viewer))
    }
}

/// Packets whose heads end where a host may end them.
#[derive(Clone, Copy)]
struct Heads<'a>(&'a [Packet<'a>]);

/// Octets of an Ethernet header with a VLAN tag, an IPv6 header, and TCP's up to its flags.
const HEAD: usize = 18 + 40 + 14;

impl Packets for Heads<'_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn packet(&self, number: usize) -> Packet<'_> {
        self.0[number]
    }

    fn head(&self, number: usize) -> Packet<'_> {
        let packet = self.0[number];
        if packet.segment_size > 0 {
            return packet;
        }
        Packet {
            data: packet.data.get(..HEAD).unwrap_or(packet.data),
            ..packet
        }
    }

    fn prefetch(&self, _number: usize) {}
}
