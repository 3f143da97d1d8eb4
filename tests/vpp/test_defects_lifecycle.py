# SPDX-License-Identifier: Apache-2.0
"""Defects of VPP's flowprobe when interfaces and settings change: a test for each.

Defects that need no VPP are in `tests/flowprobe/`, with the same numbers.
"""

from support import accounts, generator, meter, routing
from support.collector import PORT
from support.flows import Flows, of_records
from support.ipfix import FORCED_END
from support.link import add_link
from support.traffic import many_flows, mixed
from support.waiting import until


def test_defect_18_disabling_exports_live_flows(start_meter):
    """Disabling dropped live flows. So did deleting the interface and VPP's exit, which are tested
    in `test_lifecycle.py`."""
    metered = start_meter()
    source = meter.add_metered(metered.vpp, ("ip4",))
    sent = many_flows(5000)
    generator.replay(metered.vpp, source, sent.frames)
    metered.vpp.configure(f"flowmeter interface {source} ip4 rx disable")
    until("flows to be exported", lambda: accounts.read(metered.vpp).live_flows == 0)
    metered.vpp.configure("ipfix flush")
    records = metered.sink.wait_for_records(5000)
    of_records(records).assert_equal(sent.flows, "disabled")
    assert {record["flowEndReason"] for record in records} == {FORCED_END}


def test_defect_19_disabling_does_not_race_with_workers(start_meter):
    """Flushing when an interface was disabled raced with the removal of the template. Repeats it
    under load; the collector can read every message."""
    metered = start_meter(workers=2)
    vpp = metered.vpp
    source = meter.add_metered(metered.vpp, ())
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
    until("flows to be exported", lambda: accounts.read(vpp).live_flows == 0)
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
    source = meter.add_metered(metered.vpp, ())
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
    until("flows to be exported", lambda: accounts.read(vpp).live_flows == 0)
    vpp.configure("ipfix flush")
    records = metered.sink.wait_for_records(accounts.accounts(vpp).exported_records)
    of_records(records).assert_equal(expected, "all rounds")


def test_defect_21_a_new_flow_has_new_timers(start_meter):
    """Timers of ended flows were applied to new ones."""
    metered = start_meter()
    vpp = metered.vpp
    vpp.configure("set flowmeter idle-timeout 1")
    source = meter.add_metered(metered.vpp, ("ip4",))
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
    """The only exporter supported only IPv4."""
    metered = start_meter(6)
    source = meter.add_metered(metered.vpp)
    sent = mixed()
    generator.replay(metered.vpp, source, sent.frames)
    of_records(metered.flushed()).assert_equal(sent.flows, "over IPv6")


def test_defect_23_a_new_collector_gets_templates_at_once(start_vpp):
    """They were not sent again when the exporter's address changed."""
    vpp = start_vpp()
    link = add_link(vpp, 0)
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    sent = many_flows(20)
    for number in range(4):
        sink = meter.add_sink(link, port=PORT + number)
        meter.set_exporter(vpp, link, words=f"port {PORT + number}")
        before = accounts.read(vpp).exported_records
        generator.replay(vpp, source, sent.frames)
        after = accounts.flush(vpp)
        # This reader has no templates that were sent to other collectors.
        records = sink.wait_for_records(after.exported_records - before)
        of_records(records).assert_equal(sent.flows, f"collector {number}")
