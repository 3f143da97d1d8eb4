# SPDX-License-Identifier: Apache-2.0
"""The order of the plugin's nodes among other features: before all of them at rx, and after all
that drop or change packets at tx.

So denied packets are observed at rx, and each side of a NAT with its own addresses."""

import pytest

from support import accounts, frames, generator, routing, traffic
from support.flows import Flows, at, of_records
from support.link import RawSocket, add_link
from support.meter import RX, TX
from support.traffic import Traffic, mixed
from support.waiting import until

#: VPP's plugins that have features on the same arcs.
PLUGINS = ("flowmeter", "acl", "nat", "cnat")


def order(vpp) -> dict[str, list[str]]:
    """The features of each arc, in VPP's order."""
    arcs: dict[str, list[str]] = {}
    nodes: list[str] = []
    for line in vpp.cli("show features").splitlines():
        if line.endswith(":"):
            nodes = arcs.setdefault(line.strip().rstrip(":"), [])
        elif line.strip():
            nodes.append(line.strip())
    return arcs


def is_ours(node: str) -> bool:
    return node.startswith("flowmeter-")


@pytest.mark.parametrize(
    "arc",
    [
        *("ip4-unicast", "ip4-multicast", "ip6-unicast", "ip6-multicast"),
        *("device-input", "port-rx-eth", "l2-input-ip4", "l2-input-ip6", "l2-input-nonip"),
    ],
)
def test_rx_nodes_run_first(start_vpp, arc):
    nodes = order(start_vpp(plugins=PLUGINS))[arc]
    ours = [node for node in nodes if is_ours(node) and "bond" not in node]
    assert ours, nodes
    assert nodes[: len(ours)] == ours


@pytest.mark.parametrize("arc", ["device-input", "port-rx-eth"])
def test_bond_nodes_run_after_bond_input(start_vpp, arc):
    nodes = order(start_vpp(plugins=PLUGINS))[arc]
    member, bond = nodes.index("flowmeter-input-l2"), nodes.index("flowmeter-input-bond")
    assert member < nodes.index("bond-input") < bond < nodes.index("ethernet-input")


@pytest.mark.parametrize("version", [4, 6])
def test_ip_tx_nodes_run_last(start_vpp, version):
    """But before GSO and IPsec, which make other packets of them."""
    nodes = order(start_vpp(plugins=PLUGINS))[f"ip{version}-output"]
    ours = nodes.index(f"flowmeter-output-ip{version}")
    following = [node for node in nodes[ours + 1 :] if not is_ours(node)]
    expected = {f"gso-ip{version}", f"ipsec{version}-output-feature", "interface-output"}
    assert set(following) == expected
    before = nodes[:ours]
    assert f"acl-plugin-out-ip{version}-fa" in before
    assert f"cnat-output-ip{version}" in before
    if version == 4:
        assert "nat44-ed-in2out-output" in before


@pytest.mark.parametrize(
    ("arc", "end"),
    [
        ("interface-output", "interface-output-arc-end"),
        *((f"l2-output-{kind}", "l2-output-feat-arc-end") for kind in ("ip4", "ip6", "nonip")),
    ],
)
def test_l2_tx_nodes_run_last(start_vpp, arc, end):
    """Only GSO in a bridge may follow."""
    nodes = [node for node in order(start_vpp(plugins=PLUGINS))[arc] if "gso" not in node]
    assert nodes[-1] == end
    assert is_ours(nodes[-2]), nodes


def test_no_unknown_features_are_named(start_vpp):
    """VPP logs no error about features of plugins that are not loaded."""
    vpp = start_vpp()
    complaints = [line for line in vpp.log().splitlines() if "not found" in line]
    assert not [line for line in complaints if "flowmeter-" in line]


@pytest.mark.parametrize("variants", [("ip4", "ip6"), ("l2",)])
@pytest.mark.parametrize("side", ["input", "output"])
def test_denied_packets_are_observed_at_rx_only(start_meter, side, variants):
    """Packets that an ACL denies are observed at rx, not at tx."""
    meter = start_meter(plugins=["flowmeter", "acl"])
    vpp = meter.vpp
    out = add_link(vpp, 1)
    source = routing.add_source(vpp)
    routing.add_routes(vpp, out)
    vpp.cli(
        "set acl-plugin acl deny src 0.0.0.0/0 dst 0.0.0.0/0 proto 17 dport 53, "
        "permit src 0.0.0.0/0 dst 0.0.0.0/0, "
        "deny src ::/0 dst ::/0 proto 17 dport 53, permit src ::/0 dst ::/0"
    )
    interface = source if side == "input" else out.vpp
    vpp.configure(f"set acl-plugin interface {interface} {side} acl 0")
    for variant in variants:
        vpp.configure(
            f"flowmeter interface {source} {variant} rx",
            f"flowmeter interface {out.vpp} {variant} tx",
        )
    sent = mixed()
    permitted = Flows(
        (key, tally) for key, tally in sent.flows.items() if key.protocol != frames.UDP
    )
    assert 0 < len(permitted) < len(sent.flows)
    wire = RawSocket(out.namespace, out.host)
    generator.replay(vpp, source, sent.frames)
    arrived = []

    def all_arrived() -> bool:
        arrived.extend(wire.received())
        return len(arrived) >= permitted.total().packets

    until("the permitted packets", all_arrived)
    records = meter.flushed()
    of_records(at(records, flowDirection=RX)).assert_equal(sent.flows, "rx")
    of_records(at(records, flowDirection=TX)).assert_equal(permitted, "tx")


#: The external address of the inside host.
OUTSIDE_ADDRESS = "10.77.0.1"


@pytest.mark.parametrize("variant", ["ip4", "l2"])
@pytest.mark.parametrize("words", ["", "output-feature"])
def test_nat44(start_meter, words, variant):
    """Inside addresses at the inside, outside addresses at the outside, at all four points."""
    meter = start_meter(plugins=["flowmeter", "nat"])
    vpp = meter.vpp
    out = add_link(vpp, 1)
    inside = routing.add_source(vpp)
    routing.add_routes(vpp, out)
    host = traffic.SOURCE[4]
    vpp.configure(f"set ip neighbor {inside} {host} {traffic.SENDER_MAC} static")
    vpp.cli("nat44 plugin enable sessions 1000")
    vpp.cli(f"nat44 add static mapping local {host} external {OUTSIDE_ADDRESS}")
    if words:
        vpp.cli(f"set interface nat44 out {out.vpp} {words}")
    else:
        vpp.cli(f"set interface nat44 in {inside} out {out.vpp}")
    for interface in (inside, out.vpp):
        vpp.configure(f"flowmeter interface {interface} {variant} both")
    leaving, coming = Traffic(), Traffic(destination_mac=out.vpp_mac, source_mac=out.host_mac)
    for number in range(20):
        ports = (1000 + number, 5000)
        leaving.add_udp(4, ports, 10 * number)
        coming.add_udp(
            4, ports[::-1], number, source=traffic.DESTINATION[4], destination=OUTSIDE_ADDRESS
        )
    wire = RawSocket(out.namespace, out.host)
    generator.replay(vpp, inside, leaving.frames)
    until("frames outside", lambda: len(wire.received()) > 0)
    wire.send(coming.frames)
    count = 2 * (len(leaving.frames) + len(coming.frames))
    until("all points", lambda: accounts.read(vpp).observed.packets >= count)
    records = meter.flushed()
    index = vpp.interface_index

    def expect(interface: str, direction: int, flows: Flows) -> None:
        name = "ingressInterface" if direction == RX else "egressInterface"
        there = at(records, flowDirection=direction, **{name: index(interface)})
        of_records(there).assert_equal(flows, f"{interface}, direction {direction}")

    expect(inside, RX, leaving.flows)
    expect(out.vpp, TX, renamed(leaving.flows, source=OUTSIDE_ADDRESS))
    expect(out.vpp, RX, coming.flows)
    expect(inside, TX, renamed(coming.flows, destination=host))


def renamed(flows: Flows, **addresses: str) -> Flows:
    return Flows((key._replace(**addresses), tally) for key, tally in flows.items())


@pytest.mark.parametrize("variant", ["ip4", "l2"])
def test_fragments_before_reassembly(start_meter, variant):
    """Fragments are counted as received, even if VPP reassembles them."""
    meter = start_meter()
    source = routing.add_source(meter.vpp)
    out = add_link(meter.vpp, 1)
    routing.add_routes(meter.vpp, out)
    meter.vpp.api(
        "ip_reassembly_enable_disable",
        {
            "sw_if_index": meter.vpp.interface_index(source),
            "enable_ip4": True,
            "enable_ip6": False,
            "type": "IP_REASS_TYPE_FULL",
        },
    )
    meter.vpp.configure(
        f"flowmeter interface {source} {variant} rx", f"flowmeter interface {out.vpp} {variant} tx"
    )
    whole = frames.udp(1, 2, bytes(1592))
    sent, tall = Traffic(), Traffic()
    sent.add(4, frames.UDP, whole[:800], (1, 2), fragment=0x2000, identification=7)
    sent.add(4, frames.UDP, whole[800:], (0, 0), fragment=100, identification=7)
    tall.add(4, frames.UDP, whole, (1, 2))
    generator.replay(meter.vpp, source, sent.frames)
    until("all packets", lambda: accounts.read(meter.vpp).observed.packets >= 3)
    records = meter.flushed()
    of_records(at(records, flowDirection=RX)).assert_equal(sent.flows, "rx")
    of_records(at(records, flowDirection=TX)).assert_equal(tall.flows, "tx")
