# SPDX-License-Identifier: Apache-2.0
"""The binary API with invalid input: VPP's error codes, and nothing changes."""

import re
import resource
import struct
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from support import api_errors as errors
from support import generator, routing
from support.client import Client
from support.link import add_link
from support.raw_client import RawClient
from support.refusal import settings
from support.traffic import many_flows

NOBODY = 0xFFFFFFFF


class Given:
    """A VPP and a client."""

    def __init__(self, vpp):
        self.vpp = vpp
        self.pg = vpp.interface_index(routing.add_source(vpp))
        self.ip4_only = vpp.interface_index(generator.add_interface(vpp, 5, mode="ip4"))
        add_link(vpp, 0)
        vpp.configure("flowmeter interface pg0 ip4 rx")
        self.client = Client(vpp)
        self.raw = RawClient(vpp, self.client.papi)

    def unchanged(self) -> str:
        parameters = self.client.api.flowmeter_get_parameters()
        rules = self.client.api.flowmeter_rule_dump()[1]
        return f"{settings(self.vpp)} {parameters[2:]} {rules}"

    def close(self) -> None:
        self.raw.close()
        self.client.close()


@pytest.fixture
def given(start_vpp):
    opened = Given(start_vpp())
    yield opened
    opened.close()


def exporter(**changes) -> dict:
    usual = {"collector": ip_address("192.0.2.1"), "source": ip_address("192.0.2.2")}
    return {**usual, **changes}


def test_refusals(given):
    """Each message with everything that can be wrong in it."""
    six = ip_address("2001:db8::1")
    wrong_family = {"af": 9, "un": {"ip6": six}}
    cases = [
        ("flowmeter_interface_add_del", {"sw_if_index": 999}, errors.INVALID_SW_IF_INDEX),
        ("flowmeter_interface_add_del", {"sw_if_index": NOBODY}, errors.INVALID_SW_IF_INDEX),
        (
            "flowmeter_interface_add_del",
            {"sw_if_index": 999, "is_add": False},
            errors.INVALID_SW_IF_INDEX,
        ),
        ("flowmeter_interface_add_del", {"sw_if_index": given.pg, "variant": 4}, errors.INVALID_VALUE),
        (
            "flowmeter_interface_add_del",
            {"sw_if_index": given.pg, "variant": 255},
            errors.INVALID_VALUE,
        ),
        (
            "flowmeter_interface_add_del",
            {"sw_if_index": given.pg, "direction": 3},
            errors.INVALID_VALUE,
        ),
        (
            "flowmeter_interface_add_del",
            {"sw_if_index": given.ip4_only, "variant": 3},
            errors.NON_ETHERNET,
        ),
        # It is already metered for IPv4: packets would be counted twice.
        (
            "flowmeter_interface_add_del",
            {"sw_if_index": given.pg, "variant": 3},
            errors.FEATURE_ALREADY_ENABLED,
        ),
        (
            "flowmeter_interface_add_del",
            {"sw_if_index": given.pg, "variant": 2, "is_add": False},
            errors.NO_SUCH_ENTRY,
        ),
        ("flowmeter_interface_dump", {"sw_if_index": 999}, errors.INVALID_SW_IF_INDEX),
        ("flowmeter_rule_add_del", {"pattern": ""}, errors.ILLEGAL_NAME),
        ("flowmeter_rule_add_del", {"pattern": "two words"}, errors.ILLEGAL_NAME),
        ("flowmeter_rule_add_del", {"pattern": "a\nline"}, errors.ILLEGAL_NAME),
        ("flowmeter_rule_add_del", {"pattern": "tap*", "variant": 77}, errors.INVALID_VALUE),
        ("flowmeter_rule_add_del", {"pattern": "tap*", "direction": 77}, errors.INVALID_VALUE),
        # pg5 could be metered, pg0 cannot: nothing changes.
        ("flowmeter_rule_add_del", {"pattern": "*", "variant": 3}, errors.FEATURE_ALREADY_ENABLED),
        ("flowmeter_rule_add_del", {"pattern": "pg*"}, errors.FEATURE_ALREADY_ENABLED),
        ("flowmeter_rule_add_del", {"pattern": "tap*", "is_add": False}, errors.NO_SUCH_ENTRY),
        ("flowmeter_set_parameters", {"active_timeout": 604_801}, errors.INVALID_VALUE),
        ("flowmeter_set_parameters", {"idle_timeout": 604_801}, errors.INVALID_VALUE),
        ("flowmeter_set_parameters", {"flows_per_worker": 100_000_001}, errors.INVALID_VALUE),
        # The first change is valid.
        (
            "flowmeter_set_parameters",
            {"active_timeout": 5, "idle_timeout": 0xFFFFFFFE},
            errors.INVALID_VALUE,
        ),
        ("flowmeter_set_exporter", exporter(source=six), errors.INVALID_ADDRESS_FAMILY),
        ("flowmeter_set_exporter", exporter(collector=wrong_family), errors.INVALID_ADDRESS_FAMILY),
        ("flowmeter_set_exporter", exporter(source=wrong_family), errors.INVALID_ADDRESS_FAMILY),
        (
            "flowmeter_set_exporter",
            exporter(collector=ip_address("0.0.0.0")),
            errors.INVALID_DST_ADDRESS,
        ),
        (
            "flowmeter_set_exporter",
            exporter(collector=ip_address("224.0.0.1")),
            errors.INVALID_DST_ADDRESS,
        ),
        (
            "flowmeter_set_exporter",
            exporter(source=ip_address("0.0.0.0")),
            errors.INVALID_SRC_ADDRESS,
        ),
        ("flowmeter_set_exporter", exporter(path_mtu=255), errors.INVALID_VALUE),
        ("flowmeter_set_exporter", exporter(path_mtu=65_536), errors.INVALID_VALUE),
        ("flowmeter_set_exporter", exporter(template_interval=86_401), errors.INVALID_VALUE),
        ("flowmeter_set_exporter", exporter(table_id=4711), errors.NO_SUCH_FIB),
        ("flowmeter_set_exporter", exporter(table_id=NOBODY), errors.INVALID_VALUE),
        ("flowmeter_set_exporter", {}, errors.INVALID_DST_ADDRESS),
        ("flowmeter_statistics_dump", {"thread_index": 1}, errors.INVALID_WORKER),
        ("flowmeter_statistics_dump", {"thread_index": 0xFFFFFFFE}, errors.INVALID_WORKER),
        ("flowmeter_flow_dump", {"order": 3, "top": 1}, errors.INVALID_VALUE),
        ("flowmeter_flow_dump", {"order": 1, "top": 0}, errors.INVALID_VALUE),
        ("flowmeter_flow_dump", {"order": 2, "top": 10_001}, errors.INVALID_VALUE),
        ("flowmeter_flow_dump", {"order": 0, "top": 1}, errors.INVALID_VALUE),
        ("flowmeter_flow_dump", {"families": 8}, errors.INVALID_VALUE),
        (
            "flowmeter_flow_dump",
            {"is_match": True, "match": wrong_family},
            errors.INVALID_ADDRESS_FAMILY,
        ),
        ("want_flowmeter_events", {"enable": False}, errors.INVALID_REGISTRATION),
    ]
    before = given.unchanged()
    for name, fields, expected in cases:
        retval = given.raw.call(given.raw.message(name, **fields))
        assert retval == expected, f"{name} {fields}"
        assert given.unchanged() == before, f"{name} {fields}"
    # A valid request still works.
    right = given.raw.message("flowmeter_set_exporter", **exporter())
    assert given.raw.call(right) == 0


def test_a_name_without_a_terminating_zero(given):
    before = given.unchanged()
    message = given.raw.message("flowmeter_rule_add_del", pattern="tap*")
    assert given.raw.call(message[:-64] + b"t" * 64) == errors.ILLEGAL_NAME
    assert given.raw.call(message[:-64] + b"\xff\xfe\0" + bytes(61)) == errors.ILLEGAL_NAME
    assert given.unchanged() == before
    # Octets after the terminating zero are ignored.
    assert given.raw.call(message[:-64] + b"tap*\0" + b"\xff" * 59) == 0


def test_tables_that_do_not_fit_memory(given):
    before = given.unchanged()
    call = given.client.api.flowmeter_set_parameters
    with limited_memory(given.vpp.pid, 1 << 30):
        assert given.client.done(call(flows_per_worker=100_000_000)) == errors.TABLE_TOO_BIG
    assert given.unchanged() == before


@contextmanager
def limited_memory(pid: int, octets: int):
    """Limits the memory that a process can map to `octets` more."""
    text = Path(f"/proc/{pid}/status").read_text()
    mapped = int(re.search(r"VmSize:\s+(\d+) kB", text)[1]) * 1024
    before = resource.prlimit(pid, resource.RLIMIT_AS)
    resource.prlimit(pid, resource.RLIMIT_AS, (mapped + octets, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_AS, before)


def test_a_flush_without_an_exporter(given):
    generator.replay(given.vpp, "pg0", many_flows(10).frames)
    assert given.client.done(given.client.api.flowmeter_flush()) == errors.RESPONSE_NOT_READY


def test_too_many_requests_at_once(given):
    """The first one takes longer than its client waits. The others are refused once there are too
    many, and each gets one answer."""
    generator.replay(given.vpp, "pg0", many_flows(10).frames)
    raw = given.raw
    raw.send(raw.message("flowmeter_flush", context=1))
    count = 600
    for context in range(2, count + 2):
        raw.send(raw.message("flowmeter_get_parameters", context=context))
    answers = {}
    for _ in range(count + 1):
        reply = raw.receive()
        _, context, retval = struct.unpack_from("!HIi", reply)
        assert context not in answers
        answers[context] = retval
        if context == 1:
            [operation] = struct.unpack_from("!I", reply, 10)
            assert operation > 0, "it must be in progress"
    assert answers[1] == errors.RESPONSE_NOT_READY
    assert set(answers.values()) == {0, errors.QUEUE_FULL, errors.RESPONSE_NOT_READY}
    assert sum(retval == 0 for retval in answers.values()) >= 256
    assert raw.silent(0.2)
