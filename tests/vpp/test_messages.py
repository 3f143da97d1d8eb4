# SPDX-License-Identifier: Apache-2.0
"""When messages are sent, and which templates and options they have."""

import pytest

from support import accounts, frames, generator, meter, routing
from support.flows import of_records
from support.ipfix import FORCED_END, IDLE_TIMEOUT
from support.link import add_link
from support.traffic import many_flows, mixed
from support.waiting import until, within

#: How long a message waits for more records, in seconds.
LINGER = 1


@pytest.mark.smoke
def test_templates_and_options_are_announced(start_meter):
    """All templates before data, and options with the names of interfaces and the sampling."""
    metered = start_meter(workers=1)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    vpp.configure(
        f"flowmeter interface {source} ip4 rx",
        f"set interface tag {source} uplink",
    )
    generator.replay(vpp, source, mixed((4,)).frames)
    metered.flushed()
    reader = metered.sink.poll()
    assert reader.domains == {2}, "the domain of worker 0"
    assert reader.templates(2).keys() >= {256, 257, 512, 513}
    interfaces = [record for record in reader.options_records if record.template == 512]
    names = {record["ingressInterface"]: record["interfaceName"] for record in interfaces}
    assert names[vpp.interface_index(source)] == source
    assert {record["observationDomainId"] for record in reader.options_records} == {2}
    (sampling, *_) = [record for record in reader.options_records if record.template == 513]
    assert sampling["samplingInterval"] == 1
    for message in reader.messages:
        # One options record per set, and at most one options template per set.
        assert message.sets.count(512) <= 20


def test_templates_are_repeated(start_vpp):
    vpp = start_vpp()
    link = add_link(vpp, 0)
    sink = meter.add_sink(link)
    meter.set_exporter(vpp, link, words="template-interval 1")
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    generator.replay(vpp, source, many_flows(1).frames)
    vpp.cli("flowmeter flush")

    def announcements() -> list[int]:
        return [message.export_time for message in sink.poll().messages if 2 in message.sets]

    until("templates four times", lambda: len(announcements()) >= 4)
    times = announcements()
    pauses = [later - earlier for earlier, later in zip(times, times[1:])]
    # Export times are whole seconds. A busy machine may delay some messages, but not all.
    assert min(pauses) >= 1, pauses
    assert min(pauses) <= 2, pauses


def test_ipfix_flush_sends_at_once(start_meter):
    """VPP's command sends a message that waits for more records."""
    metered = start_meter()
    vpp, sink = metered.vpp, metered.sink
    source = routing.add_source(vpp)
    vpp.configure("set flowmeter idle-timeout 1", f"flowmeter interface {source} ip4 rx")
    sent = many_flows(1)

    def wait_in_a_message() -> int:
        """Waits until a record is in a message, and returns the number of earlier records."""
        before = len(sink.flow_records)
        exported = accounts.read(vpp).exported_records
        generator.replay(vpp, source, sent.frames)
        until(
            "a record in a message",
            lambda: accounts.read(vpp).exported_records == exported + 1,
        )
        return before

    def receive(before: int) -> None:
        until("the record", lambda: len(sink.flow_records) >= before + 1)

    def flushed(before: int) -> None:
        vpp.configure("ipfix flush")
        receive(before)

    # Without the command it takes most of a second, with it hardly any time. The message may
    # already have waited for a while before the test has noticed it.
    half = LINGER / 2
    assert within(half, flushed, prepare=wait_in_a_message), "the command must send the message"
    assert not all(within(half, receive, prepare=wait_in_a_message, attempts=1) for _ in range(5)), (
        "messages are sent early without the command, so the test shows nothing"
    )


def test_a_message_waits_a_second_at_most(start_meter):
    metered = start_meter()
    vpp, sink = metered.vpp, metered.sink
    source = routing.add_source(vpp)
    vpp.configure("set flowmeter idle-timeout 1", f"flowmeter interface {source} ip4 rx")
    sent = many_flows(3)

    def receive(before: int) -> None:
        generator.replay(vpp, source, sent.frames)
        until("the records", lambda: len(sink.flow_records) >= before + 3)

    # The idle timeout, the time that messages wait, and a second to notice both.
    assert within(1 + LINGER + 1, receive, prepare=lambda: len(sink.flow_records))
    assert {record["flowEndReason"] for record in sink.flow_records} == {IDLE_TIMEOUT}


def test_flush_ends_flows_with_reason_4(start_meter):
    metered = start_meter(workers=2)
    source = routing.add_source(metered.vpp)
    metered.vpp.configure(f"flowmeter interface {source} ip4 rx")
    sent = many_flows(20_000)
    generator.replay(metered.vpp, source, sent.frames, worker=1)
    records = metered.flushed()
    of_records(records).assert_equal(sent.flows, "all live flows")
    assert {record["flowEndReason"] for record in records} == {FORCED_END}
    assert frames.UDP in {record["protocolIdentifier"] for record in records}
