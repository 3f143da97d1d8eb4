# SPDX-License-Identifier: Apache-2.0
"""Kinds of interfaces, arcs and directions: each meters the right octets, once, and its
records say where."""

import pytest

from support import accounts, frames, generator, routing, traffic
from support.flows import Flows, Key, L2Key, of_records
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


def at(records, **place) -> list:
    """The records of one observation point."""
    return [
        record for record in records if all(record[name] == value for name, value in place.items())
    ]


def assert_places(records, expected: set[tuple]) -> None:
    """The records are of these observation points, of each at least one."""
    places = {tuple(record.fields.get(name) for name in WHERE) for record in records}
    assert places == expected


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_routed(start_meter, workers):
    """RX and TX on different interfaces: each packet once at each observation point."""
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
    observed = accounts.accounts(meter.vpp).observed.packets
    assert observed - meter.own_packets == 2 * len(sent.frames)


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


def test_both_directions_of_one_interface(start_meter):
    """What comes in and what goes out of the same interface are flows of their own."""
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


def test_l2_on_a_routed_interface(start_meter):
    """Frames are metered with what is in them: IP packets by their own length, ARP by the
    frame's, on the way in and on the way out."""
    meter = start_meter()
    out = add_link(meter.vpp, 1)
    source = routing.add_source(meter.vpp)
    routing.add_routes(meter.vpp, out)
    meter.vpp.configure(
        f"flowmeter interface {source} l2 rx", f"flowmeter interface {out.vpp} l2 tx"
    )
    sent = mixed()
    routed = Flows(sent.flows.items())
    # Not one that VPP would answer.
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
    """In a bridge no packet sees an IP arc: all sorts of frames, in and out."""
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
    """Nothing but the interface's name: all that comes in, once."""
    meter = start_meter()
    out = add_link(meter.vpp, 1)
    source = routing.add_source(meter.vpp)
    routing.add_routes(meter.vpp, out)
    meter.vpp.configure(f"flowmeter interface {source}")
    sent = mixed()
    sent.add_l2(0x88CC, b"\x02" * 60)
    generator.replay(meter.vpp, source, sent.frames)
    of_records(meter.flushed()).assert_equal(sent.flows, "all")


def test_vlan_sub_interfaces(start_meter):
    """Sub-interfaces are interfaces, and say which VLAN they are."""
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
        arrived.extend(wire.received())
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


@pytest.mark.parametrize("version", [4, 6])
def test_an_interface_without_ethernet_header(start_meter, version):
    """The packet generator's IP modes: a packet begins with its IP header."""
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
    """What one VPP sends out another takes in, and both meter the same."""
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
    # Not what the sender itself says to its neighbours.
    arrived = of_records(
        receiver.flushed(),
        lambda record: not record.fields.get("sourceIPv6Address", "").startswith("fe80:"),
    )
    arrived.assert_equal(sent.flows, "receiver")


def test_multicast(start_meter):
    """The multicast arcs, of both families."""
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
    of_records(records).assert_equal(sent.flows, "in tables of their own")
    assert {(record["ipVersion"], record["ingressVRFID"]) for record in records} == {(4, 7), (6, 9)}


def test_tunnels_are_interfaces_too(start_meter):
    """An IPIP tunnel: what comes out of it has no Ethernet header, and what goes in makes
    flows of the tunnel where its packets are seen."""
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
    """IPv4 options, fragments, IPv6 extension headers, SCTP: as in the engine's own tests,
    here by way of VPP's buffers."""
    meter = start_meter()
    source = routing.add_source(meter.vpp)
    for family in families:
        meter.vpp.configure(f"flowmeter interface {source} {family} rx")
    sent = Traffic()
    if families == ("l2",):
        # VPP takes IPv4 packets with options out of the way before any feature of IP.
        sent.add_udp(4, (1, 2), 10, options=b"\x01" * 8)
    sent.add_udp(4, (3, 4), 1000, fragment=0x2000)
    # A later fragment has no ports, whatever its octets look like.
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
