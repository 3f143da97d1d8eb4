# SPDX-License-Identifier: Apache-2.0
"""Devices: `all` meters each packet once in each direction, and records name the interfaces."""

import pytest

from support import generator, memif, routing, traffic
from support.flows import Flows
from support.link import RawSocket, add_link
from support.meter import RX, TX
from support.observed import assert_flows, features, wait_observed
from support.traffic import Traffic, mixed


def test_af_packet(start_meter):
    """Frames are received on one link and sent on another."""
    meter = start_meter()
    one, other = add_link(meter.vpp, 1), add_link(meter.vpp, 2)
    routing.add_routes(meter.vpp, other)
    meter.vpp.configure(
        f"flowmeter interface {one.vpp} all rx", f"flowmeter interface {other.vpp} all tx"
    )
    sent = routing.routed_from(one)
    routed = Flows(sent.flows.items())
    sent.add_l2(0x88CC, b"\x02" * 60)
    RawSocket(one.namespace, one.host).send(sent.frames)
    wait_observed(meter.vpp, 2 * len(sent.frames) - 1)
    records = meter.flushed()
    assert_flows(meter, records, one.vpp, RX, sent.flows)
    assert_flows(meter, records, other.vpp, TX, routed)


@pytest.mark.parametrize("mode", ["ethernet", "ip"])
def test_memif(start_meter, mode):
    """One VPP sends to another, and `all` meters the same at both."""
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
        # Without packets that the sender generates.
        records = [
            record
            for record in meter.flushed()
            if not record.fields.get("sourceIPv6Address", "").startswith("fe80:")
        ]
        assert_flows(meter, records, memif.MEMIF, direction, sent.flows)


def test_generator_in_ip_mode(start_meter):
    """Packets without a link-layer header, in both directions."""
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
    """Their frames pass port-rx-eth, which has the node, too. This needs no such device: VPP
    enables features on any interface."""
    vpp = start_vpp()
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} l2 rx")
    assert features(vpp, source)["port-rx-eth"] == ["flowmeter-input-l2"]
    assert features(vpp, source)["device-input"] == ["flowmeter-input-l2"]
    vpp.configure(f"flowmeter interface {source} l2 rx disable")
    assert not features(vpp, source)["port-rx-eth"]
    assert not features(vpp, source)["device-input"]
