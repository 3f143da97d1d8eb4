# SPDX-License-Identifier: Apache-2.0
"""Several clients of the binary API, large tables, clients that die or do not read, events."""

import json
import subprocess
import threading
import time
from collections import Counter

import pytest

from support import accounts, generator, meter, routing, vat2
from support import api_errors as errors
from support.client import Client, connected
from support.link import add_link
from support.raw_client import RawClient
from support.traffic import many_flows
from support.waiting import until

FLOWS = 100_000


@pytest.fixture
def crowded(start_vpp):
    """A VPP whose worker has 100,000 live flows, and a stream of more packets."""
    vpp = start_vpp(workers=1, flows=200_000, buffers=32768)
    source = routing.add_source(vpp)
    vpp.configure(
        "set flowmeter active-timeout 3600 idle-timeout 3600", f"flowmeter interface {source} ip4"
    )
    frames = many_flows(FLOWS).frames
    generator.replay(vpp, source, frames)
    assert accounts.accounts(vpp).live_flows == FLOWS
    stream = generator.Stream(vpp, source, frames, limit=1 << 40, rate=200_000)
    stream.start()
    return vpp, stream


def test_dump_of_many_flows_under_traffic(crowded):
    """It has each flow once, the accounts have all packets, and other clients are served."""
    vpp, stream = crowded
    waits = []
    with connected(vpp) as client, connected(vpp, "other") as other:
        dumped = threading.Event()

        def ask() -> None:
            while not dumped.is_set():
                start = time.monotonic()
                assert other.api.flowmeter_get_parameters().retval == 0
                waits.append(time.monotonic() - start)
                time.sleep(0.01)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            reply, details = client.api.flowmeter_flow_dump()
        finally:
            dumped.set()
            asking.join()
    assert (reply.retval, reply.matched) == (0, FLOWS)
    ports = Counter((each.source_port, each.destination_port) for each in details)
    assert len(details) == len(ports) == FLOWS
    assert all(each.packets >= 1 for each in details)
    # The largest flows, under traffic.
    with connected(vpp) as client:
        reply, details = client.api.flowmeter_flow_dump(order=1, top=1000)
    assert (reply.retval, reply.matched, len(details)) == (0, FLOWS, 1000)
    sizes = [each.packets for each in details]
    assert sizes == sorted(sizes, reverse=True)
    assert len(waits) > 10 and max(waits) < 2, f"others waited {max(waits):.1f} s"
    stream.pause()
    now = accounts.accounts(vpp)
    assert now.live_flows == FLOWS
    assert now.metered.packets == now.observed.packets > 2 * FLOWS


def test_a_client_that_does_not_read(crowded):
    """It takes little memory, and other clients are served."""
    vpp, _ = crowded
    with connected(vpp) as client:
        raw = RawClient(vpp, client.papi)
        raw.send(raw.message("flowmeter_flow_dump", context=9))
        start = time.monotonic()
        for _ in range(50):
            assert client.api.flowmeter_get_parameters().retval == 0
        reply, details = client.api.flowmeter_flow_dump(order=2, top=10)
        assert (reply.retval, len(details)) == (0, 10)
        assert time.monotonic() - start < 10
        waiting = vpp.resident_octets()
        assert accounts.read(vpp).live_flows == FLOWS
        # Now it reads the whole list.
        seen = Counter()
        while True:
            number, context = raw.receive_start()
            assert context == 9
            seen[number] += 1
            if number == raw.number("flowmeter_flow_dump_reply"):
                break
        assert seen[raw.number("flowmeter_flow_details")] == FLOWS
        assert vpp.resident_octets() < waiting + (64 << 20)
        raw.close()


def test_many_clients_that_do_not_read(crowded):
    """There are more than can be served at once; quick requests of others are answered."""
    vpp, _ = crowded
    with connected(vpp) as client:
        stuck = [RawClient(vpp, client.papi, f"stuck{number}") for number in range(6)]
        for raw in stuck:
            for context in range(3):
                raw.send(raw.message("flowmeter_flow_dump", context=context))
                raw.send(raw.message("flowmeter_get_parameters", context=context))
        time.sleep(1)
        for _ in range(20):
            start = time.monotonic()
            assert client.api.flowmeter_get_parameters().retval == 0
            assert client.api.flowmeter_interface_dump()[0].retval == 0
            assert client.api.flowmeter_statistics_dump()[0].retval == 0
            assert time.monotonic() - start < 2
        for raw in stuck:
            raw.close()
        # Now long requests can be served again.
        reply, details = client.api.flowmeter_flow_dump(order=1, top=5)
        assert (reply.retval, len(details)) == (0, 5)


def test_clients_that_die_during_a_dump(crowded):
    """VPP continues, and new clients do not get their answers."""
    vpp, _ = crowded
    with connected(vpp) as client:
        for turn in range(10):
            raw = RawClient(vpp, client.papi)
            for context in range(3):
                raw.send(raw.message("flowmeter_flow_dump", context=1000 + context))
            for _ in range(100 * turn):
                assert raw.receive_start()[1] == 1000
            raw.close()
            successor = RawClient(vpp, client.papi)
            number = successor.message("flowmeter_get_parameters", context=2000 + turn)
            successor.send(number)
            assert successor.receive_start()[1] == 2000 + turn
            assert successor.silent(0.1)
            successor.close()
        assert client.api.flowmeter_get_parameters().retval == 0
        reply, details = client.api.flowmeter_flow_dump(order=1, top=5)
        assert (reply.retval, len(details)) == (0, 5)
    vpp.check_alive()


def test_a_shared_memory_client_that_frees_nothing(crowded):
    """vat2 never frees received messages in shared memory, and VPP aborts when that is exhausted:
    enough is left for other clients, even after several of them, some of which were killed."""
    vpp, _ = crowded
    query = {"order": "FLOWMETER_API_ORDER_NONE", "top": 0, "families": [], "is_match": False}
    words = vat2.command(vpp, "flowmeter_flow_dump", **query, match="0.0.0.0")
    with connected(vpp) as client:
        for turn in range(4):
            output = vpp.folder / f"vat2-{turn}"
            with output.open("w") as file:
                asking = subprocess.Popen(words, stdout=file, stderr=subprocess.DEVNULL)
            if turn < 2:
                time.sleep(0.2)
                asking.kill()
            asking.wait(60)
            reply, details = client.api.flowmeter_flow_dump(order=1, top=5)
            assert (reply.retval, len(details)) == (0, 5)
        *_, end = json.loads(output.read_text())
        assert end["retval"] == errors.LIMIT_EXCEEDED
        # VPP's own lists still work.
        assert len(client.api.sw_interface_dump()) > 1
    vpp.check_alive()


def test_two_clients_at_once(start_vpp):
    """Both change the same settings: each gets its answers, and the result is that of one
    client."""
    vpp = start_vpp(workers=1)
    source = routing.add_source(vpp)
    index = vpp.interface_index(source)
    failures: list[str] = []

    def work(number: int) -> None:
        client = Client(vpp, f"client{number}")
        api = client.api
        for turn in range(60):
            timeout = 100 * number + turn + 1
            retvals = [
                client.done(
                    api.flowmeter_set_parameters(active_timeout=timeout, idle_timeout=timeout)
                ),
                client.done(api.flowmeter_interface_add_del(sw_if_index=index, variant=number)),
                api.flowmeter_interface_dump()[0].retval,
                api.flowmeter_statistics_dump()[0].retval,
            ]
            if any(retvals):
                failures.append(f"{number}: {retvals}")
            now = api.flowmeter_get_parameters()
            if now.active_timeout != now.idle_timeout:
                failures.append(f"{number}: mixed settings: {now}")
            client.done(
                api.flowmeter_interface_add_del(is_add=False, sw_if_index=index, variant=number)
            )
        client.close()

    # One meters IPv4, the other IPv6.
    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:5]
    with connected(vpp) as client:
        assert client.api.flowmeter_interface_dump()[1] == []
        timeouts = client.api.flowmeter_get_parameters()
        assert timeouts.active_timeout in (160, 260)


def test_other_clients_are_served_while_tables_are_resized(start_vpp):
    """Creating tables takes long, but delays no other client."""
    vpp = start_vpp(flows=1000)
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source}")
    with connected(vpp) as client, connected(vpp, "other") as other:
        done = threading.Event()
        retvals = []

        def resize() -> None:
            reply = client.api.flowmeter_set_parameters(flows_per_worker=2_000_000)
            retvals.append(client.done(reply))
            done.set()

        resizing = threading.Thread(target=resize)
        resizing.start()
        answers = 0
        while not done.is_set():
            assert other.api.flowmeter_get_exporter().retval == 0
            answers += 1
        resizing.join()
        assert retvals == [0]
        assert answers > 10
        assert other.api.flowmeter_get_parameters().flows_per_worker == 2_000_000


def test_long_requests_are_operations(start_vpp):
    """They are answered within a second, and an event and a dump have the result. Other requests of
    the client are answered in the meantime, and its next operation follows."""
    vpp = start_vpp(flows=1000)
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4")
    generator.replay(vpp, source, many_flows(10).frames)
    name = "flowmeter_operation_event"
    with connected(vpp) as client, connected(vpp, "other") as other:
        assert client.api.want_flowmeter_events(pid=11).retval == 0
        # Without an exporter it fails after a second.
        seconds, flush = timed(client.api.flowmeter_flush)
        assert 0.5 < seconds < 1
        assert flush.retval == errors.RESPONSE_NOT_READY and flush.operation > 0
        going_on = operations(client)[flush.operation]
        assert going_on == (True, 0, "flowmeter_flush")
        assert operations(other) == operations(client)
        # It runs after the flush, and is answered before.
        seconds, change = timed(client.api.flowmeter_set_parameters, active_timeout=7)
        assert seconds < 1
        assert client.done(flush) == errors.RESPONSE_NOT_READY
        assert client.done(change) == 0
        assert client.api.flowmeter_get_parameters().active_timeout == 7
        found = until("the event", lambda: events(client, name))
        assert (found[0].operation, found[0].pid) == (flush.operation, 11)
        assert found[0].retval == errors.RESPONSE_NOT_READY
        assert not events(other, name), "it has not subscribed"
        in_progress, retval, _ = operations(client)[flush.operation]
        assert (in_progress, retval) == (False, errors.RESPONSE_NOT_READY)
        reply, details = client.api.flowmeter_operation_dump(operation=4711)
        assert (reply.retval, details) == (errors.NO_SUCH_ENTRY, [])


def test_operations_of_many_clients(start_vpp):
    """There are more than can run at a time: each is answered within a second, all end, and the
    last ones are listed."""
    vpp = start_vpp(flows=1000)
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4")
    generator.replay(vpp, source, many_flows(10).frames)
    clients = [Client(vpp, f"client{number}") for number in range(8)]
    replies, failures = [], []

    def ask(client: Client) -> None:
        for _ in range(10):
            seconds, reply = timed(client.api.flowmeter_flush)
            if seconds >= 1:
                failures.append(seconds)
            replies.append(reply)

    threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert all(reply.retval == errors.RESPONSE_NOT_READY for reply in replies)
    numbers = [reply.operation for reply in replies if reply.operation]
    assert len(numbers) == len(set(numbers)) > 20
    # The operations of disconnected clients run, too.
    for client in clients[1:]:
        client.close()
    until(
        "all to end",
        lambda: not any(going_on for going_on, _, _ in operations(clients[0]).values()),
        timeout=90,
    )
    kept = operations(clients[0])
    assert len(kept) == min(64, len(numbers)) and set(kept) <= set(numbers)
    clients[0].close()


def operations(client: Client) -> dict[int, tuple[bool, int, str]]:
    reply, details = client.api.flowmeter_operation_dump()
    assert reply.retval == 0
    return {each.operation: (each.in_progress, each.retval, each.request) for each in details}


def timed(call, **fields) -> tuple[float, object]:
    """The duration of a call in seconds, and its reply."""
    start = time.monotonic()
    reply = call(**fields)
    return time.monotonic() - start, reply


def events(client: Client, name: str) -> list:
    """Takes the events with this name that have been received so far."""
    found, others = [], []
    while not client.events.empty():
        event = client.events.get()
        (found if event[0] == name else others).append(event)
    for event in others:
        client.events.put(event)
    return [event for _, event in found]


def test_table_full_events(start_meter):
    metered = start_meter(workers=1, flows=256)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    # More flows than there is room for, before a client subscribes.
    frames = many_flows(5000).frames
    generator.replay(vpp, source, frames)
    name = "flowmeter_table_full_event"
    with connected(vpp) as client, connected(vpp, "other") as other:
        assert client.api.want_flowmeter_events(enable=True, pid=4711).retval == 0
        # A second subscription changes nothing.
        assert client.api.want_flowmeter_events(enable=True, pid=4711).retval == 0
        time.sleep(1.5)
        assert events(client, name) == [], "no flow was evicted since"
        before = accounts.accounts(vpp).exported["lack_of_resources"].records
        start = time.monotonic()
        stream = generator.Stream(vpp, source, frames, limit=40_000, rate=10_000)
        stream.run()
        stream.delete()
        given_way = accounts.accounts(vpp).exported["lack_of_resources"].records - before
        seen: list = []
        until(
            "events for all evicted flows",
            lambda: seen.extend(events(client, name))
            or sum(each.exported for each in seen) == given_way,
        )
        seconds = time.monotonic() - start
        assert 2 <= len(seen) <= seconds + 1, f"{len(seen)} events in {seconds:.1f} s"
        assert {each.pid for each in seen} == {4711}
        assert all(each.lost == 0 and each.live_flows > 0 for each in seen)
        # All flows came within the idle timeout.
        assert all(4000 < each.enough < 6500 for each in seen), [each.enough for each in seen]
        assert events(other, name) == [], "it has not subscribed"
        assert client.api.want_flowmeter_events(enable=False).retval == 0
        generator.replay(vpp, source, frames)
        time.sleep(1.5)
        assert events(client, name) == []


def test_lost_flows_cause_events(start_vpp):
    vpp = start_vpp(flows=256)
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    with connected(vpp) as client:
        assert client.api.want_flowmeter_events().retval == 0
        generator.replay(vpp, source, many_flows(5000).frames)
        name = "flowmeter_table_full_event"
        event = until("an event", lambda: events(client, name))[0]
        assert event.exported == 0 and event.lost > 0


def test_exporter_events(start_vpp):
    vpp = start_vpp()
    link = add_link(vpp, 0)
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    name = "flowmeter_exporter_event"
    with connected(vpp) as client:
        dying = Client(vpp, "dying")
        assert client.api.want_flowmeter_events(pid=1).retval == 0
        assert dying.api.want_flowmeter_events(pid=2).retval == 0
        meter.set_exporter(vpp, link)
        [event] = until("the collector to be reachable", lambda: events(client, name))
        assert event.reachable and str(event.collector) == link.host_address
        assert (event.collector_port, event.pid) == (4739, 1)
        vpp.configure(f"set interface ip address del {link.vpp} {link.vpp_address}/29")
        [event] = until("the collector to be unreachable", lambda: events(client, name))
        assert not event.reachable
        # A disconnected client gets no event.
        dying.close()
        vpp.configure(f"set interface ip address {link.vpp} {link.vpp_address}/29")
        [event] = until("the collector to be reachable again", lambda: events(client, name))
        assert event.reachable
    vpp.check_alive()
