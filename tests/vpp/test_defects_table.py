# SPDX-License-Identifier: Apache-2.0
"""Defects of VPP's flowprobe in its flow table: a test for each.

Defects that need no VPP are in `tests/flowprobe/`, with the same numbers.
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
    """It was about 31 MiB per thread, independent of the load and even before it."""
    metered = start_meter(workers=workers, flows=1000)
    vpp = metered.vpp

    def shown() -> list[int]:
        return tables.of_threads(vpp)

    assert shown() == [0] * vpp.threads, "nothing is metered yet"
    meter.add_metered(vpp, ("ip4", "ip6"))
    # A slot of one cache line for each IPv4 flow, and of two for half as many IPv6 flows, control
    # octets and spare slots; little for other flows; a sixteenth of that on the main thread.
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
    # It equals Linux's figure, except for alignment to 2 MiB: each of a thread's three tables has
    # two parts, and VPP itself needs some.
    aligning = vpp.threads * 8 * (2 << 20)
    assert 0.9 * sum(large) < grown < sum(large) + aligning, grown
    meter.resize(vpp, 1000)
    until("memory to be freed", lambda: vpp.resident_octets() - before < aligning)
    assert shown() == small


def test_defect_13_counts_are_never_credited_to_another_flow(start_meter):
    """They were, when a flow was evicted and there was no buffer for its record."""
    metered = start_meter(buffers=4096)
    vpp = metered.vpp
    vpp.configure("set flowmeter flows-per-worker 1")
    source = meter.add_metered(vpp, ("ip4",))
    held = buffers.prepare(vpp)
    count = buffers.free(vpp)
    # Each flow has different counts.
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
    # In one frame: the packets take the last buffers.
    buffers.exhaust(vpp, held, leave=frame)
    generator.replay(vpp, source, late)
    lost = accounts.accounts(vpp).lost
    assert lost.records > frame / 2, "flows were evicted without a record"
    buffers.release(vpp, count // 2)
    found = of_records(metered.flushed())
    for key, tally in found.items():
        assert tally == sent.flows[key], key
    missing = Flows((key, tally) for key, tally in sent.flows.items() if key not in found)
    total = missing.total()
    assert (len(missing), total.packets, total.octets) == (lost.records, lost.packets, lost.octets)


def test_defect_14_the_active_timeout_needs_no_packet(start_meter):
    """It was checked only when a packet came."""
    metered = start_meter()
    metered.vpp.configure("set flowmeter active-timeout 1 idle-timeout 1000")
    source = meter.add_metered(metered.vpp, ("ip4",))
    generator.replay(metered.vpp, source, many_flows(10).frames)
    until("records", lambda: len(metered.sink.flow_records) == 10)
    assert {record["flowEndReason"] for record in metered.sink.flow_records} == {ACTIVE_TIMEOUT}
    assert accounts.accounts(metered.vpp).live_flows == 10, "the flows must continue"


def test_defect_15_a_flow_leaves_only_with_its_record(start_meter):
    """Expiry could delete a flow without a record if there was no buffer."""
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
    of_records(metered.flushed()).assert_equal(sent.flows, "with buffers again")


def test_defect_16_no_wakeups_without_work(start_meter):
    """After the first expiry, a timer woke the main thread every 100 µs for ever."""
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
        """Calls per second of VPP's clock, measured over at least `seconds`."""
        before, began = calls(), vpp.seconds()
        vpp.wait_seconds(seconds)
        after, passed = calls(), vpp.seconds() - began
        assert after, "no node of the plugin"
        return {node: (count - before.get(node, 0)) / passed for node, count in after.items()}

    # While there is work, it wakes up every 10 ms.
    assert 10 < sum(rates(2).values()), "it must wake up for timeouts"
    for node, rate in rates(2).items():
        assert rate < 500, f"{node} is called {rate:.0f} times a second"
    # Afterwards never.
    vpp.configure(f"flowmeter interface {source} ip4 rx disable")
    until("flows to be exported", lambda: accounts.read(vpp).live_flows == 0)
    until("the wakeups to end", lambda: not any(rates(1).values()))


def calls_per_frame(vpp, node: str) -> tuple[float, float]:
    """System calls of a worker under load per call of a node: all, and those that read the time."""
    before = vpp.node_calls()[node]
    counts = system_calls.of_thread(vpp, system_calls.worker_thread(vpp, 0), seconds=1)
    frames = vpp.node_calls()[node] - before
    assert frames > 1000, f"{node} had only {frames} frames"
    return sum(counts.values()) / frames, counts["clock_gettime"] / frames


def test_defect_17_no_system_call_per_frame(start_meter):
    """It read the time with a system call for each frame."""
    metered = start_meter(workers=1)
    vpp = metered.vpp
    source = meter.add_metered(vpp, ("ip4",))
    stream = generator.Stream(vpp, source, many_flows(1000).frames, limit=10**12)
    stream.start()
    every, time = calls_per_frame(vpp, "flowmeter-input-ip4")
    # VPP itself makes system calls every 1024 iterations or so.
    assert every < 0.1, f"{every} system calls per frame"
    assert time < 0.01, f"{time} reads of the time per frame"
    stream.pause()


def test_flowprobe_makes_a_system_call_per_frame(start_vpp):
    """Shows that the previous test can detect them."""
    vpp = start_vpp(plugins=[FLOWPROBE], workers=1)
    link = add_link(vpp, 0)
    source = routing.add_source(vpp)
    vpp.cli(f"set ipfix exporter collector {link.host_address} src {link.vpp_address}")
    vpp.configure("flowprobe params record l3 l4 active 60 passive 120")
    vpp.cli(f"flowprobe feature add-del {source} ip4 rx")
    stream = generator.Stream(vpp, source, many_flows(10).frames, limit=10**12)
    stream.start()
    _, time = calls_per_frame(vpp, "flowprobe-input-ip4")
    # Frames are also counted while strace attaches and detaches.
    assert time > 0.5, f"{time} reads of the time per frame"
    stream.pause()
