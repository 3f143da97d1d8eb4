# SPDX-License-Identifier: Apache-2.0
"""Defects of VPP's flowprobe in parsing packets: a test for each.

Defects that need no VPP are in `tests/flowprobe/`, with the same numbers.
"""

import pytest

from support import frames, generator, meter, traffic
from support.flows import of_records
from support.traffic import Traffic, mixed


def test_defect_07_ports_follow_the_ip_header(start_meter):
    """They were read after a header of minimum length, in any fragment."""
    metered = start_meter()
    # IPv4 packets with options do not reach VPP's ip4 features.
    source = meter.add_metered(metered.vpp, ("l2",))
    sent = Traffic()
    sent.add_udp(4, (1111, 2222), 40, options=b"\x01" * 40)
    sent.add(4, frames.UDP, frames.udp(1, 2, bytes(64)), (0, 0), fragment=0x2001)
    sent.add_icmp(4, 8)
    sent.add(4, frames.SCTP, frames.sctp(3333, 4444), (3333, 4444))
    # Too short for ports.
    sent.add(4, frames.TCP, b"\x01\x02", (0, 0))
    hop_by_hop = (0, b"\x01" + bytes(14))
    later_fragment = (44, bytes([0, 1, 0x08, 0, 0, 0, 1]))
    sent.add_udp(6, (5555, 6666), 40, extensions=[hop_by_hop])
    sent.add(6, frames.UDP, frames.udp(5, 6, bytes(64)), (0, 0), extensions=[later_fragment])
    sent.add_icmp(6, 128)
    generator.replay(metered.vpp, source, sent.frames)
    of_records(metered.flushed()).assert_equal(sent.flows, "headers")


def test_defect_08_vlan_tags_are_parsed_and_exported(start_meter):
    """Only one tag 0x8100 was parsed, and the VLAN was neither in the key nor exported."""
    metered = start_meter()
    source = generator.add_interface(metered.vpp, 0)
    metered.vpp.configure(f"flowmeter interface {source} l2 rx")
    sent = Traffic()
    for tags in (
        (),
        ((0x8100, 100),),
        ((0x8100, 101),),
        ((0x88A8, 200),),
        ((0x88A8, 300), (0x8100, 400)),
        ((0x9100, 500), (0x8100, 600)),
        ((0x8100, 700), (0x8100, 800), (0x8100, 900)),
    ):
        tagged = sent.tagged(*tags)
        # The same addresses and ports in each VLAN.
        tagged.add_udp(4, (1, 2), 10)
        tagged.add_udp(6, (1, 2), 10)
        tagged.add_l2(frames.ARP, bytes(28))
    generator.replay(metered.vpp, source, sent.frames)
    records = metered.flushed()
    of_records(records).assert_equal(sent.flows, "tags")
    assert {record["vlanId"] for record in records} == {0, 100, 101, 200, 300, 500, 700}


@pytest.mark.parametrize("version", [4, 6])
def test_defect_09_interfaces_without_ethernet_header(start_meter, version):
    """Wrong octets were read there, in both directions."""
    metered = start_meter()
    vpp = metered.vpp
    source = generator.add_interface(vpp, 0, mode=f"ip{version}")
    out = generator.add_interface(vpp, 1, mode=f"ip{version}")
    other = {4: ("10.7.7.1/24", "10.7.7.2"), 6: ("2001:db8:7::1/64", "2001:db8:7::2")}[version]
    vpp.configure(
        f"set interface ip address {source} {traffic.GATEWAY[version]}",
        f"set interface ip address {out} {other[0]}",
        f"ip route add {traffic.ROUTE[version]} via {other[1]} {out}",
        f"flowmeter interface {source} ip{version} rx",
        f"flowmeter interface {out} ip{version} tx",
    )
    sent = mixed((version,))
    generator.replay(vpp, source, sent.packets, node=f"ip{version}-input")
    records = metered.flushed()
    for direction in (0, 1):
        found = of_records(records, lambda record: record["flowDirection"] == direction)
        found.assert_equal(sent.flows, f"direction {direction}")


def test_defect_10_rx_records_have_no_egress_interface(start_meter):
    """It was 2³² − 1, an interface that does not exist."""
    metered = start_meter()
    source = meter.add_metered(metered.vpp)
    generator.replay(metered.vpp, source, mixed().frames)
    records = metered.flushed()
    assert {record["egressInterface"] for record in records} == {0}
    assert {record["ingressInterface"] for record in records} == {
        metered.vpp.interface_index(source)
    }
