# SPDX-License-Identifier: Apache-2.0
"""Collectors that are missing, appear or disappear: flows are kept until a collector is reachable,
and each new collector gets templates and sequence numbers from the start."""

import ipaddress

import pytest

from support import accounts, generator, meter, routing, traffic
from support.collector import PORT, UdpSink
from support.flows import Flows, Key, of_records
from support.link import RawSocket, add_addresses, add_link
from support.traffic import Traffic, many_flows, mixed
from support.waiting import until


@pytest.mark.parametrize("workers", [0, 2])
def test_the_exporter_changes_mid_stream(start_vpp, workers):
    """Under traffic, each new collector gets templates before data, and no record is lost or sent
    twice."""
    vpp = start_vpp(workers=workers)
    link = add_link(vpp, 0)
    first = meter.add_sink(link)
    meter.set_exporter(vpp, link)
    source = routing.add_source(vpp)
    vpp.configure(
        "set flowmeter active-timeout 1 idle-timeout 1",
        f"flowmeter interface {source} ip4 rx",
        f"flowmeter interface {source} ip6 rx",
    )
    sent = mixed(rounds=1)
    stream = generator.Stream(vpp, source, sent.frames, limit=10**9, rate=20_000)
    stream.start()
    until("records at the first collector", lambda: len(first.flow_records) > 300)
    sinks = [first]
    for number, version in enumerate((6, 4, 6), 1):
        sink = meter.add_sink(link, version, port=PORT + number)
        meter.set_exporter(vpp, link, version, f"port {PORT + number}")
        sinks.append(sink)
        until(f"records at collector {number}", lambda sink=sink: len(sink.flow_records) > 300)
    stream.pause()
    after = accounts.flush(vpp)
    until(
        "all records",
        lambda: sum(len(sink.flow_records) for sink in sinks) >= after.exported_records,
    )
    records = [record for sink in sinks for record in sink.flow_records]
    assert len(records) == after.exported_records
    assert after.lost.records == 0
    found = of_records(records)
    assert found.keys() == sent.flows.keys()
    assert found.total().packets == after.observed.packets == stream.sent()


def test_flows_are_kept_without_an_exporter(start_vpp):
    """They are kept beyond their timeouts, and exported once a collector is set."""
    vpp = start_vpp()
    link = add_link(vpp, 0)
    sink = meter.add_sink(link)
    source = routing.add_source(vpp)
    vpp.configure(
        "set flowmeter active-timeout 1 idle-timeout 1", f"flowmeter interface {source} ip4 rx"
    )
    sent = many_flows(500)
    generator.replay(vpp, source, sent.frames)
    # Both timeouts pass, while one other flow continues.
    for _ in range(3):
        late = Traffic()
        late.add_udp(4, (7, 7))
        generator.replay(vpp, source, late.frames)
        vpp.wait_seconds(1)
    now = accounts.accounts(vpp)
    assert (now.live_flows, now.exported_records, now.lost.records) == (501, 0, 0)
    meter.set_exporter(vpp, link)
    until("flows to be exported", lambda: accounts.read(vpp).live_flows == 0)
    after = accounts.accounts(vpp)
    vpp.configure("ipfix flush")
    records = sink.wait_for_records(after.exported_records)
    found = of_records(records)
    assert found.pop(Key(traffic.SOURCE[4], traffic.DESTINATION[4], 17, 7, 7)).packets == 3
    found.assert_equal(sent.flows, "kept flows")
    assert after.exported["lack_of_resources"].records == 0


def test_an_unreachable_collector(start_vpp):
    """Without a route, flows are kept; they are exported once there is one."""
    vpp = start_vpp()
    link = add_link(vpp, 0)
    collector = "192.0.2.200"
    link.namespace.ip("address", "add", f"{collector}/32", "dev", "lo")
    sink = UdpSink(link.namespace, collector)
    vpp.configure(f"set flowmeter exporter collector {collector} src {link.vpp_address}")
    source = routing.add_source(vpp)
    before = vpp.buffers_in_use()
    vpp.configure(
        "set flowmeter active-timeout 1 idle-timeout 1", f"flowmeter interface {source} ip4 rx"
    )
    sent = many_flows(2000)
    for _ in range(3):
        generator.replay(vpp, source, sent.frames)
    vpp.cli("flowmeter flush")
    waiting = accounts.accounts(vpp)
    assert (waiting.live_flows, waiting.exported_records, waiting.lost.records) == (2000, 0, 0)
    assert collector in vpp.cli("show flowmeter exporter")
    vpp.configure(f"ip route add {collector}/32 via {link.host_address} {link.vpp}")
    until("flows to be exported", lambda: accounts.read(vpp).live_flows == 0)
    records = sink.wait_for_records(accounts.flush(vpp).exported_records)
    expected = Flows()
    for _ in range(3):
        expected.add(sent.flows.items())
    of_records(records).assert_equal(expected, "kept flows")
    until("buffers to be released", lambda: vpp.buffers_in_use() <= before)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_collector_whose_neighbour_is_unresolved(start_vpp, workers, version):
    """VPP has to resolve the collector's MAC address: no template and no record is sent before."""
    vpp = start_vpp(workers=workers)
    link = add_link(vpp, 0, addresses=False)
    add_addresses(vpp, link, are_known=False)
    sink = meter.add_sink(link, version)
    collector, _ = meter.addresses(link, version)
    assert collector not in vpp.cli("show ip neighbors")
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    sent = many_flows(2000)
    meter.set_exporter(vpp, link, version)
    generator.replay(vpp, source, sent.frames, worker=max(workers - 1, 0))
    after = accounts.flush(vpp)
    # The reader fails on data without templates, and on sequences that do not start at 0.
    records = sink.wait_for_records(after.exported_records)
    of_records(records).assert_equal(sent.flows, "a resolved neighbour")
    assert after.lost.records == 0
    assert collector in vpp.cli("show ip neighbors")


@pytest.mark.parametrize("version", [4, 6])
def test_a_neighbour_that_does_not_answer(start_vpp, version):
    """Requests back off; those for another collector start at once."""
    vpp = start_vpp()
    link = add_link(vpp, 0)
    wire = RawSocket(link.namespace, link.host)
    silent = {4: ["192.0.2.4", "192.0.2.5"], 6: ["2001:db8:a0::4", "2001:db8:a0::5"]}[version]
    asked: dict[str, int] = dict.fromkeys(silent, 0)

    def requests() -> dict[str, int]:
        for frame in wire.received():
            for address in silent:
                if is_asking(frame, address):
                    asked[address] += 1
        return asked

    _, source = meter.addresses(link, version)
    # The process that checks the route sleeps while nothing is metered.
    meter.add_metered(vpp)
    vpp.configure(f"set flowmeter exporter collector {silent[0]} src {source}")
    until("the first request", lambda: requests()[silent[0]] >= 1)
    vpp.wait_seconds(6)
    # At 0, 0.1, 0.3, 0.7, 1.5, 3.1 and 6.3 s; VPP itself limits their rate, too.
    count = requests()[silent[0]]
    assert 3 <= count <= 8, count
    vpp.wait_seconds(2)
    assert requests()[silent[0]] - count <= 1
    vpp.configure(f"set flowmeter exporter collector {silent[1]} src {source}")
    assert within_a_second(vpp, lambda: requests()[silent[1]] >= 1)
    wire.close()


def within_a_second(vpp, condition) -> bool:
    end = vpp.seconds() + 1
    while not condition():
        if vpp.seconds() > end:
            return False
    return True


def is_asking(frame: bytes, address: str) -> bool:
    """Whether a frame is an ARP request or a neighbour solicitation (RFC 4861 §4.3) for an
    address."""
    octets = ipaddress.ip_address(address).packed
    if len(octets) == 4:
        return frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\1" and frame[38:42] == octets
    return frame[12:14] == b"\x86\xdd" and frame[54:55] == b"\x87" and frame[62:78] == octets
