# SPDX-License-Identifier: Apache-2.0
"""What operators look at beside `show flowmeter`: traces, errors, statistics, Prometheus."""

import re
import urllib.request

from support import accounts, frames, generator, installation, routing, traffic
from support.flows import of_records
from support.link import RawSocket, add_link
from support.process import Daemon
from support.traffic import Traffic, many_flows, mixed
from support.waiting import until


def test_a_packets_trace(start_meter):
    """It shows the conversation, whether its flow is new, and where it was observed."""
    metered = start_meter()
    vpp = metered.vpp
    source = routing.add_source(vpp)
    for family in ("ip4", "ip6"):
        vpp.configure(f"flowmeter interface {source} {family} rx")
    sent = Traffic()
    for _ in range(2):
        sent.add_udp(4, (1234, 5353))
        sent.add_udp(6, (1234, 5353))
    vpp.configure("trace add pg-input 10")
    generator.replay(vpp, source, sent.frames)
    shown = vpp.cli("show trace")
    packets = re.split(r"^Packet \d+", shown, flags=re.MULTILINE)[1:]
    assert len(packets) == len(sent.frames), shown
    for number, packet in enumerate(packets):
        version = {0: 4, 1: 6}[number % 2]
        lines = packet.splitlines()
        first = next(index for index, line in enumerate(lines) if ": flowmeter" in line)
        # Up to the next node.
        rest = lines[first + 1 :]
        end = next((index for index, line in enumerate(rest) if re.match(r"\d\d:\d\d", line)), None)
        traced = "\n".join(rest[:end])
        for word in (traffic.SOURCE[version], traffic.DESTINATION[version], "1234", "5353", source):
            assert word in traced, f"{word} is not in {traced}"
        assert "rx" in traced.lower(), traced
        assert ("new" in traced) == (number < 2), traced
        assert ("known" in traced) == (number >= 2), traced


def test_what_is_ignored_is_counted_by_its_reason(start_meter):
    """In the node's errors and in the stats segment."""
    metered = start_meter()
    vpp = metered.vpp
    source = generator.add_interface(vpp, 0)
    vpp.configure(f"flowmeter interface {source} l2 rx")
    header = frames.mac("02:00:00:00:00:01") + frames.mac("02:00:00:00:00:02")
    octets = [
        # An IPv4 header that is cut, one too short, one longer than its packet, no version 4.
        header + b"\x08\x00" + b"\x45" + bytes(9),
        header + b"\x08\x00" + b"\x41" + bytes(40),
        header + b"\x08\x00" + b"\x45\x00\x00\x05" + bytes(40),
        header + b"\x08\x00" + b"\x65" + bytes(40),
        header + (b"\x81\x00\x00\x01" * 20) + b"\x08\x00" + bytes(40),
    ]
    generator.replay(vpp, source, octets)
    now = accounts.accounts(vpp)
    assert now.observed.packets == len(octets)
    found = {reason: counts.packets for reason, counts in now.ignored.items() if counts.packets}
    assert found == {
        "ip_header_truncated": 1,
        "ipv4_header_length": 1,
        "ipv4_total_length": 1,
        "ip_version": 1,
        "too_many_tags": 1,
    }
    counted = sum(
        count for (node, _), count in vpp.error_counters().items() if node.startswith("flowmeter")
    )
    assert counted == len(octets), vpp.cli("show errors")


def test_statistics_are_per_thread(start_meter):
    metered = start_meter(workers=2)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    sent = many_flows(100)
    generator.replay(vpp, source, sent.frames, worker=1)
    accounts.accounts(vpp)
    assert vpp.stats("/flowmeter/observed/packets")["/flowmeter/observed/packets"] == [0, 0, 100]
    assert vpp.stats("/flowmeter/live/flows")["/flowmeter/live/flows"] == [0, 0, 100]


def test_prometheus_sees_the_accounts(start_meter, tmp_path):
    metered = start_meter()
    vpp = metered.vpp
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    generator.replay(vpp, source, mixed((4,)).frames)
    now = accounts.accounts(vpp)
    exporter = installation.vpp_program("vpp_prometheus_export")
    segment = vpp.folder / "stats.sock"
    words = [exporter, "socket-name", segment, "port", "9482", "^/flowmeter/"]
    daemon = Daemon(vpp.namespace.command(*words), tmp_path / "prometheus.log")
    try:
        page = until("Prometheus's page", lambda: _page(vpp.namespace))
    finally:
        daemon.kill()
    values = {}
    for line in page.splitlines():
        found = re.match(r"(\w+)\{.*\} (\d+)", line)
        if found:
            values[found[1]] = values.get(found[1], 0) + int(found[2])
    names = {name: value for name, value in values.items() if "flowmeter" in name}
    assert names["_flowmeter_observed_packets"] == now.observed.packets, names
    assert names["_flowmeter_live_flows"] == now.live_flows, names


def _page(namespace) -> str:
    try:
        with namespace.entered():
            with urllib.request.urlopen("http://127.0.0.1:9482/metrics", timeout=5) as answer:
                return answer.read().decode()
    except OSError:
        return ""


def test_the_plugin_is_listed(start_vpp):
    vpp = start_vpp()
    line = next(
        line for line in vpp.cli("show plugins").splitlines() if "flowmeter_plugin.so" in line
    )
    assert re.search(r"flowmeter_plugin\.so\s+\d+\.\d+\.\d+", line), line


def test_metering_changes_no_packet(start_meter):
    """What is forwarded is the same with and without, octet by octet, and in order."""
    metered = start_meter()
    vpp = metered.vpp
    out = add_link(vpp, 1)
    wire = RawSocket(out.namespace, out.host)
    source = routing.add_source(vpp)
    routing.add_routes(vpp, out)
    sent = mixed()

    def forwarded() -> list[bytes]:
        generator.replay(vpp, source, sent.frames, rate=20_000)
        arrived = []

        def all_arrived() -> bool:
            arrived.extend(wire.received())
            return len(arrived) >= len(sent.frames)

        until("frames at the other end", all_arrived)
        # Each family in its order; nodes of one may run before those of the other.
        return sorted(arrived, key=lambda frame: frame[12:14])

    without = forwarded()
    vpp.configure(
        f"flowmeter interface {source} ip4 both",
        f"flowmeter interface {source} ip6 both",
        f"flowmeter interface {out.vpp} l2 tx",
    )
    assert forwarded() == without
    records = metered.flushed()
    rx = of_records(records, lambda record: record["flowDirection"] == 0)
    rx.assert_equal(sent.flows, "and was metered")
