# SPDX-License-Identifier: Apache-2.0
"""Tunnels that carry frames or packets, in both directions, and interfaces without frames."""

from dataclasses import dataclass

import pytest

from support import frames, generator, routing, traffic
from support.flows import L2Key
from support.link import add_link
from support.meter import RX, TX
from support.observed import assert_flows, features
from support.refusal import assert_one_line
from support.traffic import Traffic, mixed


@dataclass(frozen=True)
class Encapsulation:
    """A tunnel that carries frames: VPP's command and interface, and the header before a frame."""

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
    """The outer packets that carry frames through a tunnel."""
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
    """In a bridge: the tunnel's interface receives decapsulated frames and sends frames that are
    then encapsulated. Also if the tunnel is bridged, routed and bridged again after it was
    enabled."""
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
    """Inner packets in both directions, without the tunnel's headers."""
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


def test_l2_without_frames(start_vpp):
    """l2 is refused with one line, and nothing is enabled."""
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
