// SPDX-License-Identifier: Apache-2.0
//! A whole engine: packets, times, settings and calls as the input says.

use arbitrary::{Result, Unstructured};
use flowmeter::exporting::{Interface, Interfaces};
use flowmeter::metering::{
    Configuration, EndReason, Family, Flows, Flush, IgnoredReason, LayerSelection, Swept, Timeouts,
};
use flowmeter::packet::{Dissection, Packet, dissect};
use flowmeter::time::{Timestamp, Uptime};

use crate::export::{Checked, Gate};
use crate::meter::{Backend, ExportRefused, Layers, Meter, Seed, Tally};
use crate::traffic::Sent;

/// Calls of one input.
const CALLS: usize = 60;

/// Runs a metering process, of flows or of chosen layers, and an exporting process.
///
/// After each call:
/// - observed = metered + ignored (by reason), and metered = in records + in live flows + lost (by
///   reason), in packets and octets, exactly;
/// - what was observed and ignored is what dissecting each packet says;
/// - the records that were exported, by end reason, are those that the exporter took; each has
///   packets and octets, and does not end before it starts.
///
/// Each message is read to the letter, and in the end all of them together report what the records
/// did that were taken.
pub fn engine(octets: &[u8]) {
    let mut input = Unstructured::new(octets);
    let Ok(mut engine) = Engine::new(&mut input) else {
        return;
    };
    for _ in 0..CALLS {
        if input.is_empty() || engine.call(&mut input).is_err() {
            break;
        }
        engine.check();
    }
    engine.finish();
}

struct Engine {
    meter: Meter,
    exporter: Checked,
    flush: Flush,
    interfaces: Interfaces,
    time: u64,
    uptime: u32,
    /// What has been observed since the accounts began, where that does not depend on layers.
    observed: Tally,
    ignored: [Tally; IgnoredReason::ALL.len()],
    l2: bool,
}

impl Engine {
    fn new(input: &mut Unstructured<'_>) -> Result<Self> {
        let [kind, which, flows, layers]: [u8; 4] = input.arbitrary()?;
        let backends: Vec<_> = Backend::available().collect();
        let l2 = kind & 1 != 0;
        let mut configuration = Configuration::new(1, Seed::fixed([u64::from(which); 6]));
        configuration.flows = Flows {
            ipv4: usize::from(flows) * 3 + 1,
            ipv6: usize::from(flows) + 1,
            l2: usize::from(flows) / 2 + 1,
        };
        configuration.l2 = l2;
        configuration.timeouts = timeouts(input)?;
        configuration.backend = backends[usize::from(which) % backends.len()];
        let selection = LayerSelection {
            layers: Layers::from_bits(layers),
            frames: layers & 8 != 0,
        };
        let selection = (kind & 2 != 0).then_some(selection);
        let buffer_octets = if kind & 4 == 0 {
            512
        } else {
            input.arbitrary::<u16>()?.into()
        };
        Ok(Self {
            meter: Meter::new(&configuration, selection).expect("memory"),
            exporter: Checked::new(buffer_octets),
            flush: Flush::default(),
            interfaces: Interfaces::default(),
            time: 1_700_000_000_000,
            // Soon after the start it wraps around.
            uptime: 0_u32.wrapping_sub(100_000),
            observed: Tally::default(),
            ignored: Default::default(),
            l2,
        })
    }

    fn now(&self) -> Uptime {
        Uptime::from_millis(self.uptime)
    }

    fn call(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let now = self.now();
        match input.arbitrary::<u8>()? % 24 {
            0..5 => self.observe(input, Sent::usual)?,
            5..9 => self.observe(input, Sent::raw)?,
            // The same packets over and over fill more than one batch.
            9 => self.fill(input)?,
            10 | 11 => self.pass(input)?,
            12 => {
                let budget: u8 = input.arbitrary()?;
                self.meter.expire(now, budget.into(), &mut self.exporter);
            }
            13 => {
                self.meter.expire(now, usize::MAX, &mut self.exporter);
            }
            14 => {
                let [budget, interfaces]: [u8; 2] = input.arbitrary()?;
                let select = |interface: u32| interfaces >> (interface % 8) & 1 != 0;
                let (flush, exporter) = (&mut self.flush, &mut self.exporter);
                let swept = self
                    .meter
                    .flush(flush, now, budget.into(), select, exporter);
                if swept == Swept::Done {
                    self.flush = Flush::default();
                }
            }
            15 => {
                let [family, flows]: [u8; 2] = input.arbitrary()?;
                let family = Family::ALL[usize::from(family) % 3];
                let flows = usize::from(flows) * 9 + 1;
                self.meter.adopt(family, flows, now, &mut self.exporter);
            }
            16 => {
                let flows: u16 = input.arbitrary()?;
                self.meter
                    .grow(usize::from(flows) % 10_000 + 1, now, &mut self.exporter);
            }
            17 => self.clear(),
            18 => {
                let timeouts = match input.arbitrary::<u8>()? {
                    0 => Timeouts::EVERY_PACKET,
                    _ => timeouts(input)?,
                };
                self.meter.set_timeouts(timeouts);
            }
            19 | 20 => self.set_gate(input)?,
            21 => {
                let buffers: u8 = input.arbitrary()?;
                let wire = self.exporter.process.transport();
                wire.buffers = if buffers > 200 {
                    usize::MAX
                } else {
                    buffers.into()
                };
            }
            22 => self.exporting(input)?,
            _ => self.meter.list(&mut Viewer),
        }
        Ok(())
    }

    fn observe(
        &mut self,
        input: &mut Unstructured<'_>,
        mut sent: impl FnMut(&mut Unstructured<'_>) -> Result<Sent>,
    ) -> Result<()> {
        let count = input.arbitrary::<u8>()? % 32;
        let mut batch = Vec::new();
        for _ in 0..count {
            if input.is_empty() {
                break;
            }
            let mut sent = sent(input)?;
            let clock: u8 = input.arbitrary()?;
            match clock % 16 {
                0 => self.pass(input)?,
                1 => sent.time = input.arbitrary()?,
                step => {
                    self.uptime = self.uptime.wrapping_add(u32::from(step - 2) * 16);
                    self.time = self.time.wrapping_add(u64::from(step - 2) * 16);
                }
            }
            sent.uptime = self.uptime;
            if clock % 16 != 1 {
                sent.time = self.time;
            }
            batch.push(sent);
        }
        self.meter(&batch.iter().map(Sent::packet).collect::<Vec<_>>());
        Ok(())
    }

    /// Many packets of several flows.
    fn fill(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let mut several = Vec::new();
        for _ in 0..8 {
            several.push(Sent::usual(input)?);
        }
        for sent in &mut several {
            (sent.time, sent.uptime) = (self.time, self.uptime);
        }
        let packets = several.iter().map(Sent::packet);
        let packets: Vec<_> = packets.cycle().take(300).collect();
        self.meter(&packets);
        Ok(())
    }

    fn meter(&mut self, packets: &[Packet<'_>]) {
        for packet in packets {
            let on_wire = u64::from(packet.length.max(packet.data.len() as u32));
            let one = |octets: u64| Tally { packets: 1, octets };
            let of = |packets: u32, octets: u32| Tally {
                packets: packets.into(),
                octets: octets.into(),
            };
            let (tally, ignored) = match dissect(packet) {
                Dissection::Ipv4(headers) => (of(headers.packets, headers.octets), None),
                Dissection::Ipv6(headers) => (of(headers.packets, headers.octets), None),
                Dissection::NonIp(_) => {
                    let ignored = (!self.l2).then_some(IgnoredReason::NonIp);
                    (one(on_wire), ignored)
                }
                Dissection::Ignored(reason) => (one(on_wire), Some(reason)),
            };
            self.observed += tally;
            if let Some(reason) = ignored {
                self.ignored[reason as usize] += tally;
            }
        }
        self.meter.observe(packets, &mut self.exporter);
    }

    /// Time passes, and a clock may be set.
    fn pass(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let [how, step]: [u8; 2] = input.arbitrary()?;
        // From a millisecond to a week.
        let passed = u32::from(step) << (how % 22);
        self.uptime = self.uptime.wrapping_add(passed);
        self.time = match how >> 6 {
            0 => input.arbitrary()?,
            1 => self.time.wrapping_sub(passed.into()),
            _ => self.time.wrapping_add(passed.into()),
        };
        Ok(())
    }

    fn set_gate(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let [gate, turns, why]: [u8; 3] = input.arbitrary()?;
        let why = ExportRefused::ALL[usize::from(why) % ExportRefused::ALL.len()];
        self.exporter.gate = match gate % 3 {
            0 => Gate::Open,
            1 => Gate::Refusing(turns, why),
            _ => Gate::Closed(why),
        };
        Ok(())
    }

    /// Calls of the exporting process.
    fn exporting(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let now = self.now();
        let (exporter, number) = (&mut self.exporter, input.arbitrary::<u8>()?);
        let process = &mut exporter.process;
        match number % 8 {
            0..3 => process.tick(Timestamp::from_millis(self.time), now),
            3 => exporter.restart(),
            4 => exporter.set_domain(u32::from(number >> 3)),
            5 => process.flush(),
            6 => process.set_announce_interval(u32::from(number) * 100),
            _ => {
                let [count, name]: [u8; 2] = input.arbitrary()?;
                let interface = |number: u8| Interface {
                    number: number.into(),
                    name: "ä€".repeat(usize::from(name) + usize::from(number)),
                    description: String::new(),
                };
                let interfaces = (0..count).map(interface).collect();
                if let Some(interfaces) = self.interfaces.update(interfaces) {
                    process.set_interfaces(&interfaces);
                    self.interfaces = interfaces;
                }
                let _ = process.finish_options();
            }
        }
        Ok(())
    }

    fn clear(&mut self) {
        let live = self.meter.live().tally;
        self.meter.clear_statistics();
        self.observed = live;
        self.ignored = Default::default();
        self.exporter.taken.clear();
    }

    fn check(&mut self) {
        let (statistics, live) = (self.meter.statistics(), self.meter.live());
        assert!(
            statistics.balanced(live.tally),
            "{statistics:?} with {live:?} live"
        );
        assert_eq!(live.records, self.meter.live_flows() as u64);
        assert_eq!(statistics.observed, self.observed);
        if matches!(self.meter, Meter::Flows(_)) {
            assert_eq!(statistics.ignored, self.ignored);
        }
        for (reason, exported) in EndReason::ALL.into_iter().zip(statistics.exported) {
            let taken = self.exporter.taken.get(&reason);
            assert_eq!(exported, taken.copied().unwrap_or_default(), "{reason:?}");
        }
    }

    /// Ends all flows, and looks at what all messages report.
    fn finish(&mut self) {
        self.exporter.open();
        let now = self.now();
        let swept = self.meter.finish(now, &mut self.exporter);
        self.check();
        if swept != Swept::Done {
            // Buffers that hold no record.
            return;
        }
        assert_eq!(self.meter.live_flows(), 0);
        let all = self.exporter.all;
        let process = &mut self.exporter.process;
        process.flush();
        assert!(!process.is_open());
        assert_eq!(process.statistics().flow_records, all.records);
        let reader = &process.transport().reader;
        assert_eq!(reader.records, all.records);
        assert_eq!(reader.tally.packets, all.tally.packets);
        if matches!(self.meter, Meter::Flows(_)) {
            assert_eq!(reader.tally, all.tally);
        }
    }
}

fn timeouts(input: &mut Unstructured<'_>) -> Result<Timeouts> {
    let [active, idle]: [u16; 2] = input.arbitrary()?;
    let millis = |number: u16| (u32::from(number >> 4) << (number & 15)).max(1);
    Ok(Timeouts::from_millis(millis(active), millis(idle)).expect("both are in range"))
}

/// Looks at live flows.
struct Viewer;

impl<K: crate::meter::FlowKey> flowmeter::metering::Export<K> for Viewer {
    fn export(
        &mut self,
        record: &crate::meter::FlowRecord<K>,
    ) -> core::result::Result<(), ExportRefused> {
        assert!(record.packets > 0 && record.start <= record.end);
        Ok(())
    }
}
