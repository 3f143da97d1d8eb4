# SPDX-License-Identifier: Apache-2.0
"""Inspecting accounts and flows under traffic: no worker is stopped, and the output is exact."""

import re
import threading

import pytest

from support import accounts, barriers, generator, routing
from support.client import Client, connected
from support.flows import of_records
from support.raw_client import RawClient
from support.traffic import many_flows, mixed
from support.vpp import Vpp
from support.waiting import until
from test_api import of_details

BY_PACKETS, BY_OCTETS = 1, 2

#: Live flows during inspection; in long stress tests, more than fit the CPU caches.
FLOWS = 200_000
MANY_FLOWS = 3_000_000

LONG_TIMEOUTS = "set flowmeter active-timeout 3600 idle-timeout 3600"


def live_flows_shown(vpp: Vpp, words: str = "") -> int:
    """The number of live flows in `show flowmeter flows`."""
    shown = vpp.cli(f"show flowmeter flows {words}".strip())
    return int(re.match(r"(\d+) live flows", shown)[1])


def of_threads(client: Client) -> dict[str, int]:
    """The sum of all threads' accounts, from the API."""
    reply, threads = client.api.flowmeter_statistics_dump()
    assert reply.retval == 0
    for each in threads:
        assert each.observed.packets == each.metered.packets + sum(
            tally.packets for tally in each.ignored
        )
    return {
        "observed": sum(each.observed.packets for each in threads),
        "octets": sum(each.observed.octets for each in threads),
        "live_flows": sum(each.live_flows for each in threads),
        "records": sum(each.records for each in threads),
    }


@pytest.mark.parametrize("workers", [0, 2])
def test_shown_accounts_and_flows_equal_the_records(start_meter, workers):
    """As soon as traffic has ended, with every command and message."""
    metered = start_meter(workers=workers)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    for family in ("ip4", "ip6"):
        vpp.configure(f"flowmeter interface {source} {family} rx")
    sent = mixed()
    with connected(vpp) as client:
        for turn in range(1, 4):
            # All traffic goes to one worker, and then to the other.
            for worker in range(max(workers, 1)):
                generator.replay(vpp, source, sent.frames, worker=worker)
            now = of_threads(client)
            packets = len(sent.frames) * max(workers, 1)
            octets = sent.flows.total().octets * max(workers, 1)
            assert (now["observed"], now["octets"]) == (turn * packets, turn * octets)
            flows = now["live_flows"]
            assert flows == len(sent.flows) * max(workers, 1)
            assert live_flows_shown(vpp) == flows
            shown = accounts.shown(vpp)
            assert shown["observed"] == accounts.Counts(turn * packets, turn * octets)
            assert shown["in live flows"] == accounts.Counts(packets, octets, flows)
            reply, details = client.api.flowmeter_flow_dump()
            assert (reply.retval, reply.matched, len(details)) == (0, flows, flows)
            found = of_details(details)
            reply, largest = client.api.flowmeter_flow_dump(order=BY_OCTETS, top=flows)
            of_details(largest).assert_equal(found, "the largest flows")
            records = metered.flushed()[(turn - 1) * flows :]
            found.assert_equal(of_records(records), "the shown flows")
            assert live_flows_shown(vpp) == 0
        assert client.api.flowmeter_clear_statistics().retval == 0
        assert set(of_threads(client).values()) == {0}


def inspect_all(vpp: Vpp, client: Client) -> None:
    """Inspects accounts and flows with every command and message."""
    for words in ("", "statistics", "exporter", "memory", "interfaces"):
        assert vpp.cli(f"show flowmeter {words}".strip()).strip()
    live_flows_shown(vpp, "top 100 by packets")
    live_flows_shown(vpp, "ip4 match 192.0.2.77")
    of_threads(client)
    assert client.api.flowmeter_get_exporter().retval == 0
    reply, details = client.api.flowmeter_flow_dump(order=BY_PACKETS, top=1000)
    assert (reply.retval, len(details)) == (0, 1000)
    sizes = [each.packets for each in details]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("workers", [1, 2])
def test_inspection_under_traffic_takes_no_barrier(start_vpp, stress_seconds, workers):
    """No inspection takes the barrier, and no packet is missing in the accounts or counted twice.
    `verify` does take it, which shows that the test can detect it."""
    flows = MANY_FLOWS if stress_seconds > 60 else FLOWS
    vpp = start_vpp(workers=workers, flows=flows * 3 // 2)
    source = routing.add_source(vpp)
    routing.add_way_out(vpp)
    vpp.configure(LONG_TIMEOUTS, f"flowmeter interface {source} ip4 rx")
    stream = generator.FlowStream(vpp, source, flows, rate=500_000)
    stream.start()
    until("all flows", lambda: accounts.read(vpp).live_flows >= flows, timeout=120)
    vpp.cli("clear runtime")
    with connected(vpp) as client:
        assert client.api.want_flowmeter_events(enable=True, pid=1).retval == 0

        def inspect() -> None:
            for _ in range(3):
                inspect_all(vpp, client)
                assert live_flows_shown(vpp) == flows

        before = accounts.read(vpp).observed.packets
        assert barriers.taken(vpp, inspect) == 0
        print(longest_calls(vpp))
        assert accounts.read(vpp).observed.packets > before, "there was no traffic"
        assert barriers.taken(vpp, lambda: vpp.cli("show flowmeter verify")) > 0
        # All flows, each once, under traffic.
        if flows <= FLOWS:
            listed = []
            taken = barriers.taken(
                vpp, lambda: listed.append(client.api.flowmeter_flow_dump())
            )
            [(reply, details)] = listed
            assert (reply.retval, reply.matched, len(details), taken) == (0, flows, flows, 0)
            assert len({each.source for each in details}) == flows
    stream.pause()
    after = accounts.accounts(vpp)
    assert after.live_flows == flows
    assert after.observed == after.metered
    assert after.observed.packets == stream.sent()


def longest_calls(vpp: Vpp) -> str:
    """VPP's figures of the longest call of the sweep's node on each thread."""
    lines = vpp.cli("show runtime max").splitlines()
    return "\n".join(line for line in lines if "flowmeter-expire" in line or "Clocks" in line)


def test_inspecting_recorded_flows_takes_no_barrier(dropin):
    """With flowprobe's commands."""
    vpp, _, source = dropin(workers=1)
    vpp.configure("flowprobe params record l3 l4 active 3600 passive 3600")
    vpp.configure(f"flowprobe feature add-del {source} ip4 rx")
    flows = 2000
    sent = many_flows(flows)
    generator.replay(vpp, source, sent.frames)
    stream = generator.Stream(vpp, source, sent.frames, limit=1 << 40, rate=100_000)
    stream.start()

    def inspect() -> None:
        for _ in range(10):
            lines = vpp.cli("show flowprobe table").strip().splitlines()[1:]
            assert len(set(lines)) == len(lines) == flows
            assert "Pool utilisation thread 1" in vpp.cli("show flowprobe statistics")
            assert vpp.cli("show flowmeter").strip()

    assert barriers.taken(vpp, inspect) == 0
    stream.pause()
    assert accounts.accounts(vpp).live_flows == flows


def test_no_barriers_without_inspection(start_meter):
    """The main thread's periodic work takes no barrier: neither with flows under traffic, nor with
    flows that cannot be exported while nothing is metered."""
    metered = start_meter(workers=1)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    stream = generator.Stream(vpp, source, many_flows(1000).frames, limit=1 << 40, rate=10_000)
    stream.start()
    with connected(vpp) as client:
        assert client.api.want_flowmeter_events(enable=True, pid=1).retval == 0
        assert barriers.taken(vpp, lambda: vpp.wait_seconds(3)) == 0
    stream.pause()
    vpp.configure("set flowmeter exporter disable")
    vpp.configure(f"flowmeter interface {source} ip4 rx disable")
    assert barriers.taken(vpp, lambda: vpp.wait_seconds(3)) == 0
    assert accounts.accounts(vpp).live_flows == 1000


def test_many_clients_at_once(start_vpp):
    """There are more than a thread has slots for requests: each client gets every flow."""
    vpp = start_vpp(workers=2)
    source = routing.add_source(vpp)
    vpp.configure(LONG_TIMEOUTS, f"flowmeter interface {source} ip4 rx")
    flows = 2000
    for worker in (0, 1):
        generator.replay(vpp, source, many_flows(flows).frames, worker=worker)
    failed = []

    def inspect() -> None:
        try:
            for _ in range(3):
                assert live_flows_shown(vpp, "top 5") == 2 * flows
        except AssertionError as why:
            failed.append(why)

    inspectors = [threading.Thread(target=inspect) for _ in range(24)]
    for each in inspectors:
        each.start()
    for each in inspectors:
        each.join()
    assert not failed, failed[0]
    assert accounts.accounts(vpp).live_flows == 2 * flows


def test_clients_that_disconnect_during_a_dump(start_vpp):
    """Their parts of the list are dropped, and other clients get complete lists."""
    vpp = start_vpp(workers=2)
    source = routing.add_source(vpp)
    vpp.configure(LONG_TIMEOUTS, f"flowmeter interface {source} ip4 rx")
    flows = 50_000
    for worker in (0, 1):
        generator.replay(vpp, source, many_flows(flows).frames, worker=worker)
    with connected(vpp) as client:
        for _ in range(40):
            raw = RawClient(vpp, client.papi)
            raw.send(raw.message("flowmeter_flow_dump"))
            # The first details: the dump is in progress.
            raw.receive()
            raw.close()
        assert live_flows_shown(vpp) == 2 * flows
        reply, details = client.api.flowmeter_flow_dump(order=BY_OCTETS, top=10)
        assert (reply.retval, reply.matched, len(details)) == (0, 2 * flows, 10)


@pytest.mark.parametrize("workers", [0, 1])
def test_inspection_by_cli_inband(start_meter, workers):
    """Before v26.06, VPP holds the barrier during `cli_inband`, so nothing can wait. The output is
    exact, too."""
    metered = start_meter(workers=workers)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    flows = 5000
    generator.replay(vpp, source, many_flows(flows).frames)
    shown = ""
    with connected(vpp) as client:
        for words in ("flows top 3", "statistics", "memory", "verify"):
            reply = client.api.cli_inband(cmd=f"show flowmeter {words}")
            assert reply.retval == 0
            shown += reply.reply
    assert f"{flows} live flows" in shown, shown
    # In two tables, each with the lines observed, metered, and in live flows.
    assert len(re.findall(rf" {flows * 32}\b", shown)) == 6, shown
    assert accounts.BALANCED in shown, shown
    assert live_flows_shown(vpp) == flows


def test_clearing_reaches_the_statistics_segment_at_once(start_meter):
    """Also if no sweep publishes it, because nothing is metered and no flow is live."""
    metered = start_meter(workers=1)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    generator.replay(vpp, source, many_flows(100).frames)
    vpp.configure(f"flowmeter interface {source} ip4 rx disable")
    accounts.flush(vpp)

    def is_asleep() -> bool:
        before = vpp.node_calls().get("flowmeter-process")
        vpp.wait_seconds(0.5)
        return vpp.node_calls().get("flowmeter-process") == before

    until("the sweeps to stop", is_asleep)
    assert accounts.read(vpp).exported_records == 100
    vpp.configure("clear flowmeter statistics")
    found = vpp.stats("/flowmeter/")
    assert "/flowmeter/observed" in found
    counters = {name: values for name, values in found.items() if "/thread/" not in name}
    nothing = (0, (0, 0))
    assert {n: v for n, v in counters.items() if any(each not in nothing for each in v)} == {}
