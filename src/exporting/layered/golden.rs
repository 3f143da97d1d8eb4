// SPDX-License-Identifier: Apache-2.0
//! Every layout's template and one record, octet by octet, as flowprobe writes them on a
//! little-endian machine. The octets were put together from flowprobe's layouts, not by this code.

use bytemuck::Zeroable;

use super::super::message::{Message, MessageKind};
use super::super::options::{Interface, Interfaces};
use super::super::tests::{Kept, hexadecimal, ipv4, record as values};
use super::super::writer::Session;
use super::*;
use crate::flow::{LayoutKind::*, Observed, Ports};
use crate::observation::{Direction, ObservationDomainId, ObservationPoint};
use crate::time::Uptime;

/// Layers, what is recorded, template and record.
const GOLDEN: [(u8, LayoutKind, &str, &str); 21] = [
    (
        1,
        Frame,
        "01140009000a0004000e0004003d000100020008009c0008009d000800380006005000060100\
         0002",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f81076417000200000000\
         550200000000ddb588",
    ),
    (
        1,
        Ipv4,
        "01150009000a0004000e0004003d000100020008009c0008009d000800380006005000060100\
         0002",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f81076417000200000000\
         550200000000dd0008",
    ),
    (
        1,
        Ipv6,
        "01160009000a0004000e0004003d000100020008009c0008009d000800380006005000060100\
         0002",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f81076417000200000000\
         550200000000dddd86",
    ),
    (
        2,
        Frame,
        "01180006000a0004000e0004003d000100020008009c0008009d0008",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f8107641700",
    ),
    (
        2,
        Ipv4,
        "0119000a000a0004000e0004003d000100020008009c0008009d000800080004000c00040004\
         000100010008",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f8107641700c0000201c6\
         336402062122232425262728",
    ),
    (
        2,
        Ipv6,
        "011a000a000a0004000e0004003d000100020008009c0008009d0008001b0010001c00100004\
         000100010008",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f810764170020010db800\
         000000000000000000000120010db8000000000000000000000002062122232425262728",
    ),
    (
        3,
        Frame,
        "011c0009000a0004000e0004003d000100020008009c0008009d000800380006005000060100\
         0002",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f81076417000200000000\
         550200000000ddb588",
    ),
    (
        3,
        Ipv4,
        "011d000d000a0004000e0004003d000100020008009c0008009d000800380006005000060100\
         000200080004000c00040004000100010008",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f81076417000200000000\
         550200000000dd0008c0000201c6336402062122232425262728",
    ),
    (
        3,
        Ipv6,
        "011e000d000a0004000e0004003d000100020008009c0008009d000800380006005000060100\
         0002001b0010001c00100004000100010008",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f81076417000200000000\
         550200000000dddd8620010db800000000000000000000000120010db8000000000000000000\
         000002062122232425262728",
    ),
    (
        4,
        Frame,
        "01200006000a0004000e0004003d000100020008009c0008009d0008",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f8107641700",
    ),
    (
        4,
        Ipv4,
        "01210009000a0004000e0004003d000100020008009c0008009d000800070002000b00020006\
         0002",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f81076417001234005000\
         12",
    ),
    (
        4,
        Ipv6,
        "01220009000a0004000e0004003d000100020008009c0008009d000800070002000b00020006\
         0002",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f81076417001234005000\
         12",
    ),
    (
        5,
        Frame,
        "01240009000a0004000e0004003d000100020008009c0008009d000800380006005000060100\
         0002",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f81076417000200000000\
         550200000000ddb588",
    ),
    (
        5,
        Ipv4,
        "0125000c000a0004000e0004003d000100020008009c0008009d000800380006005000060100\
         000200070002000b000200060002",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f81076417000200000000\
         550200000000dd0008123400500012",
    ),
    (
        5,
        Ipv6,
        "0126000c000a0004000e0004003d000100020008009c0008009d000800380006005000060100\
         000200070002000b000200060002",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f81076417000200000000\
         550200000000dddd86123400500012",
    ),
    (
        6,
        Frame,
        "01280006000a0004000e0004003d000100020008009c0008009d0008",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f8107641700",
    ),
    (
        6,
        Ipv4,
        "0129000d000a0004000e0004003d000100020008009c0008009d000800080004000c00040004\
         00010001000800070002000b000200060002",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f8107641700c0000201c6\
         336402062122232425262728123400500012",
    ),
    (
        6,
        Ipv6,
        "012a000d000a0004000e0004003d000100020008009c0008009d0008001b0010001c00100004\
         00010001000800070002000b000200060002",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f810764170020010db800\
         000000000000000000000120010db80000000000000000000000020621222324252627281234\
         00500012",
    ),
    (
        7,
        Frame,
        "012c0009000a0004000e0004003d000100020008009c0008009d000800380006005000060100\
         0002",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f81076417000200000000\
         550200000000ddb588",
    ),
    (
        7,
        Ipv4,
        "012d0010000a0004000e0004003d000100020008009c0008009d000800380006005000060100\
         000200080004000c0004000400010001000800070002000b000200060002",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f81076417000200000000\
         550200000000dd0008c0000201c6336402062122232425262728123400500012",
    ),
    (
        7,
        Ipv6,
        "012e0010000a0004000e0004003d000100020008009c0008009d000800380006005000060100\
         0002001b0010001c0010000400010001000800070002000b000200060002",
        "0001020304050607011112131415161718e8fe6f800754d4c0e8fe6f81076417000200000000\
         550200000000dddd8620010db800000000000000000000000120010db8000000000000000000\
         000002062122232425262728123400500012",
    ),
];

/// A record of this layout in which every field has a value of its own.
fn record(layers: Layers, kind: LayoutKind) -> FlowRecord<LayeredKey> {
    let point = ObservationPoint {
        ingress_interface: 0x0001_0203,
        egress_interface: 0x0405_0607,
        direction: Direction::Egress,
        ..ObservationPoint::default()
    };
    let mut key = LayeredKey {
        destination_mac: [2, 0, 0, 0, 0, 0xdd],
        source_mac: [2, 0, 0, 0, 0, 0x55],
        ports: Ports {
            source: [0x12, 0x34],
            destination: [0x00, 0x50],
        },
        observed: Observed::new(&point, 0, 6),
        ..LayeredKey::of_layout(Layout::new(layers, kind))
    };
    match kind {
        Frame => key.ether_type = 0x88b5,
        Ipv4 => {
            key.ether_type = 0x0800;
            key.source[..4].copy_from_slice(&[192, 0, 2, 1]);
            key.destination[..4].copy_from_slice(&[198, 51, 100, 2]);
        }
        Ipv6 => {
            key.ether_type = 0x86dd;
            for (address, last) in [(&mut key.source, 1), (&mut key.destination, 2)] {
                *address = <[u8; 16]>::zeroed();
                address[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
                address[15] = last;
            }
        }
    }
    values(key, ())
}

#[test]
#[cfg(target_endian = "little")]
fn every_layout_has_flowprobes_octets() {
    for (bits, kind, template, octets) in GOLDEN {
        let layers = Layers::from_bits(bits);
        let layout = Layout::new(layers, kind);
        let found = hexadecimal(&layout.template().to_octets());
        assert_eq!(found, template, "{layout:?}");
        let encoded = encode(&record(layers, kind));
        let found = hexadecimal(&encoded.octets[..encoded.length]);
        assert_eq!(found, octets, "{layout:?}");
    }
}

fn process(buffers: usize) -> ExportingProcess<Kept> {
    let kept = Kept {
        octets: 1400,
        buffers,
        messages: Vec::new(),
    };
    ExportingProcess::new(kept, ObservationDomainId(7))
}

/// Kind, sequence, first set's id and what follows its header of each message so far.
fn sent(process: &mut ExportingProcess<Kept>) -> Vec<(MessageKind, u8, u16, String)> {
    let messages = core::mem::take(&mut process.transport().messages);
    let one = |message: Message<Vec<u8>>| {
        let octets = &message.buffer[..message.length];
        let set = u16::from_be_bytes([octets[16], octets[17]]);
        (message.kind, octets[11], set, hexadecimal(&octets[20..]))
    };
    messages.into_iter().map(one).collect()
}

/// RFC 7011 §8: a template precedes its Data Records, which count in the sequence (§3.1).
#[test]
#[cfg(target_endian = "little")]
fn records_follow_their_template_in_sets_of_its_id() {
    for (bits, kind, template, octets) in GOLDEN {
        let layers = Layers::from_bits(bits);
        let id = 272 + u16::from(bits) * 4 + kind as u16;
        let mut process = process(0);
        let record = record(layers, kind);
        assert_eq!(process.export(&record), Err(ExportRefused::NoBuffer));
        process.transport().buffers = 1;
        assert_eq!(process.export(&record), Err(ExportRefused::NoBuffer));
        let announced = (MessageKind::Templates, 0, 2, template.to_string());
        assert_eq!(sent(&mut process), [announced], "and no more");
        process.transport().buffers = 2;
        assert_eq!(process.export(&record), Ok(()));
        assert_eq!(process.export(&record), Ok(()));
        process.flush();
        assert_eq!(process.statistics().flow_records, 2);
        let both = [octets, octets].concat();
        assert_eq!(sent(&mut process), [(MessageKind::Data, 0, id, both)]);
        assert_eq!(process.export(&record), Ok(()));
        process.flush();
        let once = octets.to_string();
        assert_eq!(sent(&mut process), [(MessageKind::Data, 2, id, once)]);
        assert_eq!(process.export(&record), Err(ExportRefused::NoBuffer));
    }
}

/// Layouts are announced one by one, and again in each interval, from where a lack of buffers ended
/// it.
#[test]
fn announced_layouts_are_repeated() {
    let (_, _, first, _) = GOLDEN[1];
    let (_, _, second, _) = GOLDEN[20];
    let layouts =
        [(1, Ipv4), (7, Ipv6)].map(|(bits, kind)| Layout::new(Layers::from_bits(bits), kind));
    let mut process = process(0);
    let tick = |process: &mut ExportingProcess<Kept>, buffers, seconds: u32| {
        process.transport().buffers = buffers;
        process.tick(Timestamp::default(), Uptime::from_millis(seconds * 1000));
        sent(process)
    };
    assert_eq!(tick(&mut process, 9, 0), [], "not by itself");
    process.transport().buffers = 0;
    assert_eq!(
        process.announce_layout(layouts[0]),
        Err(ExportRefused::NoBuffer)
    );
    assert_eq!(sent(&mut process), []);
    assert_eq!(tick(&mut process, 9, 40), [], "none was announced before");
    let of = |kind, octets: &str| (kind, 0, 2, octets.to_string());
    for (layout, octets) in layouts.into_iter().zip([first, second]) {
        assert_eq!(process.announce_layout(layout), Ok(()));
        assert_eq!(sent(&mut process), [of(MessageKind::Templates, octets)]);
    }
    // Interfaces are announced with the families' templates only.
    let interface = Interface {
        number: 1,
        name: "a".to_owned(),
        description: "b".to_owned(),
    };
    let interfaces = Interfaces::default().update(vec![interface]);
    process.set_interfaces(&interfaces.expect("another interface"));
    assert_eq!(tick(&mut process, 9, 69), []);
    let repeated = MessageKind::RepeatedTemplates;
    assert_eq!(tick(&mut process, 1, 70), [of(repeated, first)]);
    assert_eq!(tick(&mut process, 9, 71), [of(repeated, second)]);
    assert_eq!(tick(&mut process, 9, 100), []);
    let both = [of(repeated, first), of(repeated, second)];
    assert_eq!(tick(&mut process, 9, 101), both);

    process.retain_layouts([layouts[0]]);
    assert_eq!(tick(&mut process, 9, 131), [of(repeated, first)]);
    let record = record(Layers::from_bits(7), Ipv6);
    assert_eq!(process.export(&record), Ok(()));
    assert_eq!(sent(&mut process), [of(MessageKind::Templates, second)]);
    process.restart();
    sent(&mut process);
    assert_eq!(process.export(&record), Ok(()));
    assert_eq!(sent(&mut process), [of(MessageKind::Templates, second)]);
}

/// Processes of a session send what any of them announced, in one sequence.
#[test]
fn a_shared_session_has_one_sequence_and_the_templates_of_all() {
    let session = Session::default();
    let mut processes = [process(9), process(9)];
    for process in &mut processes {
        process.share_session(&session);
    }
    let record = record(Layers::from_bits(2), Ipv4);
    let mut kinds = Vec::new();
    for process in &mut processes {
        assert_eq!(process.export(&record), Ok(()));
        process.flush();
        kinds.extend(
            sent(process)
                .into_iter()
                .map(|(kind, sequence, ..)| (kind, sequence)),
        );
    }
    let expected = [
        (MessageKind::Templates, 0),
        (MessageKind::Data, 0),
        (MessageKind::Data, 1),
    ];
    assert_eq!(kinds, expected);
}

/// A process may export records of families and layered ones: each follow their own templates.
#[test]
fn families_and_layouts_are_announced_each() {
    let mut process = process(9);
    let layered = record(Layers::from_bits(2), Ipv4);
    assert_eq!(process.export(&layered), Ok(()));
    let routed = ipv4(Direction::Ingress, 17);
    assert_eq!(process.export(&routed), Ok(()));
    process.flush();
    let sets: Vec<_> = sent(&mut process)
        .into_iter()
        .map(|(_, _, set, _)| set)
        .collect();
    // Templates of the layout, its record, templates of the families, sampling, and the record.
    assert_eq!(sets, [2, 281, 2, 513, 256]);
}
