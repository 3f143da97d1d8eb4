# SPDX-License-Identifier: Apache-2.0
"""Bridges: virtual interfaces, ports and sub-interfaces."""

import pytest

from support import accounts, frames, generator, routing, traffic
from support.flows import Flows
from support.link import RawSocket, add_addresses, add_link
from support.meter import RX, TX
from support.observed import assert_flows, wait_observed, wait_received
from support.traffic import Traffic, mixed


@pytest.mark.parametrize("kind", ["bvi", "loopback"])
def test_bridged_virtual_interface(start_meter, kind):
    """The routed interface of a bridge: it receives what hosts behind the bridge send through VPP,
    and sends what VPP routes to them."""
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
    coming = routing.routed_from(link)
    going = Traffic()
    for number in range(20):
        going.add_udp(4, (2000 + number, 53), number, destination=link.host_address)
        going.add_udp(6, (2000 + number, 53), number, destination=link.host_address6)
    wire = RawSocket(link.namespace, link.host)
    wire.send(coming.frames)
    generator.replay(vpp, source, going.frames)
    wait_received(wire, len(going.frames))
    wait_observed(vpp, len(coming.frames) + len(going.frames))
    # VPP generates the answers to pings.
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
    """All kinds of frames, received on one port and sent on the other."""
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
    """A VLAN in a bridge: its frames with their tag, and no others."""
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
