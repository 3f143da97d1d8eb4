# SPDX-License-Identifier: Apache-2.0
"""Interfaces that are not Ethernet ports, and unusual packets: the right octets are metered."""

import pytest

from support import accounts, frames, generator, routing, traffic
from support.flows import Key, at, of_records
from support.link import add_link
from support.traffic import Traffic, mixed
from support.waiting import until


@pytest.mark.smoke
@pytest.mark.parametrize("version", [4, 6])
def test_an_interface_without_ethernet_header(start_meter, version):
    """The packet generator's IP modes: a packet starts with its IP header."""
    meter = start_meter()
    out = add_link(meter.vpp, 1)
    source = generator.add_interface(meter.vpp, 0, mode=f"ip{version}")
    meter.vpp.configure(f"set interface ip address {source} {traffic.GATEWAY[version]}")
    routing.add_routes(meter.vpp, out)
    meter.vpp.configure(f"flowmeter interface {source}")
    sent = mixed((version,))
    generator.replay(meter.vpp, source, sent.packets, node=f"ip{version}-input")
    of_records(meter.flushed()).assert_equal(sent.flows, source)


@pytest.mark.parametrize("mode", ["ethernet", "ip"])
def test_memif_between_two_vpps(start_vpp, start_meter, mode):
    """One VPP sends to another, and both meter the same."""
    sender = start_meter(plugins=["flowmeter", "memif"])
    receiver = start_meter(plugins=["flowmeter", "memif"])
    socket = sender.vpp.folder / "memif.sock"
    words = "mode ip" if mode == "ip" else ""
    macs = {"master": "02:00:00:00:66:01", "slave": "02:00:00:00:66:02"}
    roles = ((sender, "master", 1), (receiver, "slave", 2))
    for end, role, number in roles:
        mac = f"hw-addr {macs[role]}" if mode == "ethernet" else ""
        end.vpp.configure(
            f"create memif socket id 1 filename {socket}",
            f"create interface memif id 0 socket-id 1 {role} {words} {mac}",
            "set interface state memif1/0 up",
            f"set interface ip address memif1/0 10.9.9.{number}/24",
            f"set interface ip address memif1/0 2001:db8:9::{number}/64",
        )
    if mode == "ethernet":
        for end, _, number in roles:
            other = macs["slave" if number == 1 else "master"]
            end.vpp.configure(
                f"set ip neighbor memif1/0 10.9.9.{3 - number} {other} static",
                f"set ip neighbor memif1/0 2001:db8:9::{3 - number} {other} static",
            )
    for end, _, _ in roles:
        until("memif to connect", lambda end=end: "connected" in end.vpp.cli("show memif"))
    source = routing.add_source(sender.vpp)
    sender.vpp.configure(
        f"ip route add {traffic.ROUTE[4]} via 10.9.9.2 memif1/0",
        f"ip route add {traffic.ROUTE[6]} via 2001:db8:9::2 memif1/0",
    )
    sent = mixed()
    for family in ("ip4", "ip6"):
        sender.vpp.configure(f"flowmeter interface memif1/0 {family} tx")
        receiver.vpp.configure(f"flowmeter interface memif1/0 {family} rx")
    before = accounts.read(receiver.vpp).observed.packets
    assert before == 0
    generator.replay(sender.vpp, source, sent.frames, rate=50_000)
    until(
        "packets to arrive",
        lambda: accounts.read(receiver.vpp).observed.packets >= len(sent.frames),
    )
    of_records(sender.flushed()).assert_equal(sent.flows, "sender")
    # Without packets that the sender generates.
    arrived = of_records(
        receiver.flushed(),
        lambda record: not record.fields.get("sourceIPv6Address", "").startswith("fe80:"),
    )
    arrived.assert_equal(sent.flows, "receiver")


@pytest.mark.smoke
def test_multicast(start_meter):
    """The multicast arcs of both families."""
    meter = start_meter()
    source = routing.add_source(meter.vpp)
    meter.vpp.configure(
        f"flowmeter interface {source} ip4 rx", f"flowmeter interface {source} ip6 rx"
    )
    sent = Traffic()
    for number in range(10):
        sent.destination_mac = "01:00:5e:01:01:01"
        sent.add_udp(4, (1000 + number, 5000), 10, destination="239.1.1.1")
        sent.destination_mac = "33:33:00:00:00:99"
        sent.add_udp(6, (1000 + number, 5000), 10, destination="ff0e::99")
    generator.replay(meter.vpp, source, sent.frames)
    of_records(meter.flushed()).assert_equal(sent.flows, "multicast")


def test_the_vrf_is_the_table_of_the_interface(start_meter):
    meter = start_meter()
    source = generator.add_interface(meter.vpp, 0, mac=traffic.VPP_MAC)
    meter.vpp.configure(
        "ip table add 7",
        "ip6 table add 9",
        f"set interface ip table {source} 7",
        f"set interface ip6 table {source} 9",
    )
    routing.add_gateway(meter.vpp, source)
    for family in ("ip4", "ip6"):
        meter.vpp.configure(f"flowmeter interface {source} {family} rx")
    sent = mixed()
    generator.replay(meter.vpp, source, sent.frames)
    records = meter.flushed()
    of_records(records).assert_equal(sent.flows, "in separate tables")
    assert {(record["ipVersion"], record["ingressVRFID"]) for record in records} == {(4, 7), (6, 9)}


@pytest.mark.smoke
def test_tunnels(start_meter):
    """An IPIP tunnel: inner packets have no Ethernet header; outer packets make a flow of the
    tunnel at the interface that receives them."""
    meter = start_meter()
    source = routing.add_source(meter.vpp)
    out = add_link(meter.vpp, 1)
    routing.add_routes(meter.vpp, out)
    outer = (traffic.SOURCE[4], "198.51.100.1")
    meter.vpp.cli(f"create ipip tunnel src {outer[1]} dst {outer[0]}")
    meter.vpp.configure(
        "set interface state ipip0 up",
        "set interface ip address ipip0 10.8.8.1/24",
        "flowmeter interface ipip0 ip4 rx",
        f"flowmeter interface {source} ip4 rx",
    )
    inner = Traffic()
    for number in range(10):
        inner.add_udp(4, (1000 + number, 53), number, source="10.8.8.2")
    carried = Traffic()
    for packet in inner.packets:
        carried.add(4, 4, packet, (0, 0), source=outer[0], destination=outer[1])
    generator.replay(meter.vpp, source, carried.frames)
    records = meter.flushed()
    for interface, expected in ((source, carried), ("ipip0", inner)):
        there = at(records, ingressInterface=meter.vpp.interface_index(interface))
        of_records(there).assert_equal(expected.flows, interface)


@pytest.mark.parametrize("families", [("ip4", "ip6"), ("l2",)])
def test_keys_are_exact_for_odd_packets(start_meter, families):
    """IPv4 options, fragments, IPv6 extension headers, SCTP: as in the engine's tests, but in VPP's
    buffers."""
    meter = start_meter()
    source = routing.add_source(meter.vpp)
    for family in families:
        meter.vpp.configure(f"flowmeter interface {source} {family} rx")
    sent = Traffic()
    if families == ("l2",):
        # IPv4 packets with options do not reach VPP's ip4 features.
        sent.add_udp(4, (1, 2), 10, options=b"\x01" * 8)
    sent.add_udp(4, (3, 4), 1000, fragment=0x2000)
    # A later fragment has no ports, whatever its octets are.
    sent.add(4, frames.UDP, frames.udp(3, 4, bytes(100)), (0, 0), fragment=100)
    sent.add(4, frames.SCTP, frames.sctp(5, 6), (5, 6))
    sent.add(4, 50, bytes(40), (0, 0))
    options = (0, b"\x00" + bytes(6))
    destination_options = (60, b"\x00" + bytes(6))
    first_fragment = (44, bytes([0, 0, 1, 0, 0, 0, 7]))
    sent.add_udp(6, (7, 8), 10, extensions=[options, destination_options])
    sent.add_udp(6, (9, 10), 10, extensions=[first_fragment])
    sent.add(6, frames.SCTP, frames.sctp(11, 12), (11, 12))
    generator.replay(meter.vpp, source, sent.frames)
    of_records(meter.flushed()).assert_equal(sent.flows, "odd packets")
    assert all(isinstance(key, Key) for key in sent.flows)
