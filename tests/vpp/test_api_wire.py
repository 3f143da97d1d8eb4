# SPDX-License-Identifier: Apache-2.0
"""The binary API with invalid octets: VPP continues, and answers valid messages."""

import random
import struct

import pytest

from support import generator, routing
from support.client import Client
from support.raw_client import RawClient, scrambled
from support.traffic import mixed

REQUESTS = (
    "flowmeter_interface_add_del",
    "flowmeter_rule_add_del",
    "flowmeter_interface_dump",
    "flowmeter_rule_dump",
    "flowmeter_set_parameters",
    "flowmeter_get_parameters",
    "flowmeter_set_exporter",
    "flowmeter_get_exporter",
    "flowmeter_flush",
    "flowmeter_clear_statistics",
    "flowmeter_statistics_dump",
    "flowmeter_flow_dump",
    "flowmeter_operation_dump",
    "want_flowmeter_events",
)

EVENTS = (
    "flowmeter_table_full_event",
    "flowmeter_exporter_event",
    "flowmeter_operation_event",
)

#: The range of VPP's error codes.
RETVALS = range(-171, 1)


@pytest.fixture
def given(start_vpp):
    vpp = start_vpp()
    client = Client(vpp)
    raw = RawClient(vpp, client.papi)
    yield vpp, client, raw
    raw.close()
    client.close()


def test_all_requests_are_tested_here(given):
    _, client, _ = given
    requests = {
        name
        for name, message in client.papi.messages.items()
        if "flowmeter" in name
        and not name.endswith(("_reply", "_details", "_event"))
    }
    assert requests == set(REQUESTS)


@pytest.mark.parametrize("name", REQUESTS)
def test_truncated_messages(given, name):
    """A truncated message is dropped; a complete one with extra octets is answered."""
    vpp, client, raw = given
    fields = {"sw_if_index": 0} if name == "flowmeter_interface_add_del" else {}
    whole = raw.message(name, context=77, **fields)
    for length in range(2, len(whole)):
        raw.send(whole[:length])
    # Answers keep the order of requests, so none of the truncated messages was answered.
    context = 78
    for behind in (0, 1, 1000, 100_000):
        raw.send(raw.message(name, context=context, **fields) + bytes(behind))
        assert raw.replied(name, context) in RETVALS
        context += 1
    assert raw.silent(0.1)
    assert client.api.flowmeter_get_parameters().retval == 0
    vpp.check_alive()


def test_messages_that_never_end(given):
    """VPP waits for the rest of an incomplete message; other clients are served."""
    vpp, client, raw = given
    message = raw.message("flowmeter_get_parameters", context=5)
    raw.send(message, announced=1 << 30)
    raw.send(message)
    assert client.api.flowmeter_get_parameters().retval == 0
    assert raw.silent(0.2)
    vpp.check_alive()


def test_requests_of_unknown_clients(given):
    """A client that VPP does not know gets no answer, and nothing changes."""
    vpp, client, raw = given
    for index in (0, 1, 0x7FFFFFFF, 0xFFFFFFFF, raw.index + 5):
        message = raw.message("flowmeter_set_parameters", active_timeout=5)
        raw.send(message[:2] + struct.pack("!I", index) + message[6:])
    reply = client.api.flowmeter_get_parameters()
    assert reply.active_timeout == 60
    assert raw.silent(0.2)
    vpp.check_alive()


def test_random_octets(given):
    """Every message gets one reply with a valid retval."""
    vpp, client, raw = given
    source = routing.add_source(vpp)
    generator.replay(vpp, source, mixed().frames)
    seed = 20261124
    rng = random.Random(seed)
    retvals = set()
    # A flush would take a second, since there is no collector.
    names = [name for name in REQUESTS if name != "flowmeter_flush"]
    for context in range(1, 3001):
        name = rng.choice(names)
        message = scrambled(rng, raw.message(name, context=context, **_needed(name)))
        if name == "flowmeter_set_parameters":
            # Not sizes of tables that fit this machine's memory.
            flows = rng.choice((bytes(4), b"\xff\xff\xff\xfe", b"\0\0\x10\0"))
            message = message[:18] + flows + message[22:]
        raw.send(message)
        retval = raw.replied(name, context, EVENTS)
        assert retval in RETVALS, (name, message.hex())
        retvals.add(retval)
    assert {0, -7, -2} <= retvals, (seed, retvals)
    vpp.check_alive()
    assert client.api.flowmeter_get_parameters().retval == 0
    assert "flowmeter" in vpp.cli("show flowmeter")


def _needed(name: str) -> dict:
    return {"sw_if_index": 0} if name == "flowmeter_interface_add_del" else {}
