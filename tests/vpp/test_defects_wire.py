# SPDX-License-Identifier: Apache-2.0
"""Defects of VPP's flowprobe in its messages: a test for each.

Defects that need no VPP are in `tests/flowprobe/`, with the same numbers.
"""

import time

import pytest

from support import accounts, generator, meter, routing, traffic
from support.collector import PORT
from support.flows import of_records
from support.ipfix import ACTIVE_TIMEOUT
from support.link import add_link
from support.traffic import Traffic, many_flows, mixed
from support.waiting import until


def test_defect_01_each_workers_sequence_counts_its_records(start_meter):
    """It was one number for all workers, not atomic, and counted messages. The reader checks each
    message."""
    metered = start_meter(workers=2)
    source = meter.add_metered(metered.vpp)
    streams = [
        generator.Stream(metered.vpp, source, mixed(flows=500).frames, worker=worker)
        for worker in (0, 1)
    ]
    for stream in streams:
        stream.start()
    for stream in streams:
        stream.wait()
    metered.flushed()
    reader = metered.sink.poll()
    assert reader.domains == {2, 3}
    for domain in (2, 3):
        messages = [message for message in reader.messages if message.domain == domain]
        assert sum(len(message.records) for message in messages) > 1000
        assert messages[-1].sequence > 500


def test_defect_02_times_are_those_of_the_clock(start_meter):
    """They had units other than those of their elements, and the start did not change after an
    active timeout."""
    metered = start_meter()
    metered.vpp.configure("set flowmeter active-timeout 1 idle-timeout 5")
    source = meter.add_metered(metered.vpp, ("ip4",))
    began = time.time()
    one = many_flows(1)
    stream = generator.Stream(metered.vpp, source, one.frames, limit=10**9, rate=100)
    stream.start()
    until("three records", lambda: len(metered.sink.flow_records) >= 3)
    stream.pause()
    records = metered.flushed()
    ended = time.time()
    assert {record["flowEndReason"] for record in records[:3]} == {ACTIVE_TIMEOUT}
    times = [(record["flowStartMilliseconds"], record["flowEndMilliseconds"]) for record in records]
    # VPP's clock is set at its start and then runs freely.
    slack = 500
    assert began * 1000 - slack <= times[0][0] and times[-1][1] <= ended * 1000 + slack
    for (start, end), (following, _) in zip(times, times[1:]):
        assert start <= end <= following, times
        assert start < following, "the start has not changed"
    assert sum(record["packetDeltaCount"] for record in records) == stream.sent()


@pytest.mark.parametrize("workers", [0, 2])
def test_defect_03_ipv4_and_ipv6_each_have_a_template(start_meter, workers):
    """They shared one, and an interface could not have both."""
    metered = start_meter(workers=workers)
    both = meter.add_metered(metered.vpp)
    other = generator.add_interface(metered.vpp, 1, mac=traffic.VPP_MAC)
    metered.vpp.configure(
        f"set interface ip address {other} 2001:db8:dddd::1/64",
        f"flowmeter interface {other} ip6 rx",
    )
    sent = mixed()
    for interface in (both, other):
        generator.replay(metered.vpp, interface, sent.frames)
    records = metered.flushed()
    index = metered.vpp.interface_index
    for interface, expected in ((both, sent), (other, mixed((6,)))):
        there = [record for record in records if record["ingressInterface"] == index(interface)]
        of_records(there).assert_equal(expected.flows, interface)
    assert {(record["ipVersion"], record.template) for record in records} == {(4, 256), (6, 257)}


def test_defect_04_l2_flows_are_sent_under_their_template(start_meter):
    """They were sent in sets with the id 0."""
    metered = start_meter()
    source = generator.add_interface(metered.vpp, 0)
    metered.vpp.configure(f"flowmeter interface {source} l2 rx")
    sent = Traffic()
    for number in range(100):
        sent.add_l2(0x9000 + number % 3, bytes(60), source=f"02:00:00:01:00:{number:02x}")
    generator.replay(metered.vpp, source, sent.frames)
    records = metered.flushed()
    assert {record.template for record in records} == {258}
    of_records(records).assert_equal(sent.flows, "frames")


@pytest.mark.parametrize("version", [4, 6])
def test_defect_05_no_message_passes_the_path_mtu(start_vpp, version):
    """They could, by about 20 octets."""
    vpp = start_vpp()
    link = add_link(vpp, 0)
    for number, path_mtu in enumerate((600, 607, 1279, 1400, 1499)):
        port = PORT + number
        sink = meter.add_sink(link, version, path_mtu=path_mtu, port=port)
        meter.set_exporter(vpp, link, version, f"port {port} path-mtu {path_mtu}")
        if number == 0:
            source = routing.add_source(vpp)
            vpp.configure(f"flowmeter interface {source} ip{version} rx")
        before = accounts.read(vpp).exported_records
        sent = many_flows(300, version)
        generator.replay(vpp, source, sent.frames)
        after = accounts.flush(vpp)
        records = sink.wait_for_records(after.exported_records - before)
        of_records(records).assert_equal(sent.flows, f"path MTU {path_mtu}")


@pytest.mark.parametrize("workers", [0, 2])
def test_defect_06_options_templates_domains_and_port(
    start_vpp, workers
):
    """There were no options, each template was in a separate message, and domain and port were
    always 1 and 4739."""
    vpp = start_vpp(workers=workers)
    link = add_link(vpp, 0)
    port = PORT + 1
    sink, usual = meter.add_sink(link, port=port), meter.add_sink(link)
    meter.set_exporter(vpp, link, words=f"port {port}")
    source = meter.add_metered(vpp)
    for worker in range(max(workers, 1)):
        generator.replay(vpp, source, mixed().frames, worker=worker)
    sink.wait_for_records(accounts.flush(vpp).exported_records)
    reader = sink.poll()
    domains = {1} if workers == 0 else {2, 3}
    assert reader.domains == domains
    for domain in domains:
        messages = [message for message in reader.messages if message.domain == domain]
        templates = [message for message in messages if {2, 3} & set(message.sets)]
        # All in one message: flow templates in one set, and each options template in a set.
        assert [message.sets for message in templates] == [[2, 3, 3]] * len(templates)
        assert templates[0] is messages[0]
        assert reader.templates(domain).keys() == {256, 257, 258, 512, 513}
        assert {512, 513} <= set(messages[1].sets), "options come before flows"
    assert {record["observationDomainId"] for record in reader.options_records} == domains
    assert not usual.poll().messages
