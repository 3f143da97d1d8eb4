# SPDX-License-Identifier: Apache-2.0
"""Monitoring other than `show flowmeter`: traces, errors, statistics, Prometheus."""

import re
import urllib.request

import pytest

from support import accounts, frames, generator, installation, meter, routing, traffic
from support.flows import of_records
from support.link import RawSocket, add_link
from support.process import Daemon
from support.traffic import Traffic, many_flows, mixed
from support.waiting import until


def traces(vpp) -> list[list[str]]:
    """The trace of each packet at the plugin's nodes, as lines."""
    shown = vpp.cli("show trace")
    found = []
    for packet in re.split(r"^Packet \d+$", shown, flags=re.MULTILINE)[1:]:
        said = []
        is_ours = False
        for line in packet.splitlines():
            if re.match(r"(\d\d:){3}\d+: ", line):
                is_ours = ": flowmeter-" in line
            elif is_ours and line.strip():
                said.append(line.strip())
        found.append(said)
    return found


@pytest.mark.smoke
def test_a_packets_trace(start_meter):
    """It shows addresses and ports, whether the flow is new, and where the packet was observed, at
    each place."""
    metered = start_meter()
    vpp = metered.vpp
    source = routing.add_source(vpp)
    out = routing.add_way_out(vpp)
    for family in ("ip4", "ip6"):
        vpp.configure(
            f"flowmeter interface {source} {family} rx", f"flowmeter interface {out} {family} tx"
        )
    sent = Traffic()
    for _ in range(2):
        sent.add_udp(4, (1234, 5353), 9)
        sent.add_tcp(6, (1234, 443))
        sent.add_icmp(4, 8)
    conversations = [
        (4, 20 + 8 + 9, f"{traffic.SOURCE[4]}:1234 -> {traffic.DESTINATION[4]}:5353 protocol 17"),
        (6, 40 + 20, f"[{traffic.SOURCE[6]}]:1234 -> [{traffic.DESTINATION[6]}]:443 protocol 6"),
        (4, 20 + 8, f"{traffic.SOURCE[4]} -> {traffic.DESTINATION[4]} type 8 code 0 protocol 1"),
    ]
    vpp.configure("trace add pg-input 10")
    generator.replay(vpp, source, sent.frames)
    assert traces(vpp) == [
        [
            f"ip{version} rx: {state} flow, {octets} octets",
            conversation,
            f"from {source}",
            f"ip{version} tx: {state} flow, {octets} octets",
            conversation,
            f"from {source} to {out}",
        ]
        for state in ("new", "known")
        for version, octets, conversation in conversations
    ]


@pytest.mark.smoke
def test_a_frames_trace(start_meter):
    """At l2: tags, frames that are not IP, and ignored ones."""
    metered = start_meter()
    vpp = metered.vpp
    source = generator.add_interface(vpp, 0)
    vpp.configure(f"flowmeter interface {source} l2 rx")
    sent = Traffic()
    sent.tagged((frames.VLAN, 100)).add_udp(4, (1, 2))
    sent.add_l2(0x88CC, bytes(50))
    cut = frames.ethernet(
        b"\x45" + bytes(9), source=traffic.SENDER_MAC, destination=traffic.VPP_MAC
    )
    vpp.configure("trace add pg-input 10")
    generator.replay(vpp, source, [*sent.frames, cut])
    assert traces(vpp) == [
        [
            "l2 rx: new flow, 28 octets",
            f"{traffic.SOURCE[4]}:1 -> {traffic.DESTINATION[4]}:2 protocol 17",
            f"from {source} vlan 100",
        ],
        [
            "l2 rx: new flow, 64 octets",
            f"{traffic.SENDER_MAC} -> {traffic.VPP_MAC} ethertype 0x88cc",
            f"from {source}",
        ],
        ["l2 rx: not metered: ip_header_truncated, 24 octets"],
    ]


def test_ignored_packets_are_counted_by_reason(start_meter):
    """In the node's error counters and in the stats segment."""
    metered = start_meter()
    vpp = metered.vpp
    source = generator.add_interface(vpp, 0)
    vpp.configure(f"flowmeter interface {source} l2 rx")
    header = frames.mac("02:00:00:00:00:01") + frames.mac("02:00:00:00:00:02")
    octets = [
        # A truncated IPv4 header, one too short, one longer than its packet, a wrong version.
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


#: Counters of packets and octets, with a pair for each thread.
COMBINED = {
    "observed",
    "metered",
    "live",
    *(f"exported/{reason}" for reason in accounts.END_REASONS),
    *(f"lost/{reason}" for reason in accounts.LOST_REASONS),
}

#: Counters with one number for each thread.
SIMPLE = {
    *(f"records/exported/{reason}" for reason in accounts.END_REASONS),
    *(f"records/lost/{reason}" for reason in accounts.LOST_REASONS),
    "flows/created",
    "sent/messages",
    "sent/records",
}

#: Gauges of each thread.
GAUGES = {
    "live_flows",
    "slots",
    "sweep_clocks_last",
    "sweep_clocks_max",
    "expiry_lag_milliseconds",
}


def metered_by_two(start_meter):
    """A meter whose workers have different accounts: IPv4 and IPv6, exported and live flows."""
    metered = start_meter(workers=2)
    source = routing.add_source(metered.vpp)
    for family in ("ip4", "ip6"):
        metered.vpp.configure(f"flowmeter interface {source} {family} rx")
    generator.replay(metered.vpp, source, many_flows(70).frames, worker=0)
    metered.flushed()
    generator.replay(metered.vpp, source, many_flows(100, 6, rounds=2).frames, worker=1)
    return metered, accounts.accounts(metered.vpp)


def statistics(vpp) -> tuple[dict[str, list], dict[str, list[int]]]:
    """All counters, and the gauges of all threads in thread order."""
    counters, gauges = {}, {}
    for name, values in vpp.stats("/flowmeter/").items():
        found = re.fullmatch(r"/flowmeter/thread/(\d+)/(\w+)", name)
        if found:
            thread, gauge = found.groups()
            of_threads = gauges.setdefault(gauge, {})
            [of_threads[int(thread)]] = map(int, values)
        else:
            counters[name.removeprefix("/flowmeter/")] = values
    return counters, {
        gauge: [of_threads[thread] for thread in range(vpp.threads)]
        for gauge, of_threads in gauges.items()
    }


@pytest.mark.smoke
def test_statistics_are_per_thread(start_meter):
    """Each thread has its own values."""
    metered, _ = metered_by_two(start_meter)
    found, gauges = statistics(metered.vpp)
    ignored = {name for name in found if name.startswith("ignored/")}
    assert found.keys() - ignored == COMBINED | SIMPLE
    nothing = (0, 0)
    expected = {name: [0, 0, 0] if name in SIMPLE else [nothing] * 3 for name in found}
    # IPv4 and UDP headers, IPv6 and UDP headers, and 4 octets in each packet.
    of_first, of_second = (70, 70 * (20 + 8 + 4)), (200, 200 * (40 + 8 + 4))
    expected |= {
        "observed": [nothing, of_first, of_second],
        "metered": [nothing, of_first, of_second],
        "exported/forced_end": [nothing, of_first, nothing],
        "records/exported/forced_end": [0, 70, 0],
        "live": [nothing, nothing, of_second],
        "flows/created": [0, 70, 100],
        "sent/records": [0, 70, 0],
    }
    messages = found["sent/messages"]
    assert messages == [0, len(metered.sink.reader.messages), 0]
    expected["sent/messages"] = messages
    assert found == expected
    assert gauges.keys() == GAUGES
    assert gauges["live_flows"] == [0, 0, 100]


def test_gauges(start_meter):
    """The slots, the sweep's clocks and its lag, for each thread."""
    metered, _ = metered_by_two(start_meter)
    vpp = metered.vpp
    _, before = statistics(vpp)
    # The configured number of IPv4 flows and half as many IPv6 flows, with 18 % spare slots; other
    # flows have a starter table.
    room = 65536 + 65536 // 2
    assert all(room <= slots <= (room + 1024) * 1.2 for slots in before["slots"][1:])
    for last, longest in zip(before["sweep_clocks_last"], before["sweep_clocks_max"], strict=True):
        assert 0 < last <= longest
    # A pass takes a second; a busy machine may delay a thread by a tenth of that.
    until(
        "the sweep to keep up",
        lambda: max(statistics(vpp)[1]["expiry_lag_milliseconds"]) <= 100,
    )
    meter.resize(vpp, 1000)
    until("smaller tables", lambda: max(statistics(vpp)[1]["slots"]) < 3 * 1000 * 1.2)
    until("no flows", lambda: statistics(vpp)[1]["live_flows"] == [0, 0, 0])


def test_cleared_counters_are_cleared_at_once(start_meter):
    """Flows continue, and their packets count as observed just now; also if no thread wakes up any
    more."""
    metered, before = metered_by_two(start_meter)
    vpp = metered.vpp
    assert before.live_flows == 100
    vpp.configure("clear flowmeter")
    counters, gauges = statistics(vpp)
    of_second = (200, 200 * (40 + 8 + 4))
    nothing = (0, 0)
    held = ("observed", "metered", "live")
    for name, values in counters.items():
        if name in held:
            assert values == [nothing, nothing, of_second], name
        elif name == "flows/created":
            assert values == [0, 0, 100]
        else:
            assert values in ([0, 0, 0], [nothing] * 3), name
    assert gauges["live_flows"] == [0, 0, 100]
    assert accounts.flush(vpp).exported["forced_end"].records == 100
    metered.sink.wait_for_records(70 + 100)
    vpp.configure("flowmeter interface pg* disable")
    vpp.wait_seconds(0.5)
    vpp.configure("clear flowmeter statistics")
    counters, _ = statistics(vpp)
    assert all(values in ([0, 0, 0], [nothing] * 3) for values in counters.values()), counters


def test_prometheus_has_the_accounts(start_meter, tmp_path):
    """Every value of every thread, once and with its name."""
    metered, _ = metered_by_two(start_meter)
    vpp = metered.vpp
    # Stop the sweeps, so that gauges do not change.
    vpp.configure("flowmeter interface pg0 ip4 disable", "flowmeter interface pg0 ip6 disable")
    until("no flows", lambda: accounts.read(vpp).live_flows == 0)
    expected = until_settled(vpp)
    exporter = installation.vpp_program("vpp_prometheus_export")
    segment = vpp.folder / "stats.sock"
    words = [exporter, "socket-name", segment, "port", "9482", "^/flowmeter/"]
    daemon = Daemon(vpp.namespace.command(*words), tmp_path / "prometheus.log")
    try:
        page = until("Prometheus's page", lambda: _page(vpp.namespace))
    finally:
        daemon.kill()
    lines = [line for line in page.splitlines() if line.strip()]
    kinds = {line.removeprefix("# TYPE ") for line in lines if line.startswith("# TYPE ")}
    values = [line for line in lines if not line.startswith("#")]
    expected_kinds, expected_values = set(), []
    for name, of_threads in expected.items():
        is_gauge = name.startswith("/flowmeter/thread/")
        name = re.sub(r"\W", "_", name)
        if is_gauge:
            # VPP's exporter has no gauges before 26.02.
            kind = "gauge" if installation.vpp_release() >= (26, 2) else "counter"
            expected_kinds.add(f"{name} {kind}")
            expected_values.append(f"{name} {of_threads[0]:.2f}")
            continue
        is_combined = isinstance(of_threads[0], tuple)
        for part, unit in enumerate(("_packets", "_bytes") if is_combined else ("",)):
            expected_kinds.add(f"{name}{unit} counter")
            for thread, value in enumerate(of_threads):
                value = value[part] if is_combined else value
                labels = f'thread="{thread}",interface="0"'
                expected_values.append(f"{name}{unit}{{{labels}}} {value}")
    assert kinds == expected_kinds
    assert sorted(values) == sorted(expected_values)
    assert sum(packets for packets, _ in expected["/flowmeter/observed"]) == 270


def until_settled(vpp) -> dict[str, list]:
    """The statistics, once they no longer change."""
    seen = []

    def is_settled() -> bool:
        seen.append(vpp.stats("/flowmeter/"))
        vpp.wait_seconds(0.2)
        return vpp.stats("/flowmeter/") == seen[-1]

    until("statistics to settle", is_settled)
    return seen[-1]


def _page(namespace) -> str:
    try:
        with namespace.entered():
            with urllib.request.urlopen("http://127.0.0.1:9482/metrics", timeout=5) as answer:
                return answer.read().decode()
    except OSError:
        return ""


@pytest.mark.smoke
def test_the_plugin_is_listed(start_vpp):
    vpp = start_vpp()
    line = next(
        line for line in vpp.cli("show plugins").splitlines() if "flowmeter_plugin.so" in line
    )
    assert re.search(r"flowmeter_plugin\.so\s+\d+\.\d+\.\d+", line), line


def test_metering_does_not_change_packets(start_meter):
    """Forwarded packets are the same with and without metering, in octets and order."""
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
            # VPP itself may send a multicast report at any time (RFC 3810).
            arrived.extend(frame for frame in wire.received() if not frames.is_mld_report(frame))
            return len(arrived) >= len(sent.frames)

        until("frames at the other end", all_arrived)
        # The order within each family: nodes of one family may run before those of the other.
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
    rx.assert_equal(sent.flows, "the packets must be metered")
