# SPDX-License-Identifier: Apache-2.0
"""Sub-interfaces, unnumbered interfaces and loopbacks, and the FIB tables in records."""

import pytest

from support import accounts, generator, routing, traffic
from support.flows import Flows, at
from support.link import RawSocket, add_addresses, add_link
from support.meter import RX, TX
from support.observed import assert_flows, wait_observed, wait_received
from support.traffic import Traffic, mixed
from support.waiting import until


def with_vlan(flows: Flows, vlan: int) -> Flows:
    return Flows((key._replace(vlan=vlan), tally) for key, tally in flows.items())


def tables(records) -> set[tuple[int, int]]:
    """The ingress and egress tables of records."""
    return {(record["ingressVRFID"], record["egressVRFID"]) for record in records}


@pytest.mark.parametrize("is_before", [True, False])
def test_sub_interfaces_at_l2_tx(start_meter, is_before):
    """Packets that a sub-interface sends pass its parent: records have the sub-interface and its
    table, and end when the parent is no longer metered."""
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
    # Packets that the parent itself sends.
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


@pytest.mark.parametrize("variants", [("ip4", "ip6"), ("l2",)])
def test_both_tables(start_meter, variants):
    """Between tables: tx records have both tables, separately for each family."""
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
    """An interface that borrows another one's address."""
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
    """A loopback receives what it sends and looks it up in its own table: once in each
    direction."""
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
