# SPDX-License-Identifier: Apache-2.0
"""Every kind of interface that VPP has: `all` meters each of its packets once in each
direction, and records say by which interface and table it came and left.

What a kind is metered by stands in docs/vpp.md, "Kinds of interfaces"."""

from dataclasses import dataclass

import pytest

from support import accounts, frames, generator, memif, routing, traffic
from support.flows import Flows, L2Key, at, of_records
from support.link import Link, RawSocket, add_addresses, add_link
from support.meter import RX, TX, Meter
from support.refusal import assert_one_line
from support.traffic import Traffic, mixed
from support.vpp import Vpp
from support.waiting import until


def assert_flows(meter: Meter, records, interface: str, direction: int, expected: Flows) -> list:
    """What was metered at an interface in one direction is what is expected; the records."""
    index = meter.vpp.interface_index(interface)
    name = "ingressInterface" if direction == RX else "egressInterface"
    there = at(records, flowDirection=direction, **{name: index})
    of_records(there).assert_equal(expected, f"{interface} {'rx' if direction == RX else 'tx'}")
    return there


def wait_observed(vpp: Vpp, count: int) -> None:
    until(f"{count} packets", lambda: accounts.read(vpp).observed.packets >= count)


def wait_received(wire: RawSocket, count: int) -> list[bytes]:
    """That many frames at the other end of a link."""
    arrived = []

    def all_arrived() -> bool:
        arrived.extend(wire.received())
        return len(arrived) >= count

    until(f"{count} frames at the other end", all_arrived)
    return arrived


def with_vlan(flows: Flows, vlan: int) -> Flows:
    return Flows((key._replace(vlan=vlan), tally) for key, tally in flows.items())


def routed_from(link: Link) -> Traffic:
    """What a host behind the link sends through VPP."""
    sent = Traffic(destination_mac=link.vpp_mac, source_mac=link.host_mac)
    for number in range(20):
        for version, source in ((4, link.host_address), (6, link.host_address6)):
            sent.add_udp(version, (1000 + number, 53), 10 * number, source=source)
    return sent


# Devices.


def test_af_packet(start_meter):
    """Frames in by one link and out by another, from and to the wire."""
    meter = start_meter()
    one, other = add_link(meter.vpp, 1), add_link(meter.vpp, 2)
    routing.add_routes(meter.vpp, other)
    meter.vpp.configure(
        f"flowmeter interface {one.vpp} all rx", f"flowmeter interface {other.vpp} all tx"
    )
    sent = routed_from(one)
    routed = Flows(sent.flows.items())
    sent.add_l2(0x88CC, b"\x02" * 60)
    RawSocket(one.namespace, one.host).send(sent.frames)
    wait_observed(meter.vpp, 2 * len(sent.frames) - 1)
    records = meter.flushed()
    assert_flows(meter, records, one.vpp, RX, sent.flows)
    assert_flows(meter, records, other.vpp, TX, routed)


@pytest.mark.parametrize("mode", ["ethernet", "ip"])
def test_memif(start_meter, mode):
    """What one VPP sends the other receives, and `all` meters the same at both."""
    sender = start_meter(plugins=["flowmeter", "memif"])
    receiver = start_meter(plugins=["flowmeter", "memif"])
    memif.connect(sender.vpp, receiver.vpp, mode)
    source = routing.add_source(sender.vpp)
    sender.vpp.configure(
        f"ip route add {traffic.ROUTE[4]} via 10.9.9.2 {memif.MEMIF}",
        f"ip route add {traffic.ROUTE[6]} via 2001:db8:9::2 {memif.MEMIF}",
        f"flowmeter interface {memif.MEMIF} all both",
    )
    receiver.vpp.configure(f"flowmeter interface {memif.MEMIF} all both")
    sent = mixed()
    generator.replay(sender.vpp, source, sent.frames, rate=50_000)
    wait_observed(receiver.vpp, len(sent.frames))
    for meter, direction in ((sender, TX), (receiver, RX)):
        # Not what the sender itself says to its neighbours.
        records = [
            record
            for record in meter.flushed()
            if not record.fields.get("sourceIPv6Address", "").startswith("fe80:")
        ]
        assert_flows(meter, records, memif.MEMIF, direction, sent.flows)


def test_generator_in_ip_mode(start_meter):
    """Packets without link header, out and in."""
    meter = start_meter()
    source = routing.add_source(meter.vpp)
    out = generator.add_interface(meter.vpp, 1, mode="ip4")
    meter.vpp.configure(
        f"set interface ip address {out} 10.1.1.1/24",
        f"ip route add {traffic.ROUTE[4]} via 10.1.1.2 {out}",
        f"flowmeter interface {out} all both",
    )
    sent, back = mixed((4,)), Traffic()
    back.add_udp(4, (1, 2), 100, source="10.1.1.2", destination="10.1.1.3")
    generator.replay(meter.vpp, source, sent.frames)
    generator.replay(meter.vpp, out, back.packets, node="ip4-input")
    records = meter.flushed()
    assert_flows(meter, records, out, TX, Flows([*sent.flows.items(), *back.flows.items()]))
    assert_flows(meter, records, out, RX, back.flows)


def test_drivers_of_vnet_dev(start_vpp):
    """Their frames come by another arc, which has our node too: no machine here has such a
    device, but VPP enables features on any interface."""
    vpp = start_vpp()
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} l2 rx")
    assert features(vpp, source)["port-rx-eth"] == ["flowmeter-input-l2"]
    assert features(vpp, source)["device-input"] == ["flowmeter-input-l2"]
    vpp.configure(f"flowmeter interface {source} l2 rx disable")
    assert not features(vpp, source)["port-rx-eth"]
    assert not features(vpp, source)["device-input"]


def features(vpp: Vpp, interface: str) -> dict[str, list[str]]:
    """Our nodes that are enabled on an interface, by arc."""
    arcs: dict[str, list[str]] = {}
    arc = ""
    for line in vpp.cli(f"show interface features {interface}").splitlines():
        if line.endswith(":") and not line.startswith(" "):
            arc = line.rstrip(":")
            arcs[arc] = []
        elif arc and line.strip().startswith("flowmeter-"):
            arcs[arc].append(line.strip())
    return arcs


# Bonds.


@dataclass
class Bond:
    links: list[Link]
    wires: list[RawSocket]
    interface: str = "BondEthernet0"

    @property
    def mac(self) -> str:
        """A bond has its first member's."""
        return self.links[0].vpp_mac


def add_bond(vpp: Vpp, *, members: bool = True) -> Bond:
    """A bond of the links 1 and 2, up; its peer is the namespace, on any member."""
    links = [add_link(vpp, number, addresses=False) for number in (1, 2)]
    bond = Bond(links, [RawSocket(link.namespace, link.host) for link in links])
    vpp.cli("create bond mode round-robin")
    vpp.configure(f"set interface state {bond.interface} up")
    if members:
        for link in links:
            vpp.configure(f"bond add {bond.interface} {link.vpp}")
        until("both members to be active", lambda: vpp.cli("show bond").split()[-2:] == ["2", "2"])
    return bond


def add_bond_addresses(vpp: Vpp, bond: Bond) -> None:
    for version, network, length in ((4, "10.6.6.", 24), (6, "2001:db8:66::", 64)):
        vpp.configure(
            f"set interface ip address {bond.interface} {network}1/{length}",
            f"set ip neighbor {bond.interface} {network}2 {bond.links[0].host_mac} static",
            f"ip route add {traffic.ROUTE[version]} via {network}2 {bond.interface}",
        )


def to_bond(bond: Bond, ports: int) -> Traffic:
    """Frames that the bond takes in, of which none goes further."""
    sent = Traffic(destination_mac=bond.mac)
    for number in range(20):
        for version in (4, 6):
            sent.add_udp(version, (ports + number, 53), 10 * number)
    return sent


@pytest.mark.parametrize("variant", ["all", "l2", "ip4"])
def test_bond_rx(start_meter, variant):
    """A bond's frames are what its members receive; each member has its own, too."""
    meter = start_meter()
    bond = add_bond(meter.vpp)
    add_bond_addresses(meter.vpp, bond)
    meter.vpp.configure(
        f"flowmeter interface {bond.interface} {variant} rx",
        f"flowmeter interface {bond.links[1].vpp} l2 rx",
    )
    sent = [to_bond(bond, 1000), to_bond(bond, 2000)]
    for wire, part in zip(bond.wires, sent, strict=True):
        wire.send(part.frames)
    is_wanted = lambda key: variant != "ip4" or ":" not in key.source  # noqa: E731
    both = Flows(
        (key, tally) for part in sent for key, tally in part.flows.items() if is_wanted(key)
    )
    wait_observed(meter.vpp, both.total().packets + sent[1].flows.total().packets)
    records = meter.flushed()
    assert_flows(meter, records, bond.interface, RX, both)
    assert_flows(meter, records, bond.links[1].vpp, RX, sent[1].flows)


def test_bond_tx(start_meter):
    """What leaves by a bond, and what of it by a member."""
    meter = start_meter()
    bond = add_bond(meter.vpp)
    add_bond_addresses(meter.vpp, bond)
    source = routing.add_source(meter.vpp)
    members = [link.vpp for link in bond.links]
    meter.vpp.configure(
        *(f"flowmeter interface {name} all tx" for name in (bond.interface, *members))
    )
    sent = mixed()
    generator.replay(meter.vpp, source, sent.frames)
    wait_observed(meter.vpp, 2 * len(sent.frames))
    records = meter.flushed()
    assert_flows(meter, records, bond.interface, TX, sent.flows)
    indices = {meter.vpp.interface_index(name) for name in members}
    parts = [record for record in records if record["egressInterface"] in indices]
    assert {record["egressInterface"] for record in parts} == indices, "both have some"
    of_records(parts).assert_equal(sent.flows, "members tx")


def test_members_that_come_and_go(start_meter):
    """A bond that is metered before it has members, and one that loses a member."""
    meter = start_meter()
    bond = add_bond(meter.vpp, members=False)
    meter.vpp.configure(f"flowmeter interface {bond.interface} all rx")
    for link in bond.links:
        meter.vpp.configure(f"bond add {bond.interface} {link.vpp}")
    sent = [to_bond(bond, 1000), to_bond(bond, 2000)]
    for wire, part in zip(bond.wires, sent, strict=True):
        wire.send(part.frames)
    count = sum(len(part.frames) for part in sent)
    wait_observed(meter.vpp, count)
    meter.vpp.configure(f"bond del {bond.links[1].vpp}")
    sent.append(to_bond(bond, 3000))
    bond.wires[1].send(to_bond(bond, 4000).frames)
    bond.wires[0].send(sent[2].frames)
    wait_observed(meter.vpp, count + len(sent[2].frames))
    records = meter.flushed()
    everything = Flows((key, tally) for part in sent for key, tally in part.flows.items())
    assert_flows(meter, records, bond.interface, RX, everything)
    meter.vpp.configure(f"flowmeter interface {bond.interface} disable")
    for link in bond.links:
        shown = features(meter.vpp, link.vpp)
        assert not any(shown.values()), shown


# Bridges.


@pytest.mark.parametrize("kind", ["bvi", "loopback"])
def test_bridged_virtual_interface(start_meter, kind):
    """A bridge's address: what a host behind the bridge sends through VPP comes in by it, and
    what VPP sends there goes out by it."""
    meter = start_meter(plugins=["flowmeter", "ping"])
    vpp = meter.vpp
    link = add_link(vpp, 1, addresses=False)
    name = {"bvi": "bvi0", "loopback": "loop0"}[kind]
    if kind == "bvi":
        vpp.cli(f"bvi create mac {link.vpp_mac} instance 0")
    else:
        vpp.cli(f"create loopback interface mac {link.vpp_mac} instance 0")
    vpp.configure(
        f"set interface l2 bridge {name} 10 bvi",
        f"set interface l2 bridge {link.vpp} 10",
        f"set interface state {name} up",
    )
    add_addresses(vpp, link, name)
    out, source = routing.add_way_out(vpp), generator.add_interface(vpp, 0, mac=traffic.VPP_MAC)
    routing.add_gateway(vpp, source)
    vpp.configure(f"flowmeter interface {name} all both", f"flowmeter interface {out} ip4 tx")
    coming = routed_from(link)
    going = Traffic()
    for number in range(20):
        going.add_udp(4, (2000 + number, 53), number, destination=link.host_address)
        going.add_udp(6, (2000 + number, 53), number, destination=link.host_address6)
    wire = RawSocket(link.namespace, link.host)
    wire.send(coming.frames)
    generator.replay(vpp, source, going.frames)
    wait_received(wire, len(going.frames))
    wait_observed(vpp, len(coming.frames) + len(going.frames))
    # It answers pings, too: VPP's own packets.
    ping = Traffic(destination_mac=link.vpp_mac, source_mac=link.host_mac)
    for _ in range(5):
        ping.add_icmp(4, 8, source=link.host_address, destination=link.vpp_address)
    before = accounts.read(vpp).observed.packets
    wire.send(ping.frames)
    wait_observed(vpp, before + 2 * len(ping.frames))
    records = meter.flushed()
    came = Flows([*coming.flows.items(), *ping.flows.items()])
    assert_flows(meter, records, name, RX, came)
    assert_flows(meter, records, name, TX, going.flows)
    assert meter.own_packets >= len(ping.frames)


def test_bridged_ports(start_meter):
    """All sorts of frames, in by one port and out by the other."""
    meter = start_meter()
    one, other = (add_link(meter.vpp, number, addresses=False) for number in (1, 2))
    for link in (one, other):
        meter.vpp.configure(
            f"set interface l2 bridge {link.vpp} 10", f"flowmeter interface {link.vpp} all both"
        )
    sent = mixed()
    sent.destination_mac = "02:00:00:00:77:01"
    sent.add_l2(frames.ARP, bytes(28))
    tagged = sent.tagged((frames.VLAN, 100))
    tagged.add_udp(4, (1, 2), 10)
    RawSocket(one.namespace, one.host).send(sent.frames)
    wait_observed(meter.vpp, 2 * len(sent.frames))
    records = meter.flushed()
    assert_flows(meter, records, one.vpp, RX, sent.flows)
    assert_flows(meter, records, other.vpp, TX, sent.flows)


@pytest.mark.parametrize("variant", ["all", "l2"])
def test_bridged_sub_interfaces(start_meter, variant):
    """A VLAN in a bridge: its frames, with their tag, and no others."""
    meter = start_meter()
    vpp = meter.vpp
    out = add_link(vpp, 1, addresses=False)
    wire = RawSocket(out.namespace, out.host)
    source = generator.add_interface(vpp, 0)
    for parent in (source, out.vpp):
        vpp.cli(f"create sub-interfaces {parent} 100")
        vpp.configure(
            f"set interface state {parent}.100 up",
            f"set interface l2 bridge {parent}.100 10",
            f"flowmeter interface {parent}.100 {variant} both",
        )
    sent = Traffic(destination_mac="02:00:00:00:77:01", vlans=((frames.VLAN, 100),))
    for number in range(20):
        for version in (4, 6):
            sent.add_udp(version, (1000 + number, 53), 10 * number)
    sent.add_l2(frames.ARP, bytes(28))
    other = Traffic(destination_mac="02:00:00:00:77:01", vlans=((frames.VLAN, 101),))
    other.add_udp(4, (1, 2), 10)
    generator.replay(vpp, source, sent.frames + other.frames)
    wait_received(wire, len(sent.frames))
    records = meter.flushed()
    assert_flows(meter, records, f"{source}.100", RX, sent.flows)
    assert_flows(meter, records, f"{out.vpp}.100", TX, sent.flows)
    assert accounts.accounts(vpp).observed.packets == 2 * len(sent.frames)


# Tunnels.


@dataclass(frozen=True)
class Encapsulation:
    """A tunnel that carries frames: VPP's command and interface, and what is before a frame."""

    plugin: str
    command: str
    interface: str
    protocol: int
    header: bytes


LOCAL, REMOTE = traffic.GATEWAY[4].split("/")[0], traffic.SOURCE[4]

FRAME_TUNNELS = {
    "vxlan": Encapsulation(
        "vxlan",
        f"create vxlan tunnel src {LOCAL} dst {REMOTE} vni 13",
        "vxlan_tunnel0",
        frames.UDP,
        bytes.fromhex("0800000000000d00"),
    ),
    "geneve": Encapsulation(
        "geneve",
        f"create geneve tunnel local {LOCAL} remote {REMOTE} vni 13",
        "geneve_tunnel0",
        frames.UDP,
        bytes.fromhex("0000655800000d00"),
    ),
    "gre": Encapsulation(
        "gre",
        f"create gre tunnel src {LOCAL} dst {REMOTE} teb",
        "gre0",
        47,
        bytes.fromhex("00006558"),
    ),
}


def carry(inner: Traffic, kind: Encapsulation) -> Traffic:
    """The packets that carry frames through a tunnel."""
    outer = Traffic()
    port = {"vxlan": 4789, "geneve": 6081}.get(kind.plugin, 0)
    for frame in inner.frames:
        payload = kind.header + frame
        if kind.protocol == frames.UDP:
            payload = frames.udp(port, port, payload)
        outer.add(4, kind.protocol, payload, (port, port), source=REMOTE, destination=LOCAL)
    return outer


def in_bridge() -> Traffic:
    sent = mixed()
    sent.destination_mac = "02:00:00:00:77:01"
    sent.add_l2(frames.ARP, bytes(28))
    sent.add_l2(0x88CC, b"\x02" * 60)
    return sent


@pytest.mark.parametrize("variant", ["all", "l2"])
@pytest.mark.parametrize("kind", FRAME_TUNNELS)
def test_tunnels_that_carry_frames(start_meter, kind, variant):
    """In a bridge: what comes out of the tunnel is received by its interface, what goes into it
    is sent. Also where the tunnel was bridged, routed and bridged again after it was enabled."""
    tunnel = FRAME_TUNNELS[kind]
    meter = start_meter(plugins=["flowmeter", tunnel.plugin])
    vpp = meter.vpp
    port = generator.add_interface(vpp, 1)
    source = routing.add_source(vpp)
    vpp.configure(f"set ip neighbor {source} {REMOTE} {traffic.SENDER_MAC} static")
    vpp.cli(tunnel.command)
    bridge = f"set interface l2 bridge {tunnel.interface} 10"
    vpp.configure(
        f"set interface state {tunnel.interface} up",
        f"set interface l2 bridge {port} 10",
        f"flowmeter interface {tunnel.interface} {variant} both",
        bridge,
        f"set interface l3 {tunnel.interface}",
        bridge,
    )
    inner = in_bridge()
    generator.replay(vpp, source, carry(inner, tunnel).frames)
    entering = in_bridge()
    entering.add_udp(4, (7, 8), 9)
    entering.source_mac = "02:00:00:00:77:02"
    generator.replay(vpp, port, entering.frames)
    records = meter.flushed()
    assert_flows(meter, records, tunnel.interface, RX, inner.flows)
    sent = assert_flows(meter, records, tunnel.interface, TX, entering.flows)
    assert {record["ingressInterface"] for record in sent} == {vpp.interface_index(port)}
    assert {key for key in inner.flows if isinstance(key, L2Key)}, "frames that are not IP"
    vpp.configure(f"flowmeter interface {tunnel.interface} disable")
    assert not any(features(vpp, tunnel.interface).values())


@pytest.mark.parametrize("variant", ["all", "ip4"])
@pytest.mark.parametrize("kind", ["ipip", "gre"])
def test_tunnels_that_carry_packets(start_meter, kind, variant):
    """Packets in them, both ways, and not the tunnel's headers."""
    meter = start_meter(plugins=["flowmeter", "gre"])
    vpp = meter.vpp
    source = routing.add_source(vpp)
    out = add_link(vpp, 1)
    tunnel = f"{kind}0"
    vpp.configure(f"set ip neighbor {source} {REMOTE} {traffic.SENDER_MAC} static")
    vpp.cli(f"create {kind} tunnel src {LOCAL} dst {REMOTE}")
    vpp.configure(
        f"set interface state {tunnel} up",
        f"set interface ip address {tunnel} 10.8.8.1/24",
        f"ip route add {traffic.ROUTE[4]} via {tunnel}",
        f"flowmeter interface {tunnel} {variant} both",
    )
    inner = Traffic()
    for number in range(10):
        ends = {"source": "10.8.8.2", "destination": out.host_address}
        inner.add_udp(4, (1000 + number, 53), number, **ends)
    carried = Traffic()
    for packet in inner.packets:
        protocol, header = (4, b"") if kind == "ipip" else (47, bytes.fromhex("00000800"))
        carried.add(4, protocol, header + packet, (0, 0), source=REMOTE, destination=LOCAL)
    entering = mixed((4,))
    generator.replay(vpp, source, carried.frames)
    generator.replay(vpp, source, entering.frames)
    records = meter.flushed()
    assert_flows(meter, records, tunnel, RX, inner.flows)
    assert_flows(meter, records, tunnel, TX, entering.flows)


# Sub-interfaces, unnumbered interfaces, loopbacks, tables.


@pytest.mark.parametrize("is_before", [True, False])
def test_sub_interfaces_at_l2_tx(start_meter, is_before):
    """What a sub-interface sends leaves by its parent: records say which it was and which table
    it is in, and end with the parent's metering."""
    meter = start_meter()
    vpp = meter.vpp
    out = add_link(vpp, 1)
    wire = RawSocket(out.namespace, out.host)
    source = routing.add_source(vpp)
    leaving = f"{out.vpp}.200"
    enable = f"flowmeter interface {out.vpp} l2 tx"
    if not is_before:
        vpp.configure(enable)
    vpp.cli(f"create sub-interfaces {out.vpp} 200")
    vpp.configure(
        "ip table add 5",
        f"set interface state {leaving} up",
        f"set interface ip table {leaving} 5",
        f"set interface ip address {leaving} 10.0.3.1/24",
        f"set ip neighbor {leaving} 10.0.3.2 {out.host_mac} static",
        f"ip route add {traffic.ROUTE[4]} via 10.0.3.2 {leaving}",
    )
    if is_before:
        vpp.configure(enable)
    # By the parent itself.
    vpp.configure(f"ip route add 203.0.114.0/24 via {out.host_address} {out.vpp}")
    sent = mixed((4,))
    plain = Traffic()
    plain.add_udp(4, (1, 2), 10, destination="203.0.114.1")
    generator.replay(vpp, source, sent.frames + plain.frames)
    wait_received(wire, len(sent.frames) + 1)
    vpp.configure(f"flowmeter interface {out.vpp} disable")
    until("flows to end", lambda: accounts.read(vpp).live_flows == 0)
    records = meter.flushed()
    there = assert_flows(meter, records, leaving, TX, with_vlan(sent.flows, 200))
    assert tables(there) == {(0, 5)}
    assert {record["ingressInterface"] for record in there} == {vpp.interface_index(source)}
    there = assert_flows(meter, records, out.vpp, TX, plain.flows)
    assert tables(there) == {(0, 0)}


def tables(records) -> set[tuple[int, int]]:
    """Ingress and egress tables of records."""
    return {(record["ingressVRFID"], record["egressVRFID"]) for record in records}


@pytest.mark.parametrize("variants", [("ip4", "ip6"), ("l2",)])
def test_both_tables(start_meter, variants):
    """From one table to another: records from tx have both, each family its own."""
    meter = start_meter()
    vpp = meter.vpp
    vpp.configure("ip table add 7", "ip6 table add 8", "ip table add 9", "ip6 table add 10")
    out = add_link(vpp, 1, addresses=False)
    source = generator.add_interface(vpp, 0, mac=traffic.VPP_MAC)
    vpp.configure(
        f"set interface ip table {source} 7",
        f"set interface ip6 table {source} 8",
        f"set interface ip table {out.vpp} 9",
        f"set interface ip6 table {out.vpp} 10",
    )
    routing.add_gateway(vpp, source)
    add_addresses(vpp, out)
    vpp.configure(
        f"ip route add table 7 {traffic.ROUTE[4]} via {out.host_address} {out.vpp}",
        f"ip route add table 8 {traffic.ROUTE[6]} via {out.host_address6} {out.vpp}",
    )
    for variant in variants:
        vpp.configure(
            f"flowmeter interface {source} {variant} rx",
            f"flowmeter interface {out.vpp} {variant} tx",
        )
    sent = mixed()
    generator.replay(vpp, source, sent.frames)
    wait_observed(vpp, 2 * len(sent.frames))
    records = meter.flushed()
    assert_flows(meter, records, source, RX, sent.flows)
    assert_flows(meter, records, out.vpp, TX, sent.flows)
    for version, ingress, egress in ((4, 7, 9), (6, 8, 10)):
        assert tables(at(records, ipVersion=version, flowDirection=RX)) == {(ingress, 0)}
        assert tables(at(records, ipVersion=version, flowDirection=TX)) == {(ingress, egress)}


def test_unnumbered(start_meter):
    """An interface that has another's address."""
    meter = start_meter()
    vpp = meter.vpp
    numbered, out = add_link(vpp, 1), add_link(vpp, 2)
    source = generator.add_interface(vpp, 0, mac=traffic.VPP_MAC)
    vpp.configure(
        f"set interface unnumbered {source} use {numbered.vpp}",
        f"flowmeter interface {source} ip4 rx",
        f"flowmeter interface {source} ip6 rx",
        f"flowmeter interface {source} all tx",
    )
    routing.add_routes(vpp, out)
    sent = mixed()
    generator.replay(vpp, source, sent.frames)
    vpp.configure(
        f"set ip neighbor {source} 192.0.2.13 {traffic.SENDER_MAC} static",
        f"ip route add 192.0.2.13/32 via 192.0.2.13 {source}",
    )
    back = Traffic(destination_mac=out.vpp_mac, source_mac=out.host_mac)
    back.add_udp(4, (1, 2), 10, source=out.host_address, destination="192.0.2.13")
    RawSocket(out.namespace, out.host).send(back.frames)
    wait_observed(vpp, len(sent.frames) + 1)
    records = meter.flushed()
    assert_flows(meter, records, source, RX, sent.flows)
    assert_flows(meter, records, source, TX, back.flows)


def test_loopback(start_meter):
    """What a loopback sends it receives, and looks up in its own table: out and in, once each."""
    meter = start_meter()
    vpp = meter.vpp
    mac = "02:00:00:00:55:01"
    vpp.cli(f"create loopback interface mac {mac} instance 0")
    vpp.configure(
        "ip table add 7",
        "set interface ip table loop0 7",
        "set interface state loop0 up",
        "set interface ip address loop0 10.5.5.1/24",
        f"set ip neighbor loop0 10.5.5.2 {mac} static",
        f"ip route add {traffic.ROUTE[4]} via 10.5.5.2 loop0",
    )
    source, out = routing.add_source(vpp), add_link(vpp, 1)
    vpp.configure(
        f"ip route add table 7 {traffic.ROUTE[4]} via {out.host_address} {out.vpp}",
        "flowmeter interface loop0 all both",
        f"flowmeter interface {out.vpp} all tx",
    )
    sent = mixed((4,))
    generator.replay(vpp, source, sent.frames)
    wait_observed(vpp, 3 * len(sent.frames))
    records = meter.flushed()
    assert tables(assert_flows(meter, records, "loop0", TX, sent.flows)) == {(0, 7)}
    assert tables(assert_flows(meter, records, "loop0", RX, sent.flows)) == {(7, 0)}
    assert tables(assert_flows(meter, records, out.vpp, TX, sent.flows)) == {(7, 0)}


def test_where_no_frames_arrive(start_vpp):
    """Said in one line, and nothing is enabled."""
    vpp = start_vpp(plugins=["flowmeter", "gre"])
    routing.add_source(vpp)
    vpp.cli("create loopback interface instance 0")
    vpp.cli("bvi create instance 0")
    vpp.cli(f"create ipip tunnel src {LOCAL} dst {REMOTE}")
    vpp.cli(f"create gre tunnel src {LOCAL} dst {REMOTE}")
    packets = generator.add_interface(vpp, 1, mode="ip4")
    for name in ("loop0", "bvi0"):
        assert_one_line(vpp.cli(f"flowmeter interface {name} l2 rx"), "l2", name)
        assert_one_line(vpp.cli(f"flowmeter interface {name} l2 both"), "l2", name)
        vpp.configure(f"flowmeter interface {name} l2 tx", f"flowmeter interface {name} disable")
    for name in ("ipip0", "gre0", packets):
        for side in ("rx", "tx"):
            assert_one_line(vpp.cli(f"flowmeter interface {name} l2 {side}"), "l2", name)
    for name in ("loop0", "bvi0", "ipip0", "gre0", packets):
        assert not any(features(vpp, name).values()), name
