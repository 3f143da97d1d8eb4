# SPDX-License-Identifier: Apache-2.0
"""What VPP's flowprobe gets wrong in its table, where VPP itself matters: each a test that we pass.

Those of the engine are in `tests/flowprobe/`; numbers are the same.
"""

import pytest

from support import accounts, buffers, generator, meter, routing, system_calls, tables
from support.flows import Flows, of_records
from support.ipfix import ACTIVE_TIMEOUT
from support.link import add_link
from support.traffic import Traffic, many_flows
from support.vpp import FLOWPROBE
from support.waiting import until


def test_defect_11_flows_do_not_collide(start_meter):
    """A collision exported and overwrote a live flow."""
    metered = start_meter(flows=None)
    source = meter.add_metered(metered.vpp, ("ip4",))
    sent = many_flows(50_000, rounds=2)
    generator.replay(metered.vpp, source, sent.frames)
    assert accounts.accounts(metered.vpp).live_flows == 50_000
    records = metered.flushed()
    assert len(records) == 50_000
    of_records(records).assert_equal(sent.flows, "many flows")


@pytest.mark.parametrize("workers", [0, 2])
def test_defect_12_memory_follows_the_number_of_flows(start_meter, workers):
    """It was about 31 MiB for each thread, whatever the load, and before there was any."""
    metered = start_meter(workers=workers, flows=1000)
    vpp = metered.vpp

    def shown() -> list[int]:
        return tables.of_threads(vpp)

    assert shown() == [0] * vpp.threads, "nothing is metered yet"
    meter.add_metered(vpp, ("ip4", "ip6"))
    # For each IPv4 flow a slot of one cache line, for half as many IPv6 flows one of two, control
    # octets and room to spare; little for others; a sixteenth of it on the main thread.
    def are_fair(of_threads: list[int], flows: int) -> bool:
        workers = of_threads[1:] or of_threads
        fair = all(128 * flows < octets < 256 * flows for octets in workers)
        return fair and (workers is of_threads or of_threads[0] < workers[0])

    small = shown()
    assert len(small) == vpp.threads
    before = vpp.resident_octets()
    meter.resize(vpp, 200_000)
    large = shown()
    assert are_fair(large, 200_000), large
    grown = vpp.resident_octets() - before
    # What it says is what Linux counts, but for what aligning to 2 MiB takes: each of the three
    # tables of a thread has two parts, and VPP takes something for itself.
    aligning = vpp.threads * 8 * (2 << 20)
    assert 0.9 * sum(large) < grown < sum(large) + aligning, grown
    meter.resize(vpp, 1000)
    until("memory to be given back", lambda: vpp.resident_octets() - before < aligning)
    assert shown() == small


def test_defect_13_counts_are_never_credited_to_another_flow(start_meter):
    """They were where a flow gave way to another and there was no buffer for its record."""
    metered = start_meter(buffers=4096)
    vpp = metered.vpp
    vpp.configure("set flowmeter flows-per-worker 1")
    source = meter.add_metered(vpp, ("ip4",))
    held = buffers.prepare(vpp)
    count = buffers.free(vpp)
    # No flow counts what another one does.
    sent = Traffic()
    flows, frame = 500, 250
    for number in range(flows):
        sent.add_udp(4, (1000 + number, 53), number)
    early, late = sent.frames[: flows - frame], sent.frames[flows - frame :]
    generator.replay(vpp, source, early)
    vpp.configure("ipfix flush")
    full = accounts.accounts(vpp)
    assert full.lost.records == 0
    assert 0 < full.live_flows < 100
    # All at once: they come in the last buffers that there are.
    buffers.exhaust(vpp, held, leave=frame)
    generator.replay(vpp, source, late)
    lost = accounts.accounts(vpp).lost
    assert lost.records > frame / 2, "flows gave way without a record"
    buffers.release(vpp, count // 2)
    found = of_records(metered.flushed())
    for key, tally in found.items():
        assert tally == sent.flows[key], key
    missing = Flows((key, tally) for key, tally in sent.flows.items() if key not in found)
    total = missing.total()
    assert (len(missing), total.packets, total.octets) == (lost.records, lost.packets, lost.octets)


def test_defect_14_the_active_timeout_needs_no_packet(start_meter):
    """It was looked at only when a packet came."""
    metered = start_meter()
    metered.vpp.configure("set flowmeter active-timeout 1 idle-timeout 1000")
    source = meter.add_metered(metered.vpp, ("ip4",))
    generator.replay(metered.vpp, source, many_flows(10).frames)
    until("records", lambda: len(metered.sink.flow_records) == 10)
    assert {record["flowEndReason"] for record in metered.sink.flow_records} == {ACTIVE_TIMEOUT}
    assert accounts.accounts(metered.vpp).live_flows == 10, "and the flows go on"


def test_defect_15_a_flow_leaves_only_with_its_record(start_meter):
    """Expiry could delete it without one where there was no buffer."""
    metered = start_meter(buffers=4096)
    vpp = metered.vpp
    source = meter.add_metered(metered.vpp, ("ip4",))
    held = buffers.prepare(vpp)
    count = buffers.free(vpp)
    sent = many_flows(1000)
    generator.replay(vpp, source, sent.frames)
    buffers.exhaust(vpp, held)
    vpp.configure(f"flowmeter interface {source} ip4 rx disable")
    vpp.wait_seconds(1.5)
    stuck = accounts.accounts(vpp)
    assert stuck.live_flows > 900
    assert stuck.lost.records == 0
    buffers.release(vpp, count // 2)
    of_records(metered.flushed()).assert_equal(sent.flows, "after all")


def test_defect_16_nothing_wakes_up_for_nothing(start_meter):
    """After the first expiry a timer woke the main thread every 100 µs for good."""
    metered = start_meter()
    vpp = metered.vpp
    metered.vpp.configure("set flowmeter idle-timeout 1")
    source = meter.add_metered(metered.vpp, ("ip4",))
    generator.replay(vpp, source, many_flows(10).frames)
    until("records", lambda: len(metered.sink.flow_records) == 10)

    def calls() -> dict[str, int]:
        found = vpp.node_calls()
        return {node: count for node, count in found.items() if node.startswith("flowmeter")}

    def rates(seconds: float) -> dict[str, float]:
        """Calls in a second of VPP's, over so many at least."""
        before, began = calls(), vpp.seconds()
        vpp.wait_seconds(seconds)
        after, passed = calls(), vpp.seconds() - began
        assert after, "no node of ours"
        return {node: (count - before.get(node, 0)) / passed for node, count in after.items()}

    # While there is something to look after it wakes up each 10 ms.
    assert 10 < sum(rates(2).values()), "it must wake up to see timeouts"
    for node, rate in rates(2).items():
        assert rate < 500, f"{node} is called {rate:.0f} times a second"
    # And then never.
    vpp.configure(f"flowmeter interface {source} ip4 rx disable")
    until("flows to leave", lambda: accounts.read(vpp).live_flows == 0)
    until("nothing to wake up", lambda: not any(rates(1).values()))


def calls_per_frame(vpp, node: str) -> tuple[float, float]:
    """System calls of a worker under load for each call of a node: all, and questions for the
    time."""
    before = vpp.node_calls()[node]
    counts = system_calls.of_thread(vpp, system_calls.worker_thread(vpp, 0), seconds=1)
    frames = vpp.node_calls()[node] - before
    assert frames > 1000, f"{node} had {frames} frames, which says nothing"
    return sum(counts.values()) / frames, counts["clock_gettime"] / frames


def test_defect_17_no_system_call_for_a_frame(start_meter):
    """The time was asked of Linux for each frame."""
    metered = start_meter(workers=1)
    vpp = metered.vpp
    source = meter.add_metered(vpp, ("ip4",))
    stream = generator.Stream(vpp, source, many_flows(1000).frames, limit=10**12)
    stream.start()
    every, time = calls_per_frame(vpp, "flowmeter-input-ip4")
    # VPP itself looks for something else to do each 1024 rounds or so.
    assert every < 0.1, f"{every} system calls a frame"
    assert time < 0.01, f"{time} questions for the time a frame"
    stream.pause()


def test_flowprobe_makes_a_system_call_for_each_frame(start_vpp):
    """What the test before measures can be seen."""
    vpp = start_vpp(plugins=[FLOWPROBE], workers=1)
    link = add_link(vpp, 0)
    source = routing.add_source(vpp)
    vpp.cli(f"set ipfix exporter collector {link.host_address} src {link.vpp_address}")
    vpp.configure("flowprobe params record l3 l4 active 60 passive 120")
    vpp.cli(f"flowprobe feature add-del {source} ip4 rx")
    stream = generator.Stream(vpp, source, many_flows(10).frames, limit=10**12)
    stream.start()
    _, time = calls_per_frame(vpp, "flowprobe-input-ip4")
    # Frames are also counted while strace comes and goes.
    assert time > 0.5, f"{time} questions for the time a frame"
    stream.pause()
