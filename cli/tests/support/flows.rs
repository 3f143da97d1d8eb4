// SPDX-License-Identifier: Apache-2.0
//! Flows in the form that tests compare: packets and octets by key.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::AddAssign;
use std::path::Path;

use serde_json::{Map, Value};

use super::process::run_flowmeter;

pub(crate) const ICMP: u8 = 1;
pub(crate) const ICMPV6: u8 = 58;

/// The key of an IP flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: u8,
    pub(crate) source_port: u16,
    /// For ICMP and ICMPv6, type and code.
    pub(crate) destination_port: u16,
    pub(crate) vlan: u16,
    pub(crate) interface: u32,
}

impl Key {
    /// Returns the key with addresses, protocol and ports alone.
    pub(crate) fn five_tuple(self) -> Self {
        Self {
            vlan: 0,
            interface: 0,
            ..self
        }
    }

    /// Returns the key as collectors without ICMP types show it.
    pub(crate) fn without_icmp(self) -> Self {
        match self.protocol {
            ICMP | ICMPV6 => Self {
                destination_port: 0,
                ..self
            },
            _ => self,
        }
    }
}

/// The totals of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) packets: u64,
    pub(crate) octets: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.octets += other.octets;
    }
}

/// Flows by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flows(BTreeMap<Key, Tally>);

impl Flows {
    pub(crate) fn add(&mut self, key: Key, tally: Tally) {
        *self.0.entry(key).or_default() += tally;
    }

    pub(crate) fn add_all(&mut self, others: &Self) {
        for (key, tally) in &others.0 {
            self.add(*key, *tally);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn total(&self) -> Tally {
        let mut total = Tally::default();
        for tally in self.0.values() {
            total += *tally;
        }
        total
    }

    /// Returns the flows by another key.
    pub(crate) fn by(&self, key: impl Fn(Key) -> Key) -> Self {
        let mut flows = Self::default();
        for (full, tally) in &self.0 {
            flows.add(key(*full), *tally);
        }
        flows
    }

    /// Returns the flows in records of `flowmeter dump --json`.
    pub(crate) fn of_records(records: &[Map<String, Value>]) -> Self {
        let mut flows = Self::default();
        for record in records {
            if let Some(key) = key(record) {
                flows.add(key, tally(record));
            }
        }
        flows
    }

    /// Compares flows, and fails with those that differ.
    #[track_caller]
    pub(crate) fn assert_equal(&self, expected: &Self, what: &str) {
        let keys = self.0.keys().chain(expected.0.keys());
        let mut differing: Vec<String> = keys
            .filter(|key| self.0.get(key) != expected.0.get(key))
            .map(|key| {
                format!(
                    "{key:?}: {:?}, not {:?}",
                    self.0.get(key),
                    expected.0.get(key)
                )
            })
            .collect();
        differing.sort();
        differing.dedup();
        let count = differing.len();
        differing.truncate(10);
        assert!(
            count == 0,
            "{what}: {count} flows differ:\n{}",
            differing.join("\n")
        );
    }
}

/// Returns all records of an IPFIX file, including options, as `flowmeter dump --json` shows them.
pub(crate) fn dump(file: &Path) -> Vec<Map<String, Value>> {
    let finished = run_flowmeter(["dump".as_ref(), file.as_os_str(), "--json".as_ref()]);
    let finished = finished.expect_code(0);
    let lines = finished.out.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a JSON object"))
        .collect()
}

/// Returns a number in a record.
#[track_caller]
pub(crate) fn number(record: &Map<String, Value>, element: &str) -> u64 {
    let value = record.get(element).and_then(Value::as_u64);
    value.unwrap_or_else(|| panic!("no number {element}: {record:?}"))
}

/// Returns packets and octets of a record.
pub(crate) fn tally(record: &Map<String, Value>) -> Tally {
    Tally {
        packets: number(record, "packetDeltaCount"),
        octets: number(record, "octetDeltaCount"),
    }
}

/// Returns the key of an IP flow record; `None` for other records.
fn key(record: &Map<String, Value>) -> Option<Key> {
    let address = |element: &str| -> Option<IpAddr> {
        let text = record
            .get(element)?
            .as_str()
            .expect("an address is a string");
        Some(text.parse().expect("an address"))
    };
    let small = |element| u16::try_from(number(record, element)).expect("16 bits");
    let (version, source, destination, icmp, type_code) =
        match (address("sourceIPv4Address"), address("sourceIPv6Address")) {
            (Some(source), None) => {
                let destination = address("destinationIPv4Address")?;
                (4, source, destination, ICMP, "icmpTypeCodeIPv4")
            }
            (None, Some(source)) => {
                let destination = address("destinationIPv6Address")?;
                (6, source, destination, ICMPV6, "icmpTypeCodeIPv6")
            }
            _ => return None,
        };
    assert_eq!(number(record, "ipVersion"), version, "{record:?}");
    let protocol = small("protocolIdentifier") as u8;
    let mut destination_port = small("destinationTransportPort");
    if protocol == icmp {
        assert_eq!(destination_port, 0, "{record:?}");
        destination_port = small(type_code);
    } else {
        assert_eq!(small(type_code), 0, "{record:?}");
    }
    Some(Key {
        source,
        destination,
        protocol,
        source_port: small("sourceTransportPort"),
        destination_port,
        vlan: small("vlanId"),
        interface: number(record, "ingressInterface") as u32,
    })
}
