# SPDX-License-Identifier: Apache-2.0
"""What VPP's flowprobe gets wrong where VPP itself matters, each a test that we pass.

Those of the engine are in `tests/flowprobe/`; numbers are the same.
"""

import time

import pytest

from support import accounts, buffers, frames, generator, meter, routing, traffic
from support.collector import PORT
from support.flows import Flows, of_records
from support.ipfix import ACTIVE_TIMEOUT, FORCED_END
from support.link import add_link
from support.traffic import Traffic, many_flows, mixed
from support.waiting import until


def metering(meter, families=("ip4", "ip6"), direction="rx") -> str:
    """A source of traffic that is metered."""
    source = routing.add_source(meter.vpp)
    for family in families:
        meter.vpp.configure(f"flowmeter interface {source} {family} {direction}")
    return source


def test_defect_01_each_workers_sequence_counts_its_records(start_meter):
    """It was one number for all workers, not atomic, and counted messages. The reader checks
    each message."""
    metered = start_meter(workers=2)
    source = metering(metered)
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
    """They were in units that their elements do not have, and the start stayed where it was
    after an active timeout."""
    metered = start_meter()
    metered.vpp.configure("set flowmeter active-timeout 1 idle-timeout 5")
    source = metering(metered, ("ip4",))
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
    # VPP's clock is set at its start and then counts by itself.
    slack = 500
    assert began * 1000 - slack <= times[0][0] and times[-1][1] <= ended * 1000 + slack
    for (start, end), (following, _) in zip(times, times[1:]):
        assert start <= end <= following, times
        assert end - start <= 2500, times
    assert sum(record["packetDeltaCount"] for record in records) == stream.sent()


@pytest.mark.parametrize("workers", [0, 2])
def test_defect_03_ipv4_and_ipv6_each_have_a_template(start_meter, workers):
    """They shared one, and an interface could not have both."""
    metered = start_meter(workers=workers)
    both = metering(metered)
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
    """They could, by some 20 octets."""
    vpp = start_vpp()
    link = add_link(vpp, 0)
    for number, path_mtu in enumerate((600, 607, 1279, 1400, 1499)):
        port = PORT + number
        sink = meter.add_sink(
            link, version, path_mtu=path_mtu, port=port, from_the_start=number == 0
        )
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


def test_defect_07_ports_are_where_the_header_says(start_meter):
    """They were read right behind a header of the least length, of any fragment."""
    metered = start_meter()
    # IPv4 packets with options come to no feature of VPP's IP.
    source = metering(metered, ("l2",))
    sent = Traffic()
    sent.add_udp(4, (1111, 2222), 40, options=b"\x01" * 40)
    sent.add(4, frames.UDP, frames.udp(1, 2, bytes(64)), (0, 0), fragment=0x2001)
    sent.add_icmp(4, 8)
    sent.add(4, frames.SCTP, frames.sctp(3333, 4444), (3333, 4444))
    # Too short for ports.
    sent.add(4, frames.TCP, b"\x01\x02", (0, 0))
    hop_by_hop = (0, b"\x01" + bytes(14))
    later_fragment = (44, bytes([0, 1, 0x08, 0, 0, 0, 1]))
    sent.add_udp(6, (5555, 6666), 40, extensions=[hop_by_hop])
    sent.add(6, frames.UDP, frames.udp(5, 6, bytes(64)), (0, 0), extensions=[later_fragment])
    sent.add_icmp(6, 128)
    generator.replay(metered.vpp, source, sent.frames)
    of_records(metered.flushed()).assert_equal(sent.flows, "headers")


def test_defect_08_any_tags_are_looked_through_and_told(start_meter):
    """Only one of 0x8100 was, and the VLAN was neither key nor exported."""
    metered = start_meter()
    source = generator.add_interface(metered.vpp, 0)
    metered.vpp.configure(f"flowmeter interface {source} l2 rx")
    sent = Traffic()
    for tags in (
        (),
        ((0x8100, 100),),
        ((0x8100, 101),),
        ((0x88A8, 200),),
        ((0x88A8, 300), (0x8100, 400)),
        ((0x9100, 500), (0x8100, 600)),
        ((0x8100, 700), (0x8100, 800), (0x8100, 900)),
    ):
        tagged = sent.tagged(*tags)
        # The same conversation in each.
        tagged.add_udp(4, (1, 2), 10)
        tagged.add_udp(6, (1, 2), 10)
        tagged.add_l2(frames.ARP, bytes(28))
    generator.replay(metered.vpp, source, sent.frames)
    records = metered.flushed()
    of_records(records).assert_equal(sent.flows, "tags")
    assert {record["vlanId"] for record in records} == {0, 100, 101, 200, 300, 500, 700}


@pytest.mark.parametrize("version", [4, 6])
def test_defect_09_no_ethernet_header_is_taken_for_granted(start_meter, version):
    """On interfaces without one the wrong octets were read, in either direction."""
    metered = start_meter()
    vpp = metered.vpp
    source = generator.add_interface(vpp, 0, mode=f"ip{version}")
    out = generator.add_interface(vpp, 1, mode=f"ip{version}")
    other = {4: ("10.7.7.1/24", "10.7.7.2"), 6: ("2001:db8:7::1/64", "2001:db8:7::2")}[version]
    vpp.configure(
        f"set interface ip address {source} {traffic.GATEWAY[version]}",
        f"set interface ip address {out} {other[0]}",
        f"ip route add {traffic.ROUTE[version]} via {other[1]} {out}",
        f"flowmeter interface {source} ip{version} rx",
        f"flowmeter interface {out} ip{version} tx",
    )
    sent = mixed((version,))
    generator.replay(vpp, source, sent.packets, node=f"ip{version}-input")
    records = metered.flushed()
    for direction in (0, 1):
        found = of_records(records, lambda record: record["flowDirection"] == direction)
        found.assert_equal(sent.flows, f"direction {direction}")


def test_defect_10_egress_is_unknown_on_the_way_in(start_meter):
    """It was an interface that does not exist, 2³² − 1."""
    metered = start_meter()
    source = metering(metered)
    generator.replay(metered.vpp, source, mixed().frames)
    records = metered.flushed()
    assert {record["egressInterface"] for record in records} == {0}
    assert {record["ingressInterface"] for record in records} == {
        metered.vpp.interface_index(source)
    }


def test_defect_11_flows_do_not_collide(start_meter):
    """A collision exported and overwrote a live flow."""
    metered = start_meter(flows=None)
    source = metering(metered, ("ip4",))
    sent = many_flows(50_000, rounds=2)
    generator.replay(metered.vpp, source, sent.frames)
    assert accounts.accounts(metered.vpp).live_flows == 50_000
    records = metered.flushed()
    assert len(records) == 50_000
    of_records(records).assert_equal(sent.flows, "many flows")


def test_defect_14_the_active_timeout_needs_no_packet(start_meter):
    """It was looked at only when a packet came."""
    metered = start_meter()
    metered.vpp.configure("set flowmeter active-timeout 1 idle-timeout 1000")
    source = metering(metered, ("ip4",))
    generator.replay(metered.vpp, source, many_flows(10).frames)
    until("records", lambda: len(metered.sink.flow_records) == 10, patience=5)
    assert {record["flowEndReason"] for record in metered.sink.flow_records} == {ACTIVE_TIMEOUT}
    assert accounts.accounts(metered.vpp).live_flows == 10, "and the flows go on"


def test_defect_15_a_flow_leaves_only_with_its_record(start_meter):
    """Expiry could delete it without one where there was no buffer."""
    metered = start_meter(buffers=4096)
    vpp = metered.vpp
    source = metering(metered, ("ip4",))
    held = buffers.prepare(vpp)
    count = buffers.free(vpp)
    sent = many_flows(1000)
    generator.replay(vpp, source, sent.frames)
    buffers.exhaust(vpp, held)
    vpp.cli("flowmeter flush")
    stuck = accounts.accounts(vpp)
    assert stuck.live_flows > 900
    buffers.release(vpp, count // 2)
    of_records(metered.flushed()).assert_equal(sent.flows, "after all")


def test_defect_16_nothing_wakes_up_for_nothing(start_meter):
    """After the first expiry a timer woke the main thread every 100 µs for good."""
    metered = start_meter()
    vpp = metered.vpp
    metered.vpp.configure("set flowmeter idle-timeout 1")
    source = metering(metered, ("ip4",))
    generator.replay(vpp, source, many_flows(10).frames)
    until("records", lambda: len(metered.sink.flow_records) == 10)

    def calls() -> dict[str, int]:
        shown = vpp.cli("show runtime max").splitlines()
        assert shown, "no nodes"
        found = {}
        for line in vpp.cli("show runtime verbose").splitlines():
            words = line.split()
            if words and words[0].startswith("flowmeter"):
                numbers = [word for word in words if word.isdigit()]
                # Calls, vectors, suspends.
                found[words[0]] = int(numbers[0]) + int(numbers[2])
        return found

    assert calls(), vpp.cli("show runtime verbose")
    before, began = calls(), time.monotonic()
    until("two seconds", lambda: time.monotonic() > began + 2)
    after, passed = calls(), time.monotonic() - began
    for node, count in after.items():
        rate = (count - before.get(node, 0)) / passed
        assert rate < 500, f"{node} is called {rate:.0f} times a second"


def test_defect_18_nothing_that_lives_is_dropped(start_meter):
    """Disabling dropped live flows, and so did deleting the interface and VPP's exit, which
    `test_lifecycle.py` shows."""
    metered = start_meter()
    source = metering(metered, ("ip4",))
    sent = many_flows(5000)
    generator.replay(metered.vpp, source, sent.frames)
    metered.vpp.configure(f"flowmeter interface {source} ip4 rx disable")
    until("flows to leave", lambda: accounts.read(metered.vpp).live_flows == 0)
    metered.vpp.configure("ipfix flush")
    records = metered.sink.wait_for_records(5000)
    of_records(records).assert_equal(sent.flows, "disabled")
    assert {record["flowEndReason"] for record in records} == {FORCED_END}


def test_defect_19_disabling_does_not_race_with_workers(start_meter):
    """Flushing on disable raced the removal of the template. Again and again, under load, and
    the collector can read every message."""
    metered = start_meter(workers=2)
    vpp = metered.vpp
    source = metering(metered, ())
    sent = many_flows(2000)
    streams = [
        generator.Stream(vpp, source, sent.frames, limit=10**9, rate=50_000, worker=worker)
        for worker in (0, 1)
    ]
    for stream in streams:
        stream.start()
    for _ in range(20):
        vpp.configure(f"flowmeter interface {source} ip4 rx")
        observed = accounts.read(vpp).observed.packets
        until(
            "packets",
            lambda observed=observed: accounts.read(vpp).observed.packets > observed + 500,
        )
        vpp.configure(f"flowmeter interface {source} ip4 rx disable")
        metered.sink.poll()
    for stream in streams:
        stream.pause()
    until("flows to leave", lambda: accounts.read(vpp).live_flows == 0)
    vpp.configure("ipfix flush")
    after = accounts.accounts(vpp)
    records = metered.sink.wait_for_records(after.exported_records)
    found = of_records(records)
    assert found.keys() == sent.flows.keys()
    assert found.total().packets == after.observed.packets > 10_000


def test_defect_20_timeouts_change_between_disable_and_enable(start_meter):
    """Enabling again with another active timeout dereferenced NULL."""
    metered = start_meter(workers=1)
    vpp = metered.vpp
    source = metering(metered, ())
    expected = Flows()
    sent = many_flows(100)
    for active, idle in ((1, 1), (60, 15), (3600, 3600), (1, 3600), (60, 1)):
        vpp.configure(
            f"set flowmeter active-timeout {active} idle-timeout {idle}",
            f"flowmeter interface {source} ip4 rx",
        )
        generator.replay(vpp, source, sent.frames)
        expected.add(sent.flows.items())
        vpp.configure(f"flowmeter interface {source} ip4 rx disable")
    until("flows to leave", lambda: accounts.read(vpp).live_flows == 0)
    vpp.configure("ipfix flush")
    records = metered.sink.wait_for_records(accounts.accounts(vpp).exported_records)
    of_records(records).assert_equal(expected, "all rounds")


def test_defect_21_a_flow_that_begins_again_is_timed_anew(start_meter):
    """Timers of flows that had gone were taken for those of new ones."""
    metered = start_meter()
    vpp = metered.vpp
    vpp.configure("set flowmeter idle-timeout 1")
    source = metering(metered, ("ip4",))
    sent = many_flows(200)
    for turn in range(1, 4):
        generator.replay(vpp, source, sent.frames)
        until("flows to end", lambda: accounts.read(vpp).live_flows == 0)
        vpp.configure("ipfix flush")
        records = metered.sink.wait_for_records(200 * turn)[-200:]
        of_records(records).assert_equal(sent.flows, f"round {turn}")
        for record in records:
            assert record["flowEndMilliseconds"] - record["flowStartMilliseconds"] < 1000, record


def test_defect_22_an_ipv6_collector(start_meter):
    """There was one exporter, and it knew IPv4 alone."""
    metered = start_meter(6)
    source = metering(metered)
    sent = mixed()
    generator.replay(metered.vpp, source, sent.frames)
    of_records(metered.flushed()).assert_equal(sent.flows, "over IPv6")


def test_defect_23_a_new_collector_gets_templates_at_once(start_vpp):
    """They were not sent anew where the exporter's address changed."""
    vpp = start_vpp()
    link = add_link(vpp, 0)
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    sent = many_flows(20)
    for number in range(4):
        sink = meter.add_sink(link, port=PORT + number, from_the_start=number == 0)
        meter.set_exporter(vpp, link, words=f"port {PORT + number}")
        before = accounts.read(vpp).exported_records
        generator.replay(vpp, source, sent.frames)
        after = accounts.flush(vpp)
        # The reader knows no template that was sent elsewhere.
        records = sink.wait_for_records(after.exported_records - before)
        of_records(records).assert_equal(sent.flows, f"collector {number}")
