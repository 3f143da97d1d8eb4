# SPDX-License-Identifier: Apache-2.0
"""Replacing flowprobe under traffic: no record is sent before its template or to a replaced
collector, and none is lost or sent twice, whatever is changed."""

import pytest

from support import accounts, generator
from support.collector import PORT, UdpSink
from support.traffic import many_flows
from support.waiting import until


def set_exporter(vpp, link, port=PORT) -> None:
    vpp.cli(
        f"set ipfix exporter collector {link.host_address} port {port} src {link.vpp_address} "
        "path-mtu 1400"
    )


def packets(*sinks) -> int:
    return sum(each["packetDeltaCount"] for sink in sinks for each in sink.flow_records)


def streams(vpp, source, frames, rate):
    made = [
        generator.Stream(vpp, source, frames, limit=10**9, rate=rate, worker=worker)
        for worker in range(max(vpp.workers, 1))
    ]
    for stream in made:
        stream.start()
    return made


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("active", [0, 1])
def test_enabled_under_traffic(dropin, workers, active):
    """The strict reader checks that each template comes before records of its layout, though
    workers have packets at once."""
    vpp, link, source = dropin(workers=workers)
    sink = UdpSink(link.namespace, link.host_address, threads=1 + workers)
    set_exporter(vpp, link)
    running = streams(vpp, source, many_flows(50).frames, rate=5_000)
    for round in range(5):
        before = len(sink.flow_records)
        vpp.configure(
            f"flowprobe params record {('l3 l4', 'l2 l3 l4')[round % 2]} active {active} passive 9",
            f"flowprobe feature add-del {source} ip4 rx",
        )
        until("records", lambda before=before: len(sink.flow_records) > before + 100)
        vpp.configure(f"flowprobe feature add-del {source} ip4 disable")
    for stream in running:
        stream.pause()
    after = accounts.flush(vpp)
    until("all packets", lambda: packets(sink) >= after.observed.packets)
    sink.reader.assert_complete()
    assert packets(sink) == after.observed.packets == after.metered.packets
    assert len(sink.flow_records) == after.exported_records
    assert after.lost.records == 0
    if active == 0:
        assert {each["packetDeltaCount"] for each in sink.flow_records} == {1}


@pytest.mark.smoke
@pytest.mark.parametrize("workers", [0, 2])
def test_the_exporter_changes_mid_stream(dropin, workers):
    """Each new collector gets templates before data and sequence numbers from 0; every record is
    sent once."""
    vpp, link, source = dropin(workers=workers)
    sinks = [
        UdpSink(link.namespace, link.host_address, PORT + number, threads=1 + workers)
        for number in range(4)
    ]
    set_exporter(vpp, link)
    vpp.configure(
        "flowprobe params record l2 l3 l4 active 1 passive 2",
        f"flowprobe feature add-del {source} ip4 rx",
    )
    running = streams(vpp, source, many_flows(100).frames, rate=5_000)
    for number, sink in enumerate(sinks):
        set_exporter(vpp, link, PORT + number)
        until("records", lambda sink=sink: len(sink.flow_records) > 300)
    for stream in running:
        stream.pause()
    after = accounts.flush(vpp)
    until("all packets", lambda: packets(*sinks) >= after.metered.packets)
    for sink in sinks:
        sink.reader.assert_complete()
    assert packets(*sinks) == after.metered.packets == sum(stream.sent() for stream in running)
    assert sum(len(sink.flow_records) for sink in sinks) == after.exported_records
    assert after.lost.records == 0


def test_a_new_exporter_is_used_at_once(dropin):
    """Records of all later packets go only to the new exporter, without a delay."""
    vpp, link, source = dropin()
    ports = range(PORT, PORT + 6)
    sinks = [UdpSink(link.namespace, link.host_address, port) for port in ports]
    set_exporter(vpp, link)
    vpp.configure(
        "flowprobe params record l3 l4 active 0 passive 0",
        f"flowprobe feature add-del {source} ip4 rx",
    )
    frames = many_flows(20).frames
    for port in ports:
        set_exporter(vpp, link, port)
        generator.replay(vpp, source, frames)
    vpp.configure("ipfix flush")
    until("all packets", lambda: packets(*sinks) >= 120)
    assert [packets(sink) for sink in sinks] == [20] * 6
    assert accounts.accounts(vpp).exported_records == 120


def test_messages_are_filled(dropin):
    """With active 0, too: a message is not sent with each sweep."""
    vpp, link, source = dropin()
    sink = UdpSink(link.namespace, link.host_address)
    set_exporter(vpp, link)
    vpp.configure(
        "flowprobe params record l3 l4 active 0 passive 0",
        f"flowprobe feature add-del {source} ip4 rx",
    )
    assert "flowprobe's commands" in vpp.cli("show flowmeter interfaces")
    # A packet per millisecond, and a sweep every 10 ms.
    frames = many_flows(10).frames
    generator.replay(vpp, source, frames, limit=2000, rate=1000)
    vpp.configure("ipfix flush")
    sink.wait_for_records(2000)
    holding = [message for message in sink.reader.messages if message.records]
    assert len(sink.flow_records) / len(holding) > 15


def test_flows_are_kept_without_an_exporter(dropin):
    """With active 0, too; all are exported when one is set."""
    vpp, link, source = dropin()
    sink = UdpSink(link.namespace, link.host_address)
    vpp.configure(
        "flowprobe params record l3 l4 active 0 passive 0",
        f"flowprobe feature add-del {source} ip4 rx",
    )
    for _ in range(3):
        generator.replay(vpp, source, many_flows(500).frames)
    waiting = accounts.accounts(vpp)
    assert (waiting.live_flows, waiting.live.packets) == (500, 1500)
    assert waiting.lost.records == 0
    set_exporter(vpp, link)
    sink.wait_for_records(500)
    assert packets(sink) == 1500
    # A sent message is counted at the latest with the next sweep.
    until("counters", lambda: accounts.read(vpp).records == 500)
    after = accounts.accounts(vpp)
    assert after.live_flows == 0
    assert after.exported_records == 500
