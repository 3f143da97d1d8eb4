# SPDX-License-Identifier: Apache-2.0
"""Where there is not enough of something: buffers, room in the table, an exporter."""

import time

import pytest

from support import accounts, buffers, generator, meter, routing
from support.flows import Flows, of_records
from support.ipfix import LACK_OF_RESOURCES
from support.link import add_link
from support.traffic import many_flows
from support.waiting import until

FLOWS = 2000


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("version", [4, 6])
def test_a_table_of_one_group(start_meter, workers, version):
    """Flows give way to others all the time: each packet stands in a record all the same."""
    metered = start_meter(workers=workers)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    vpp.configure(
        "set flowmeter flows-per-worker 1", f"flowmeter interface {source} ip{version} rx"
    )
    sent = many_flows(FLOWS, version)
    rounds = 3
    for turn in range(rounds):
        generator.replay(vpp, source, sent.frames, worker=turn % max(workers, 1))
    before = accounts.accounts(vpp)
    assert 0 < before.live_flows < 100 * max(workers, 1), "that is what one group holds"
    records = metered.flushed()
    expected = Flows()
    for _ in range(rounds):
        expected.add(sent.flows.items())
    of_records(records).assert_equal(expected, "one group")
    given_way = sum(record["flowEndReason"] == LACK_OF_RESOURCES for record in records)
    after = accounts.accounts(vpp)
    assert given_way == after.exported["lack_of_resources"].records
    assert given_way == rounds * FLOWS - before.live_flows
    assert after.lost.records == 0


def test_a_full_table_without_an_exporter(start_vpp):
    """What must give way and can't be exported is lost, counted, and never credited to the
    flow that takes its place."""
    vpp = start_vpp()
    source = routing.add_source(vpp)
    vpp.configure("set flowmeter flows-per-worker 1", f"flowmeter interface {source} ip4 rx")
    sent = many_flows(FLOWS)
    generator.replay(vpp, source, sent.frames)
    full = accounts.accounts(vpp)
    assert full.exported_records == 0
    assert full.lost.records == FLOWS - full.live_flows > 0
    assert full.lost.packets == FLOWS - full.live_flows
    link = add_link(vpp, 0)
    sink = meter.add_sink(link)
    meter.set_exporter(vpp, link)
    after = accounts.flush(vpp)
    records = sink.wait_for_records(after.exported_records)
    assert len(records) == full.live_flows
    for key, tally in of_records(records).items():
        assert tally == sent.flows[key], key


def test_no_buffers(start_meter):
    """Flows whose time has come stay until there is a buffer for their records."""
    metered = start_meter(buffers=4096)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    held = buffers.prepare(vpp)
    vpp.configure(
        "set flowmeter active-timeout 5 idle-timeout 5", f"flowmeter interface {source} ip4 rx"
    )
    count = buffers.free(vpp)
    sent = many_flows(FLOWS)
    generator.replay(vpp, source, sent.frames)
    began = time.monotonic()
    buffers.exhaust(vpp, held)
    # A message that was under construction, if any, goes after a second, and its buffer with
    # it: one is enough for all flows, one message at a time.
    until("a message to go", lambda: time.monotonic() > began + 1.5)
    buffers.exhaust(vpp, held)
    assert accounts.read(vpp).live_flows == FLOWS, "this machine is too slow for this test"
    until("timeouts to pass", lambda: time.monotonic() > began + 7)
    stuck = accounts.accounts(vpp)
    assert (stuck.live_flows, stuck.lost.records) == (FLOWS, 0)
    buffers.release(vpp, count // 2)
    until("flows to leave", lambda: accounts.read(vpp).live_flows == 0)
    records = metered.flushed()
    of_records(records).assert_equal(sent.flows, "after all")
    until("buffers to come back", lambda: buffers.free(vpp) >= count - 1)


def test_no_buffers_and_a_full_table(start_meter):
    """Packets go on to come, in buffers that are given back at once; the table is full, and
    no message can be begun."""
    metered = start_meter(buffers=4096)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    held = buffers.prepare(vpp)
    vpp.configure("set flowmeter flows-per-worker 1", f"flowmeter interface {source} ip4 rx")
    count = buffers.free(vpp)
    sent = many_flows(FLOWS)
    # It has its buffers before they are taken, a frame's worth at most each time.
    stream = generator.Stream(vpp, source, sent.frames, rate=1000)
    stream.start()
    until("packets", lambda: stream.sent() > 0)
    stream.pause()
    buffers.exhaust(vpp, held)
    buffers.release(vpp, 1)
    stream.start()
    stream.wait()
    stream.delete()
    records = metered.flushed()
    after = accounts.accounts(vpp)
    found = of_records(records)
    assert found.total().packets + after.lost.packets == after.observed.packets
    until("buffers to come back", lambda: buffers.free(vpp) >= count - 1)


def test_many_flows_that_end_together(start_meter):
    """Many flows that end together: messages are paced, and workers go on forwarding."""
    metered = start_meter(workers=1, buffers=32768, flows=1_000_000)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    count = 200_000
    sent = many_flows(count)
    generator.replay(vpp, source, sent.frames)
    assert accounts.accounts(vpp).live_flows == count
    before = vpp.error_counters()
    records = metered.flushed()
    of_records(records).assert_equal(sent.flows, "many flows")
    new = {key: value for key, value in vpp.error_counters().items() if value != before.get(key)}
    lost = [key for key in new if "buffer" in key[1].lower() or "drop" in key[1].lower()]
    assert not lost, new
