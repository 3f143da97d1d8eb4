# SPDX-License-Identifier: Apache-2.0
"""Commands: valid ones have their effect; wrong ones are refused with one line that names the wrong
word, and change nothing."""

import re
from contextlib import ExitStack

import pytest

from support import accounts, frames, generator, meter, routing, traffic
from support.flows import of_records
from support.link import add_link
from support.namespace import Namespace
from support.refusal import assert_one_line, settings
from support.traffic import Traffic, many_flows, mixed
from support.vpp import Vpp


def set_all(vpp: Vpp) -> Vpp:
    """Configures a VPP with an interface, and all settings different from the defaults."""
    routing.add_source(vpp)
    link = add_link(vpp, 0)
    meter.set_exporter(vpp, link, words="port 4740 path-mtu 1300 template-interval 40")
    vpp.configure(
        "set flowmeter active-timeout 30 idle-timeout 10 flows-per-worker 5000",
        "flowmeter interface pg0 ip4 rx",
    )
    return vpp


@pytest.fixture
def vpp(start_vpp):
    return set_all(start_vpp())


@pytest.fixture(scope="module")
def refusing_vpp():
    """One VPP for all refused commands: each test checks that nothing has changed."""
    with ExitStack() as stack:
        namespace = Namespace()
        stack.callback(namespace.close)
        vpp = Vpp(namespace)
        stack.callback(vpp.kill)
        yield set_all(vpp)
        vpp.stop()


@pytest.mark.parametrize(
    ("command", "part"),
    [
        ("flowmeter interface", "interface"),
        ("flowmeter interface nothing", "nothing"),
        ("flowmeter interface pg0 ip5 rx", "ip5"),
        ("flowmeter interface pg0 ip4 sideways", "sideways"),
        ("flowmeter interface pg0 ip4 rx enable", "enable"),
        ("flowmeter interface pg0 ip4 rx disable twice", "twice"),
        ("flowmeter interface pg0 ip4 ip6 rx", "ip6"),
        ("flowmeter nonsense", "nonsense"),
        ("set flowmeter", "expected"),
        ("set flowmeter active-timeout", "active-timeout"),
        ("set flowmeter active-timeout soon", "soon"),
        ("set flowmeter active-timeout -1", "-1"),
        ("set flowmeter active-timeout 0", "0"),
        ("set flowmeter active-timeout 99999999999", "99999999999"),
        ("set flowmeter idle-timeout 1.5", "1.5"),
        ("set flowmeter flows-per-worker 0", "0"),
        ("set flowmeter flows-per-worker many", "many"),
        ("set flowmeter flows-per-worker 18446744073709551616", "18446744073709551616"),
        ("set flowmeter passive-timeout 5", "passive-timeout"),
        ("set flowmeter observation-domain", "observation-domain"),
        ("set flowmeter observation-domain 0", "0"),
        ("set flowmeter observation-domain 4294967295", "4294967294"),
        ("set flowmeter observation-domain 7 idle-timeout 0", "0"),
        # The first setting is valid, and must not be applied.
        ("set flowmeter idle-timeout 7 active-timeout never", "never"),
        ("set flowmeter exporter", "expected"),
        ("set flowmeter exporter collector", "collector"),
        ("set flowmeter exporter collector 192.0.2.300 src 192.0.2.2", "192.0.2.300"),
        ("set flowmeter exporter collector 192.0.2.1", "src"),
        ("set flowmeter exporter src 192.0.2.2", "collector"),
        ("set flowmeter exporter collector 192.0.2.1 src 2001:db8::2", "2001:db8::2"),
        ("set flowmeter exporter collector 192.0.2.1 src 2001:db8::2/64", "2001:db8::2"),
        ("set flowmeter exporter collector 192.0.2.1 src 192.0.2.2/33", "192.0.2.2/33"),
        ("set flowmeter exporter collector 192.0.2.1 src 192.0.2.2/", "192.0.2.2/"),
        ("set flowmeter exporter collector 192.0.2.1 src 192.0.2.300", "192.0.2.300"),
        ("set flowmeter exporter collector 192.0.2.1 src 2001:db8:::2", "2001:db8:::2"),
        ("set flowmeter exporter collector 192.0.2.1 src nothing7", "nothing7"),
        ("set flowmeter exporter collector 224.0.0.1 src pg0", "224.0.0.1"),
        ("set flowmeter exporter collector 192.0.2.1 port 0 src 192.0.2.2", "0"),
        ("set flowmeter exporter collector 192.0.2.1 port 65536 src 192.0.2.2", "65536"),
        ("set flowmeter exporter collector 192.0.2.1 src 192.0.2.2 fib 99", "99"),
        ("set flowmeter exporter collector 192.0.2.1 src 192.0.2.2 path-mtu 67", "67"),
        ("set flowmeter exporter collector 192.0.2.1 src 192.0.2.2 path-mtu 65536", "65536"),
        ("set flowmeter exporter collector 192.0.2.1 src 192.0.2.2 template-interval 0", "0"),
        ("set flowmeter exporter collector 192.0.2.1 src 192.0.2.2 quickly", "quickly"),
        ("set flowmeter exporter disable now", "now"),
        ("show flowmeter nonsense", "nonsense"),
        ("show flowmeter flows top", "top"),
        ("show flowmeter flows top ten", "ten"),
        ("show flowmeter flows by age", "age"),
        ("show flowmeter flows match here", "here"),
        ("clear flowmeter nonsense", "nonsense"),
        ("clear flowmeter flows", "`flowmeter flush` ends flows"),
        ("clear flowmeter statistics now", "now"),
        ("flowmeter flush now", "now"),
    ],
)
def test_wrong_input_is_refused(refusing_vpp, command, part):
    vpp = refusing_vpp
    before = settings(vpp)
    assert "pg0" in before and "4740" in before
    live = accounts.read(vpp)
    assert_one_line(vpp.cli(command), part)
    assert settings(vpp) == before
    assert accounts.read(vpp) == live


def test_the_same_frames_are_not_counted_twice(vpp):
    """L2 and IP on one interface and direction exclude each other."""
    before = settings(vpp)
    assert_one_line(vpp.cli("flowmeter interface pg0 l2 rx"), "pg0", "ip4 rx")
    assert settings(vpp) == before
    # The other direction is independent.
    vpp.configure("flowmeter interface pg0 l2 tx")
    assert_one_line(vpp.cli("flowmeter interface pg0 ip6 tx"), "pg0", "l2 tx")


def test_l2_needs_frames(vpp):
    """An interface in IP mode and local0 have none; a sub-interface has frames while it is in a
    bridge."""
    generator.add_interface(vpp, 4, mode="ip4")
    before = settings(vpp)
    assert_one_line(vpp.cli("flowmeter interface pg4 l2 rx"), "pg4")
    assert_one_line(vpp.cli("flowmeter interface local0 l2"), "local0 receives no Ethernet frames")
    assert settings(vpp) == before
    vpp.cli("create sub-interfaces pg0 100")
    vpp.configure("flowmeter interface pg0.100 l2 rx")


def test_a_pattern_excludes_local0_at_l2(start_vpp):
    vpp = start_vpp()
    generator.add_interface(vpp, 0)
    vpp.configure("flowmeter interface * l2")
    shown = vpp.cli("show flowmeter interfaces")
    assert "pg0" in shown and "local0" not in shown


def test_enabling_and_disabling_are_idempotent(start_meter):
    """Packets of an interface that was enabled repeatedly are counted once."""
    metered = start_meter()
    source = routing.add_source(metered.vpp)
    for _ in range(3):
        metered.vpp.configure(f"flowmeter interface {source} ip4 rx")
    sent = many_flows(10)
    generator.replay(metered.vpp, source, sent.frames)
    assert len(metered.flushed()) == 10
    for _ in range(3):
        metered.vpp.cli(f"flowmeter interface {source} ip4 rx disable")
    generator.replay(metered.vpp, source, sent.frames)
    assert accounts.accounts(metered.vpp).observed.packets == 10


def test_default_restores_the_settings(vpp):
    default = vpp.cli("show flowmeter memory")
    vpp.configure("set flowmeter default")
    shown = vpp.cli("show flowmeter")
    for value in ("60", "15"):
        assert value in shown, shown
    assert vpp.cli("show flowmeter memory") != default


@pytest.mark.smoke
def test_show_flowmeter_has_version_and_accounts(start_meter):
    metered = start_meter(workers=1)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    generator.replay(vpp, source, mixed((4,)).frames)
    now = accounts.accounts(vpp)
    shown = vpp.cli("show flowmeter").replace(",", "")
    for number in (now.observed.packets, now.observed.octets, now.metered.packets, now.live_flows):
        assert str(number) in shown.split() or str(number) in shown, f"{number}: {shown}"
    plugin = next(
        line for line in vpp.cli("show plugins").splitlines() if "flowmeter_plugin.so" in line
    )
    # With the commit and its date, unless it was built outside a repository.
    version = re.search(r"flowmeter_plugin\.so +(\S+( \(.*?\))?)", plugin)[1]
    assert f"flowmeter {version}, built for" in vpp.cli("show flowmeter"), plugin


def test_show_interfaces_lists_metered_interfaces(vpp):
    vpp.configure("flowmeter interface pg0 ip6 both")
    line = next(
        line for line in vpp.cli("show flowmeter interfaces").splitlines() if "pg0" in line
    )
    for word in ("ip4", "ip6"):
        assert word in line, line


def test_show_exporter_has_the_settings(vpp):
    shown = vpp.cli("show flowmeter exporter")
    for word in ("192.0.2.1", "192.0.2.2", "4740", "1300", "40"):
        assert word in shown, shown


def flows_shown(vpp, words: str = "") -> list[dict[str, str]]:
    """The flows of `show flowmeter flows`, as cells by column. Packets that VPP generates are left
    out."""
    first, head, *lines = vpp.cli(f"show flowmeter flows {words}".strip()).splitlines()
    lines = [line for line in lines if line.strip()]
    assert re.fullmatch(rf"\d+ live flows, {len(lines)} shown", first), first
    columns = list(re.finditer(r"\S+", head))
    flows = []
    for line in lines:
        cells = re.split(r"\s{2,}", line.strip())
        assert len(cells) == len(columns), f"{head}\n{line}"
        for column, cell in zip(columns, cells, strict=True):
            # Aligned at one side of its column.
            at = [found.start() for found in re.finditer(re.escape(cell), line)]
            ends = [start + len(cell) for start in at]
            assert column.start() in at or column.end() in ends, f"{cell} in\n{head}\n{line}"
        flows.append({column[0]: cell for column, cell in zip(columns, cells, strict=True)})
    ours = (traffic.DESTINATION[4], traffic.DESTINATION[6])
    return [flow for flow in flows if any(address in flow["destination"] for address in ours)]


def ports(flows: list[dict[str, str]]) -> set[str]:
    return {flow["source"].rpartition(":")[2] for flow in flows}


@pytest.mark.smoke
@pytest.mark.parametrize("workers", [0, 2])
def test_show_flows(start_meter, workers):
    metered = start_meter(workers=workers)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    for family in ("ip4", "ip6"):
        vpp.configure(f"flowmeter interface {source} {family} rx")
    sent = traffic.Traffic()
    for number in range(30):
        for version in (4, 6):
            # The more packets, the fewer octets.
            for _ in range(number + 1):
                sent.add_udp(version, (1000 + number, 53), 4000 // (number + 1) ** 2)
    generator.replay(vpp, source, sent.frames, worker=max(workers - 1, 0))
    accounts.accounts(vpp)
    assert len(flows_shown(vpp, "top 1000")) == 60
    assert len(flows_shown(vpp, "top 7")) == 7
    assert len(flows_shown(vpp, "top 1000 ip4")) == 30
    assert len(flows_shown(vpp, "top 1000 ip6")) == 30
    assert len(flows_shown(vpp, "top 1000 l2")) == 0
    most_packets = flows_shown(vpp, "top 2 by packets")
    assert ports(most_packets) == {"1029"}, most_packets
    assert {flow["packets"] for flow in most_packets} == {"30"}
    most_octets = flows_shown(vpp, "top 2 by octets")
    assert ports(most_octets) == {"1000"}, most_octets
    assert [int(flow["octets"]) for flow in most_octets] == [40 + 8 + 4000, 20 + 8 + 4000]
    assert len(flows_shown(vpp, f"top 1000 match {traffic.SOURCE[4]}")) == 30
    assert len(flows_shown(vpp, "top 1000 match 192.0.2.77")) == 0


def test_show_flows_has_names(start_meter):
    """Interfaces, protocols and flags have names, and empty columns are left out."""
    metered = start_meter()
    vpp = metered.vpp
    source = routing.add_source(vpp)
    out = routing.add_way_out(vpp)
    vpp.configure(f"flowmeter interface {source} l2 rx")
    sent = Traffic()
    sent.add_udp(4, (1234, 5353), 9)
    generator.replay(vpp, source, sent.frames)
    [flow] = flows_shown(vpp)
    for head in ("flags", "egress", "vlan", "bit/s"):
        assert head not in flow, flow
    assert flow == {
        "packets": "1",
        "octets": str(20 + 8 + 9),
        "seconds": "0.000",
        "proto": "udp",
        "dir": "rx",
        "ingress": source,
        "vrf": "0",
        "source": f"{traffic.SOURCE[4]}:1234",
        "destination": f"{traffic.DESTINATION[4]}:5353",
    }
    metered.flushed()
    vpp.configure(f"flowmeter interface {source} l2 disable")
    for family in ("ip4", "ip6"):
        vpp.configure(
            f"flowmeter interface {source} {family} rx", f"flowmeter interface {out} {family} tx"
        )
    sent = Traffic()
    sent.add_tcp(6, (1234, 443), flags=0x02)
    sent.add_tcp(6, (1234, 443), flags=0x10)
    sent.add_icmp(4, 8)
    sent.add_icmp(6, 128)
    sent.tagged((frames.VLAN, 100)).add_udp(4, (5, 6))
    vpp.cli(f"create sub-interfaces {source} 100")
    vpp.configure(
        f"set interface state {source}.100 up",
        f"set interface ip address {source}.100 10.9.9.1/24",
        f"flowmeter interface {source}.100 ip4 rx",
    )
    generator.replay(vpp, source, sent.frames)
    accounts.accounts(vpp)
    found = {
        tuple(flow[head] for head in ("proto", "flags", "dir", "ingress", "egress", "vlan"))
        for flow in flows_shown(vpp)
    }
    sub = f"{source}.100"
    assert found == {
        ("tcp", "AS", "rx", source, "-", "-"),
        ("tcp", "AS", "tx", source, out, "-"),
        ("icmp", "-", "rx", source, "-", "-"),
        ("icmp", "-", "tx", source, out, "-"),
        ("icmp6", "-", "rx", source, "-", "-"),
        ("icmp6", "-", "tx", source, out, "-"),
        ("udp", "-", "rx", sub, "-", "100"),
        ("udp", "-", "tx", sub, out, "-"),
    }
    [ping] = [flow for flow in flows_shown(vpp, "ip4") if (flow["proto"], flow["dir"]) == ("icmp", "rx")]
    assert ping["destination"] == f"{traffic.DESTINATION[4]} type 8 code 0"
    assert ping["source"] == traffic.SOURCE[4]


def test_show_flows_has_a_rate(start_meter):
    """Bits per second between the first and the last packet."""
    metered = start_meter()
    vpp = metered.vpp
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    sent = Traffic()
    for _ in range(400):
        sent.add_udp(4, (1, 2), 1000 - 28)
    # 200 packets of 1,000 octets per second, for two seconds.
    generator.replay(vpp, source, sent.frames, rate=200)
    [flow] = flows_shown(vpp)
    seconds = float(flow["seconds"])
    assert seconds > 1
    shown = float(flow["bit/s"].removesuffix("M")) * 1e6
    assert shown == pytest.approx(400 * 1000 * 8 / seconds, rel=0.01)


def test_show_flows_under_load(start_meter):
    """Packets are forwarded while the largest of many flows are listed."""
    metered = start_meter(workers=1, flows=1_000_000)
    vpp = metered.vpp
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    sent = many_flows(100_000)
    stream = generator.Stream(vpp, source, sent.frames, limit=10**9)
    stream.start()
    for _ in range(20):
        assert len(flows_shown(vpp, "top 20 by octets")) == 20
    stream.pause()
    stream.delete()
    after = accounts.accounts(vpp)
    assert after.observed.packets == after.metered.packets > 100_000
    records = metered.flushed()
    assert of_records(records).total().packets == after.observed.packets
