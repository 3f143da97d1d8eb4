# SPDX-License-Identifier: Apache-2.0
"""VPP's command line: what is accepted does what it says, what is not is refused in one
line that names the wrong word, and changes nothing."""

from contextlib import ExitStack

import pytest

from support import accounts, generator, meter, routing, traffic
from support.flows import of_records
from support.link import add_link
from support.namespace import Namespace
from support.refusal import assert_one_line, settings
from support.traffic import many_flows, mixed
from support.vpp import Vpp


def set_all(vpp: Vpp) -> Vpp:
    """A VPP with an interface, and everything set to what is not the default."""
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
    """One for all that is refused: each test shows that it has changed nothing."""
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
        # The first word is right, and must not have been taken.
        ("set flowmeter idle-timeout 7 active-timeout never", "never"),
        ("set flowmeter exporter", "expected"),
        ("set flowmeter exporter collector", "collector"),
        ("set flowmeter exporter collector 192.0.2.300 src 192.0.2.2", "192.0.2.300"),
        ("set flowmeter exporter collector 192.0.2.1", "src"),
        ("set flowmeter exporter src 192.0.2.2", "collector"),
        ("set flowmeter exporter collector 192.0.2.1 src 2001:db8::2", "2001:db8::2"),
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
    """L2 and IP on one interface and direction would be; the second is refused."""
    before = settings(vpp)
    assert_one_line(vpp.cli("flowmeter interface pg0 l2 rx"), "pg0", "ip4 rx")
    assert settings(vpp) == before
    # In the other direction it is another thing.
    vpp.configure("flowmeter interface pg0 l2 tx")
    assert_one_line(vpp.cli("flowmeter interface pg0 ip6 tx"), "pg0", "l2 tx")


def test_l2_needs_frames(vpp):
    """An interface in IP mode has none; a sub-interface has those that it has in a bridge."""
    generator.add_interface(vpp, 4, mode="ip4")
    before = settings(vpp)
    assert_one_line(vpp.cli("flowmeter interface pg4 l2 rx"), "pg4")
    assert settings(vpp) == before
    vpp.cli("create sub-interfaces pg0 100")
    vpp.configure("flowmeter interface pg0.100 l2 rx")


def test_what_is_on_may_be_switched_on_again(start_meter):
    """And still counts once; what is off may be switched off."""
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


def test_default_settings_come_back(vpp):
    default = vpp.cli("show flowmeter memory")
    vpp.configure("set flowmeter default")
    shown = vpp.cli("show flowmeter")
    for value in ("60", "15"):
        assert value in shown, shown
    assert vpp.cli("show flowmeter memory") != default


def test_show_flowmeter_tells_the_version_and_the_accounts(start_meter):
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
    version = plugin.split("flowmeter_plugin.so")[1].split()[0]
    assert version in vpp.cli("show flowmeter"), f"{version}: {vpp.cli('show flowmeter')}"


def test_show_interfaces_tells_what_is_metered(vpp):
    vpp.configure("flowmeter interface pg0 ip6 both")
    line = next(
        line for line in vpp.cli("show flowmeter interfaces").splitlines() if "pg0" in line
    )
    for word in ("ip4", "ip6"):
        assert word in line, line


def test_show_exporter_tells_where_to(vpp):
    shown = vpp.cli("show flowmeter exporter")
    for word in ("192.0.2.1", "192.0.2.2", "4740", "1300", "40"):
        assert word in shown, shown


def flows_shown(vpp, words: str = "") -> list[str]:
    """The lines that `show flowmeter flows` has of flows to the destination."""
    shown = vpp.cli(f"show flowmeter flows {words}".strip())
    ours = (traffic.DESTINATION[4], traffic.DESTINATION[6])
    return [line for line in shown.splitlines() if any(address in line for address in ours)]


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
    assert all("1029" in line for line in most_packets), most_packets
    most_octets = flows_shown(vpp, "top 2 by octets")
    assert all("1000" in line for line in most_octets), most_octets
    assert len(flows_shown(vpp, f"top 1000 match {traffic.SOURCE[4]}")) == 30
    assert len(flows_shown(vpp, "top 1000 match 192.0.2.77")) == 0


def test_show_flows_under_load_takes_little_from_workers(start_meter):
    """While a million flows could be looked at, packets go on."""
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
