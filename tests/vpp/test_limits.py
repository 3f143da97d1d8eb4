# SPDX-License-Identifier: Apache-2.0
"""Shortages: of buffers, of slots in the table, of an exporter."""

import itertools

import pytest

from support import accounts, buffers, generator, meter, routing
from support.collector import PORT
from support.flows import Flows, of_records
from support.ipfix import LACK_OF_RESOURCES
from support.link import add_link
from support.traffic import many_flows
from support.waiting import until

FLOWS = 2000


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("version", [4, 6])
def test_a_table_of_one_group(start_meter, workers, version):
    """Flows are evicted all the time, and still every packet is in a record."""
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
    evicted = sum(record["flowEndReason"] == LACK_OF_RESOURCES for record in records)
    after = accounts.accounts(vpp)
    assert evicted == after.exported["lack_of_resources"].records
    # All except the flows that were still live. There are slightly fewer than packets: if all
    # packets come within one millisecond, no flow is idle longest, and some are live in the next
    # round.
    assert evicted == len(records) - before.live_flows
    assert evicted > 0.9 * rounds * FLOWS
    assert after.lost.records == 0


def test_a_full_table_without_an_exporter(start_vpp):
    """Evicted flows that cannot be exported are counted as lost, and their counts are never added
    to other flows."""
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
    """Due flows are kept until there is a buffer for their records."""
    metered = start_meter(buffers=4096)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    held = buffers.prepare(vpp)
    vpp.configure(
        "set flowmeter active-timeout 3600 idle-timeout 3600",
        f"flowmeter interface {source} ip4 rx",
    )
    count = buffers.free(vpp)
    sent = many_flows(FLOWS)
    generator.replay(vpp, source, sent.frames)
    buffers.exhaust(vpp, held)
    # A message under construction is sent after a second and releases its buffer, which would be
    # enough to export all flows, one message at a time.
    vpp.wait_seconds(1.5)
    buffers.exhaust(vpp, held)
    assert accounts.read(vpp).live_flows == FLOWS
    vpp.configure("set flowmeter active-timeout 1 idle-timeout 1")
    vpp.wait_seconds(3)
    stuck = accounts.accounts(vpp)
    assert (stuck.live_flows, stuck.lost.records) == (FLOWS, 0)
    buffers.release(vpp, count // 2)
    until("flows to be exported", lambda: accounts.read(vpp).live_flows == 0)
    records = metered.flushed()
    of_records(records).assert_equal(sent.flows, "with buffers again")
    until("buffers to be released", lambda: buffers.free(vpp) >= count - 1)


def test_one_buffer_is_enough(start_vpp):
    """Templates, options and records are sent one after the other, each once."""
    vpp = start_vpp(buffers=4096)
    link = add_link(vpp, 0)
    source = routing.add_source(vpp)
    held = buffers.prepare(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    count = buffers.free(vpp)
    sent = many_flows(FLOWS)
    # VPP may release another buffer in the meantime. Then there was more than one: try again.
    for attempt in range(10):
        sink = meter.add_sink(link, port=PORT + attempt)
        meter.set_exporter(vpp, link, words=f"port {PORT + attempt}")
        generator.replay(vpp, source, sent.frames)
        exported = accounts.read(vpp).exported_records
        buffers.exhaust(vpp, held, leave=1)
        before = buffers.free(vpp)
        began = vpp.seconds()
        vpp.cli("flowmeter flush")
        until("flows to be exported", lambda: accounts.read(vpp).live_flows == 0)
        passed = vpp.seconds() - began
        vpp.wait_seconds(0.1)
        was_one = before == buffers.free(vpp) == 1
        buffers.release(vpp, count // 2)
        after = accounts.flush(vpp)
        records = sink.wait_for_records(after.exported_records - exported)
        of_records(records).assert_equal(sent.flows, "with one buffer")
        assert after.lost.records == 0
        templates = [message for message in sink.reader.messages if 2 in message.sets]
        # Once at the start, and again at most once per second for changes.
        assert 1 <= len(templates) <= 2 + passed, f"templates {len(templates)} times"
        if was_one:
            return
    raise AssertionError("there was never exactly one buffer")


def test_no_buffers_and_a_full_table(start_meter):
    """Packets take the last buffers: flows are evicted, and no message can be started. Exactly the
    lost flows are counted as lost."""
    metered = start_meter(buffers=4096)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    held = buffers.prepare(vpp)
    vpp.configure("set flowmeter flows-per-worker 1", f"flowmeter interface {source} ip4 rx")
    count = buffers.free(vpp)
    rounds, frame = 5, 250
    sent = many_flows(FLOWS + rounds * frame + FLOWS)
    frames = iter(sent.frames)
    # Every table is full, and every template was sent.
    generator.replay(vpp, source, list(itertools.islice(frames, FLOWS)))
    vpp.configure("ipfix flush")
    full = accounts.accounts(vpp)
    assert full.lost.records == 0
    for _ in range(rounds):
        buffers.exhaust(vpp, held, leave=frame)
        # In one frame: the packets take the last buffers.
        generator.replay(vpp, source, list(itertools.islice(frames, frame)))
    stuck = accounts.accounts(vpp)
    lost = stuck.lost_for["no_buffer"]
    assert lost == stuck.lost
    assert lost.records > rounds * frame / 2, stuck
    buffers.release(vpp, count // 2)
    generator.replay(vpp, source, list(frames))
    records = metered.flushed()
    after = accounts.accounts(vpp)
    assert after.lost == lost, "nothing more was lost"
    assert after.observed.packets == len(sent.frames)
    # Every flow has one packet: it is either in a record or counted as lost.
    found = of_records(records)
    for key, tally in found.items():
        assert tally == sent.flows[key], key
    missing = Flows((key, tally) for key, tally in sent.flows.items() if key not in found)
    total = missing.total()
    assert (len(missing), total.packets, total.octets) == (lost.records, lost.packets, lost.octets)
    until("buffers to be released", lambda: buffers.free(vpp) >= count - 1)


def test_many_flows_that_end_together(start_meter):
    """Messages are paced, and workers continue to forward packets."""
    metered = start_meter(workers=1, buffers=32768, flows=1_000_000)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    count = 100_000
    sent = many_flows(count)
    generator.replay(vpp, source, sent.frames)
    assert accounts.accounts(vpp).live_flows == count
    before = vpp.error_counters()
    records = metered.flushed()
    of_records(records).assert_equal(sent.flows, "many flows")
    new = {key: value for key, value in vpp.error_counters().items() if value != before.get(key)}
    lost = [key for key in new if "buffer" in key[1].lower() or "drop" in key[1].lower()]
    assert not lost, new
