# SPDX-License-Identifier: Apache-2.0
"""Arcs and directions on Ethernet interfaces: each meters the right octets, once, and its records
name the observation point."""

import pytest

from support import accounts, frames, generator, routing, traffic
from support.flows import Flows, L2Key, at, of_records
from support.link import RawSocket, add_link
from support.meter import RX, TX
from support.traffic import Traffic, mixed
from support.waiting import until

WHERE = (
    "ingressInterface",
    "egressInterface",
    "flowDirection",
    "ingressVRFID",
    "forwardingStatus",
)

UNKNOWN, FORWARDED = 0, 0x40


def assert_places(records, expected: set[tuple]) -> None:
    """Asserts that the records have exactly these observation points."""
    places = {tuple(record.fields.get(name) for name in WHERE) for record in records}
    assert places == expected


@pytest.mark.smoke
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_routed(start_meter, workers):
    """rx and tx on different interfaces: each packet once at each observation point."""
    meter = start_meter(workers=workers)
    out = add_link(meter.vpp, 1)
    source = routing.add_source(meter.vpp)
    routing.add_routes(meter.vpp, out)
    for family in ("ip4", "ip6"):
        meter.vpp.configure(
            f"flowmeter interface {source} {family} rx",
            f"flowmeter interface {out.vpp} {family} tx",
        )
    sent = mixed()
    generator.replay(meter.vpp, source, sent.frames, worker=max(workers - 1, 0))
    records = meter.flushed()
    ingress, egress = meter.vpp.interface_index(source), meter.vpp.interface_index(out.vpp)
    assert_places(
        records, {(ingress, 0, RX, 0, UNKNOWN), (ingress, egress, TX, 0, FORWARDED)}
    )
    for direction in (RX, TX):
        found = of_records(at(records, flowDirection=direction))
        found.assert_equal(sent.flows, f"direction {direction}")
    assert meter.others_packets == 2 * len(sent.frames)


@pytest.mark.parametrize("family", ["ip4", "ip6"])
def test_one_family_leaves_the_other_alone(start_meter, family):
    meter = start_meter()
    out = add_link(meter.vpp, 1)
    source = routing.add_source(meter.vpp)
    routing.add_routes(meter.vpp, out)
    meter.vpp.configure(f"flowmeter interface {source} {family} both")
    sent = mixed()
    generator.replay(meter.vpp, source, sent.frames)
    version = int(family[-1])
    of_records(meter.flushed()).assert_equal(mixed((version,)).flows, family)


@pytest.mark.smoke
def test_both_directions_of_one_interface(start_meter):
    """Packets received and sent by one interface make separate flows."""
    meter = start_meter()
    link = add_link(meter.vpp, 1)
    wire = RawSocket(link.namespace, link.host)
    meter.vpp.configure(
        f"ip route add {traffic.ROUTE[4]} via {link.host_address} {link.vpp}",
        f"flowmeter interface {link.vpp} ip4 both",
    )
    sent = Traffic(destination_mac=link.vpp_mac, source_mac=link.host_mac)
    for number in range(20):
        sent.add_udp(4, (1000 + number, 53), 100 + number, source=link.host_address)
    wire.send(sent.frames)
    until("frames to come back", lambda: len(wire.received()) > 0)
    until(
        "packets to be observed",
        lambda: accounts.read(meter.vpp).observed.packets >= 2 * len(sent.frames),
    )
    records = meter.flushed()
    index = meter.vpp.interface_index(link.vpp)
    assert_places(records, {(index, 0, RX, 0, UNKNOWN), (index, index, TX, 0, FORWARDED)})
    for direction in (RX, TX):
        found = of_records(at(records, flowDirection=direction))
        found.assert_equal(sent.flows, f"direction {direction}")


@pytest.mark.smoke
def test_l2_on_a_routed_interface(start_meter):
    """Frames are metered with their content: IP packets with the IP length, ARP with the frame's
    length, in both directions."""
    meter = start_meter()
    out = add_link(meter.vpp, 1)
    source = routing.add_source(meter.vpp)
    routing.add_routes(meter.vpp, out)
    meter.vpp.configure(
        f"flowmeter interface {source} l2 rx", f"flowmeter interface {out.vpp} l2 tx"
    )
    sent = mixed()
    routed = Flows(sent.flows.items())
    # A request that VPP does not answer.
    request = frames.arp_request(traffic.SENDER_MAC, "192.0.2.250", "192.0.2.251")
    sent.add_l2(frames.ARP, request)
    generator.replay(meter.vpp, source, sent.frames)
    records = meter.flushed()
    of_records(at(records, flowDirection=RX)).assert_equal(sent.flows, "in")
    of_records(at(records, flowDirection=TX)).assert_equal(routed, "out")
    ingress, egress = meter.vpp.interface_index(source), meter.vpp.interface_index(out.vpp)
    assert {record["ingressInterface"] for record in records} == {ingress}
    assert {record["egressInterface"] for record in at(records, flowDirection=TX)} == {egress}


def test_bridged(start_meter):
    """In a bridge, packets pass no IP arc: all kinds of frames, in both directions."""
    meter = start_meter()
    out = add_link(meter.vpp, 1, addresses=False)
    wire = RawSocket(out.namespace, out.host)
    source = generator.add_interface(meter.vpp, 0)
    meter.vpp.configure(
        f"set interface l2 bridge {source} 10",
        f"set interface l2 bridge {out.vpp} 10",
        f"flowmeter interface {source} l2 rx",
        f"flowmeter interface {out.vpp} l2 tx",
    )
    sent = mixed()
    sent.destination_mac = "02:00:00:00:77:01"
    sent.add_l2(frames.ARP, bytes(28))
    sent.add_l2(frames.ARP, bytes(28))
    sent.add_l2(0x88CC, b"\x02" * 60)
    tagged = sent.tagged((frames.VLAN, 100))
    tagged.add_udp(4, (1, 2), 10)
    tagged.add_l2(frames.ARP, bytes(28))
    twice = sent.tagged((frames.SERVICE_VLAN, 200), (frames.VLAN, 300))
    twice.add_udp(6, (3, 4), 10)
    generator.replay(meter.vpp, source, sent.frames)
    arrived = []

    def all_arrived() -> bool:
        arrived.extend(wire.received())
        return len(arrived) >= len(sent.frames)

    until("frames at the other end", all_arrived)
    records = meter.flushed()
    assert {key for key in sent.flows if isinstance(key, L2Key)}, "frames that are not IP"
    ingress, egress = meter.vpp.interface_index(source), meter.vpp.interface_index(out.vpp)
    for direction, expected in ((RX, 0), (TX, egress)):
        there = at(records, flowDirection=direction)
        of_records(there).assert_equal(sent.flows, f"direction {direction}")
        assert {record["ingressInterface"] for record in there} == {ingress}
        assert {record["egressInterface"] for record in there} == {expected}


def test_all_is_l2_on_ethernet(start_meter):
    """With only an interface's name, every received packet is metered once."""
    meter = start_meter()
    out = add_link(meter.vpp, 1)
    source = routing.add_source(meter.vpp)
    routing.add_routes(meter.vpp, out)
    meter.vpp.configure(f"flowmeter interface {source}")
    sent = mixed()
    sent.add_l2(0x88CC, b"\x02" * 60)
    generator.replay(meter.vpp, source, sent.frames)
    of_records(meter.flushed()).assert_equal(sent.flows, "all")


@pytest.mark.smoke
def test_vlan_sub_interfaces(start_meter):
    """Sub-interfaces are metered like interfaces, and records have their VLAN."""
    meter = start_meter()
    out = add_link(meter.vpp, 1)
    wire = RawSocket(out.namespace, out.host)
    parent = routing.add_source(meter.vpp)
    meter.vpp.cli(f"create sub-interfaces {parent} 100")
    meter.vpp.cli(f"create sub-interfaces {parent} 5 dot1q 10 inner-dot1q 20 exact-match")
    meter.vpp.cli(f"create sub-interfaces {out.vpp} 200")
    single, double, leaving = f"{parent}.100", f"{parent}.5", f"{out.vpp}.200"
    for interface, network in ((single, 1), (double, 2)):
        meter.vpp.configure(
            f"set interface state {interface} up",
            f"set interface ip address {interface} 10.0.{network}.1/24",
        )
    meter.vpp.configure(
        f"set interface state {leaving} up",
        f"set interface ip address {leaving} 10.0.3.1/24",
        f"set ip neighbor {leaving} 10.0.3.2 {out.host_mac} static",
        f"ip route add {traffic.ROUTE[4]} via 10.0.3.2 {leaving}",
    )
    for interface in (parent, single, double):
        meter.vpp.configure(f"flowmeter interface {interface} ip4 rx")
    meter.vpp.configure(f"flowmeter interface {leaving} ip4 tx")
    untagged = Traffic()
    tagged = Traffic(vlans=((frames.VLAN, 100),))
    twice = Traffic(vlans=((frames.VLAN, 10), (frames.VLAN, 20)))
    for sent, network in ((untagged, 0), (tagged, 1), (twice, 2)):
        for number in range(5):
            sent.add_udp(4, (1000 + number, 53), 10 * number, source=f"10.0.{network}.7")
    everything = untagged.frames + tagged.frames + twice.frames
    generator.replay(meter.vpp, parent, everything)
    arrived = []

    def all_arrived() -> bool:
        # Without multicast packets that VPP generates.
        multicast = b"\x33\x33"
        arrived.extend(frame for frame in wire.received() if not frame.startswith(multicast))
        return len(arrived) >= len(everything)

    until("frames at the other end", all_arrived)
    assert {frame[12:16] for frame in arrived} == {b"\x81\x00\x00\xc8"}, "tagged 200"
    records = meter.flushed()
    index = meter.vpp.interface_index
    for sent, interface in ((untagged, parent), (tagged, single), (twice, double)):
        there = at(records, flowDirection=RX, ingressInterface=index(interface))
        of_records(there).assert_equal(sent.flows, interface)
    left = Flows(
        (key._replace(vlan=200), tally)
        for sent in (untagged, tagged, twice)
        for key, tally in sent.flows.items()
    )
    there = at(records, flowDirection=TX)
    of_records(there).assert_equal(left, leaving)
    assert {record["egressInterface"] for record in there} == {index(leaving)}
    ingress = {record["ingressInterface"] for record in there}
    assert ingress == {index(parent), index(single), index(double)}
