# SPDX-License-Identifier: Apache-2.0
"""Changes of interfaces and settings, and VPP's exit, under traffic."""


import pytest

from support import accounts, generator, meter, routing, traffic
from support.flows import Flows, of_records
from support.ipfix import FORCED_END
from support.link import RawSocket, add_link
from support.traffic import many_flows, mixed
from support.waiting import until


def reasons(records) -> set[int]:
    return {record["flowEndReason"] for record in records}


@pytest.mark.smoke
@pytest.mark.parametrize("workers", [0, 2])
def test_disabling_exports_live_flows(start_meter, workers):
    """Only flows of that interface and direction are exported."""
    metered = start_meter(workers=workers)
    vpp = metered.vpp
    first = routing.add_source(vpp)
    second = generator.add_interface(vpp, 1, mac=traffic.VPP_MAC)
    vpp.configure(f"set interface ip address {second} 10.1.1.1/24")
    for interface in (first, second):
        vpp.configure(f"flowmeter interface {interface} ip4 rx")
    sent = many_flows(300)
    for interface in (first, second):
        generator.replay(vpp, interface, sent.frames)
    assert accounts.accounts(vpp).live_flows == 600
    vpp.configure(f"flowmeter interface {first} ip4 rx disable")
    until("its flows to be exported", lambda: accounts.read(vpp).live_flows == 300)
    vpp.configure("ipfix flush")
    records = metered.sink.wait_for_records(300)
    of_records(records).assert_equal(sent.flows, first)
    assert reasons(records) == {FORCED_END}
    assert {record["ingressInterface"] for record in records} == {vpp.interface_index(first)}
    # The interface is no longer metered.
    generator.replay(vpp, first, sent.frames)
    assert accounts.accounts(vpp).observed.packets == 600


@pytest.mark.smoke
@pytest.mark.parametrize("workers", [0, 2])
def test_deleting_an_interface_exports_live_flows(start_meter, workers):
    metered = start_meter(workers=workers)
    vpp = metered.vpp
    parent = routing.add_source(vpp)
    vpp.cli(f"create sub-interfaces {parent} 100")
    sub = f"{parent}.100"
    vpp.configure(
        f"set interface state {sub} up",
        f"set interface ip address {sub} 10.1.1.1/24",
        f"flowmeter interface {sub} ip4 rx",
    )
    index = vpp.interface_index(sub)
    sent = traffic.Traffic(vlans=((0x8100, 100),))
    for number in range(300):
        sent.add_udp(4, (1000 + number, 53))
    generator.replay(vpp, parent, sent.frames)
    vpp.configure(f"delete sub-interface {sub}")
    until("its flows to be exported", lambda: accounts.read(vpp).live_flows == 0)
    vpp.configure("ipfix flush")
    records = metered.sink.wait_for_records(300)
    of_records(records).assert_equal(sent.flows, sub)
    assert reasons(records) == {FORCED_END}
    assert {record["ingressInterface"] for record in records} == {index}
    # A new interface with the same index is not metered.
    vpp.cli(f"create sub-interfaces {parent} 100")
    vpp.configure(
        f"set interface state {sub} up", f"set interface ip address {sub} 10.1.1.1/24"
    )
    assert vpp.interface_index(sub) == index, "this test needs a reused index"
    generator.replay(vpp, parent, sent.frames)
    assert accounts.accounts(vpp).observed.packets == 300


def test_a_deleted_hardware_interface(start_meter):
    metered = start_meter()
    vpp = metered.vpp
    link = add_link(vpp, 1, addresses=False)
    index = vpp.interface_index(link.vpp)
    vpp.configure(f"flowmeter interface {link.vpp} l2 rx")
    wire = RawSocket(link.namespace, link.host)
    sent = traffic.Traffic(destination_mac="02:00:00:00:55:55")
    for number in range(100):
        sent.add_udp(4, (1000 + number, 53))
    wire.send(sent.frames)
    until("packets", lambda: accounts.read(vpp).observed.packets >= 100)
    vpp.configure("delete host-interface name vpp1")
    until("its flows to be exported", lambda: accounts.read(vpp).live_flows == 0)
    vpp.configure("ipfix flush")
    records = metered.sink.wait_for_records(100)
    of_records(records).assert_equal(sent.flows, link.vpp)
    assert {record["ingressInterface"] for record in records} == {index}
    assert reasons(records) == {FORCED_END}
    assert "host-vpp1" not in vpp.cli("show flowmeter interfaces")


@pytest.mark.smoke
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_exit_exports_live_flows(start_meter, workers):
    """Records are still sent when VPP exits and its workers are stopped."""
    metered = start_meter(workers=workers)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx", f"flowmeter interface {source} ip6 rx")
    sent = mixed(flows=200)
    streams = [
        generator.Stream(vpp, source, sent.frames, worker=worker) for worker in range(max(workers, 1))
    ]
    expected = Flows()
    for stream in streams:
        stream.run()
        expected.add(sent.flows.items())
    live = accounts.accounts(vpp).live_flows
    assert live > 0
    assert vpp.stop() == 0
    records = metered.sink.flow_records
    of_records(records).assert_equal(expected, "at the exit")
    assert FORCED_END in reasons(records)


@pytest.mark.parametrize("words", ["clear flowmeter", "clear flowmeter statistics"])
def test_clear_ends_no_flows(start_meter, words):
    """As elsewhere in VPP, it clears counters: flows continue with their counts."""
    metered = start_meter()
    source = routing.add_source(metered.vpp)
    metered.vpp.configure(f"flowmeter interface {source} ip4 rx")
    sent = many_flows(100)
    generator.replay(metered.vpp, source, sent.frames)
    accounts.accounts(metered.vpp)
    metered.vpp.configure(words)
    now = accounts.accounts(metered.vpp)
    assert (now.live_flows, now.exported_records, now.observed.packets) == (100, 0, 100)
    assert not metered.sink.flow_records
    metered.vpp.configure("flowmeter flush")
    until("flows to be exported", lambda: accounts.read(metered.vpp).live_flows == 0)
    metered.vpp.configure("ipfix flush")
    records = metered.sink.wait_for_records(100)
    of_records(records).assert_equal(sent.flows, "flushed")
    assert reasons(records) == {FORCED_END}


def test_clear_statistics_keeps_the_invariant(start_meter):
    """Packets in flows that are live when statistics are cleared count as metered."""
    metered = start_meter()
    vpp = metered.vpp
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    sent = many_flows(100)
    generator.replay(vpp, source, sent.frames)
    accounts.accounts(vpp)
    vpp.configure("clear flowmeter statistics")
    accounts.accounts(vpp)
    generator.replay(vpp, source, sent.frames)
    accounts.accounts(vpp)
    records = metered.flushed()
    assert of_records(records).total().packets == 200


@pytest.mark.smoke
def test_an_interface_pattern_applies_to_later_ones(start_meter):
    metered = start_meter()
    vpp = metered.vpp
    early = routing.add_source(vpp)
    vpp.configure("flowmeter interface pg* ip4 rx")
    late = generator.add_interface(vpp, 7, mac=traffic.VPP_MAC)
    vpp.configure(f"set interface ip address {late} 10.1.1.1/24")
    other = add_link(vpp, 1)
    sent = many_flows(50)
    for interface in (early, late):
        generator.replay(vpp, interface, sent.frames)
    records = metered.flushed()
    for interface in (early, late):
        index = vpp.interface_index(interface)
        found = of_records(records, lambda record: record["ingressInterface"] == index)
        found.assert_equal(sent.flows, interface)
    assert len(records) == 100
    assert other.vpp not in vpp.cli("show flowmeter interfaces")
    # Not after the rule was removed.
    vpp.configure("flowmeter interface pg* ip4 rx disable")
    later = generator.add_interface(vpp, 8, mac=traffic.VPP_MAC)
    vpp.configure(f"set interface ip address {later} 10.2.2.1/24")
    for interface in (early, late, later):
        generator.replay(vpp, interface, sent.frames)
    assert accounts.accounts(vpp).observed.packets == 100


@pytest.mark.smoke
@pytest.mark.parametrize("workers", [0, 2])
def test_resizing_loses_nothing(start_meter, workers):
    """The table is replaced under traffic, and the flows of the old one are exported."""
    metered = start_meter(workers=workers)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    sent = many_flows(500)
    stream = generator.Stream(vpp, source, sent.frames, limit=10**9, rate=100_000)
    stream.start()
    for size in (1000, 100_000, 1, 5000):
        observed = accounts.read(vpp).observed.packets
        until(
            "more packets",
            lambda observed=observed: accounts.read(vpp).observed.packets > observed + 1000,
        )
        meter.resize(vpp, size)
    stream.pause()
    records = metered.flushed()
    after = accounts.accounts(vpp)
    assert after.lost.records == 0
    found = of_records(records)
    assert found.keys() == sent.flows.keys()
    assert found.total().packets == after.observed.packets == stream.sent()


def test_timeouts_change_under_traffic(start_meter):
    metered = start_meter()
    vpp = metered.vpp
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    sent = many_flows(100)
    stream = generator.Stream(vpp, source, sent.frames, limit=10**9, rate=20_000)
    stream.start()
    until("flows", lambda: accounts.read(vpp).live_flows == 100)
    vpp.configure("set flowmeter active-timeout 1")
    until(
        "records of continuing flows",
        lambda: accounts.read(vpp).exported["active_timeout"].records >= 200,
    )
    vpp.configure("set flowmeter idle-timeout 1")
    stream.pause()
    until("flows to end", lambda: accounts.read(vpp).live_flows == 0)
    vpp.configure("ipfix flush")
    after = accounts.accounts(vpp)
    records = metered.sink.wait_for_records(after.exported_records)
    assert of_records(records).total().packets == stream.sent()
