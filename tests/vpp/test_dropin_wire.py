# SPDX-License-Identifier: Apache-2.0
"""flowprobe's messages with invalid octets: VPP continues, and answers valid messages."""

import random

import pytest

from support import accounts, flowprobe, generator, routing
from support.flowprobe import IP4, connected
from support.raw_client import RawClient, scrambled
from support.traffic import mixed

#: All requests except the dump, which is answered only by details.
REQUESTS = (
    "flowprobe_tx_interface_add_del",
    "flowprobe_interface_add_del",
    "flowprobe_params",
    "flowprobe_set_params",
    "flowprobe_get_params",
)
LIST = "flowprobe_interface_dump"

RETVALS = range(-171, 1)


@pytest.fixture
def given(start_vpp, request):
    vpp = start_vpp(copies=["flowprobe"], plugins=(), workers=getattr(request, "param", 0))
    source = routing.add_source(vpp)
    with connected(vpp) as client:
        raw = RawClient(vpp, client)
        yield vpp, client, raw, source
        raw.close()


def needed(name: str) -> dict:
    """The fields of a valid request."""
    if name.endswith("interface_add_del"):
        return {"sw_if_index": 1, "is_add": True, "which": 1}
    return {"record_flags": 7} if name.endswith("params") and "get" not in name else {}


def test_all_requests_are_tested_here():
    requests = {name for name in flowprobe.messages() if not name.endswith(("_reply", "_details"))}
    assert requests == {*REQUESTS, LIST}


def test_truncated_messages(given):
    """A truncated message is dropped; a complete one with extra octets is answered."""
    vpp, client, raw, _ = given
    context = 1000
    for name in (*REQUESTS, LIST):
        whole = raw.message(name, context=1, **needed(name))
        for length in range(2, len(whole)):
            raw.send(whole[:length])
    # Answers keep the order of requests, so none of the truncated messages was answered.
    for name in REQUESTS:
        for behind in (0, 1, 1000, 100_000):
            context += 1
            raw.send(raw.message(name, context=context, **needed(name)) + bytes(behind))
            assert raw.replied(name, context) in RETVALS
    assert raw.silent(0.1)
    assert client.api.flowprobe_get_params().retval == 0
    vpp.check_alive()


@pytest.mark.parametrize("given", [0, 2], indirect=True, ids=["alone", "two workers"])
def test_random_octets(given):
    """Every message gets one reply, also under traffic; dumps are complete, and at the end every
    packet is accounted for."""
    vpp, client, raw, source = given
    index = vpp.interface_index(source)
    sent = mixed()
    streams = [
        generator.Stream(vpp, source, sent.frames, limit=10**9, rate=50_000, worker=worker)
        for worker in range(max(vpp.workers, 1))
    ]
    for stream in streams:
        stream.start()
    seed = 20261125
    rng = random.Random(seed)
    retvals = set()
    for context in range(1, 3001):
        name = rng.choice((*REQUESTS, LIST))
        message = raw.message(name, context=context, **needed(name))
        if rng.random() < 0.8:
            message = scrambled(rng, message)
        raw.send(message)
        if name == LIST:
            name = "flowprobe_get_params"
            raw.send(raw.message(name, context=context))
        retval = raw.replied(name, context)
        assert retval in RETVALS, (seed, name, message.hex())
        retvals.add(retval)
    assert {0, -2, -6, -7, -126} <= retvals, (seed, retvals)
    # Disable all, and enable again: no change was left incomplete.
    for each in client.api.flowprobe_interface_dump():
        reply = client.api.flowprobe_interface_add_del(
            is_add=False, which=each.which, direction=each.direction, sw_if_index=each.sw_if_index
        )
        assert reply.retval == 0
    assert client.api.flowprobe_set_params(record_flags=7, active_timer=5, passive_timer=9).retval == 0
    reply = client.api.flowprobe_interface_add_del(
        is_add=True, which=IP4, direction=0, sw_if_index=index
    )
    assert reply.retval == 0
    for stream in streams:
        stream.pause()
    vpp.check_alive()
    assert accounts.accounts(vpp).observed.packets > 0


def test_a_client_that_reads_nothing(given):
    """It gets a limited number of messages, other clients are served, and it finds complete
    messages when it reads."""
    vpp, client, raw, source = given
    index = vpp.interface_index(source)
    assert client.api.flowprobe_set_params(record_flags=7, active_timer=5, passive_timer=9).retval == 0
    reply = client.api.flowprobe_interface_add_del(
        is_add=True, which=IP4, direction=0, sw_if_index=index
    )
    assert reply.retval == 0
    requests = 20_000
    for context in range(requests):
        raw.send(raw.message(LIST, context=context))
        raw.send(raw.message("flowprobe_get_params", context=context))
    for _ in range(20):
        assert len(client.api.flowprobe_interface_dump()) == 1
    # All replies to the requests are there; dumps may be incomplete.
    kinds = {raw.number("flowprobe_interface_details"): 0, raw.number("flowprobe_get_params_reply"): 0}
    while kinds[raw.number("flowprobe_get_params_reply")] < requests:
        number, _ = raw.receive_start()
        kinds[number] += 1
    assert kinds[raw.number("flowprobe_interface_details")] > 0
    vpp.check_alive()
