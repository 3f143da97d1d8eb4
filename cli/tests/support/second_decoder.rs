// SPDX-License-Identifier: Apache-2.0
//! A second decoder, from another project: netflow_parser's. It is less strict, as it accepts padding.

use netflow_parser::variable_versions::ipfix::{FlowSetBody, IPFixFlowRecord};
use netflow_parser::{NetflowPacket, NetflowParser};

/// The decoder of one observation domain.
#[derive(Default)]
pub(crate) struct SecondDecoder(NetflowParser);

impl SecondDecoder {
    /// Returns the octets of each Data Record of a message.
    pub(crate) fn read(&mut self, message: &[u8]) -> Vec<Vec<u8>> {
        let mut result = self.0.parse_bytes(message);
        assert!(result.is_ok(), "netflow_parser: {:?}", result.error);
        let packet = result.packets.pop();
        let Some(NetflowPacket::IPFix(packet)) = packet.filter(|_| result.packets.is_empty())
        else {
            panic!("netflow_parser finds something else than one message of IPFIX");
        };
        let records = packet.flowsets.into_iter().flat_map(|set| match set.body {
            FlowSetBody::Data(data) => data.fields,
            FlowSetBody::OptionsData(data) => data.fields,
            FlowSetBody::NoTemplate(_) | FlowSetBody::Empty => panic!("netflow_parser skips a set"),
            _ => Vec::new(),
        });
        records.map(octets).collect()
    }
}

fn octets(record: IPFixFlowRecord) -> Vec<u8> {
    let mut octets = Vec::new();
    for (_, value) in record {
        value
            .write_be_bytes(&mut octets)
            .expect("octets of a value");
    }
    octets
}
