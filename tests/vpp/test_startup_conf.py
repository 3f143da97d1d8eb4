# SPDX-License-Identifier: Apache-2.0
"""The stanza in startup.conf: valid settings are applied; a wrong word ends VPP's start with one
line that names it."""

import pytest

from support import accounts, generator, meter, routing
from support.flows import of_records
from support.link import add_link
from support.tables import tables
from support.traffic import many_flows
from support.vpp import Vpp, VppDied
from support.waiting import until


def wait_until_metered(vpp: Vpp, interface: str) -> None:
    """Waits until the tables have been created. Unlike with a command, packets before that are not
    observed, though the interface is shown."""

    def is_metered() -> bool:
        return tables(vpp) and interface in vpp.cli("show flowmeter interfaces")

    until(f"{interface} to be metered", is_metered)


@pytest.mark.smoke
def test_everything_is_set(start_vpp):
    """Exporter, timeouts, tables, and interfaces that are added later."""
    vpp = start_vpp(
        stanzas="""
flowmeter {
    flows-per-worker 5000
    active-timeout 30
    idle-timeout 1
    interface pg* rx
    interface host-vpp1 both
    collector 192.0.2.1 port 4740 src 192.0.2.2
}
"""
    )
    link = add_link(vpp, 0)
    sink = meter.add_sink(link, port=4740)
    shown = vpp.cli("show flowmeter exporter")
    for word in ("192.0.2.1", "4740", "192.0.2.2"):
        assert word in shown, shown
    source = routing.add_source(vpp)
    out = add_link(vpp, 1)
    routing.add_routes(vpp, out)
    wait_until_metered(vpp, source)
    wait_until_metered(vpp, out.vpp)
    shown = vpp.cli("show flowmeter interfaces")
    assert source in shown and out.vpp in shown and link.vpp not in shown, shown
    sent = many_flows(100)
    generator.replay(vpp, source, sent.frames)
    # The idle timeout of 1 s, and a second for the message.
    index = vpp.interface_index(source)

    def records() -> list:
        return [record for record in sink.flow_records if record["ingressInterface"] == index]

    until("records of both interfaces", lambda: len(records()) >= 200)
    assert {record["flowEndReason"] for record in records()} == {1}
    for direction in (0, 1):
        found = of_records(records(), lambda record: record["flowDirection"] == direction)
        found.assert_equal(sent.flows, f"direction {direction}")


def test_a_source_and_a_domain(start_vpp):
    """The source is an interface that is added later."""
    vpp = start_vpp(
        stanzas="flowmeter { observation-domain 70 interface pg0 collector 192.0.2.1 src host-vpp0 }"
    )
    shown = vpp.cli("show flowmeter")
    assert "observation domain 70" in shown, shown
    assert "src host-vpp0: no such interface; flows are kept" in shown, shown
    link = add_link(vpp, 0)
    sink = meter.add_sink(link)
    source = routing.add_source(vpp)
    wait_until_metered(vpp, source)
    sent = many_flows(10)
    generator.replay(vpp, source, sent.frames)
    records = sink.wait_for_records(accounts.flush(vpp).exported_records)
    of_records(records).assert_equal(sent.flows, "pg0")
    assert sink.reader.domains == {70}
    assert {source for source, _ in sink.sources} == {link.vpp_address}


def test_a_domain_without_room_for_workers(new_namespace):
    """Workers are counted before their threads exist."""
    with pytest.raises(VppDied, match=str(2**32 - 1 - 2)):
        stanza = f"flowmeter {{ observation-domain {2**32 - 1 - 1} }}"
        Vpp(new_namespace(), workers=1, stanzas=stanza).kill()


def test_an_empty_stanza_is_valid(start_vpp):
    vpp = start_vpp(stanzas="flowmeter { }")
    assert accounts.read(vpp).observed.packets == 0


def test_an_ipv6_collector(start_vpp):
    vpp = start_vpp(
        stanzas="flowmeter { interface pg0 collector 2001:db8:a0::1 src 2001:db8:a0::2 }"
    )
    link = add_link(vpp, 0)
    sink = meter.add_sink(link, 6)
    source = routing.add_source(vpp)
    wait_until_metered(vpp, source)
    sent = many_flows(10)
    generator.replay(vpp, source, sent.frames)
    records = sink.wait_for_records(accounts.flush(vpp).exported_records)
    of_records(records).assert_equal(sent.flows, "pg0")


@pytest.mark.parametrize(
    ("stanza", "part"),
    [
        ("flows-per-worker none", "none"),
        ("flows-per-worker 0", "0"),
        ("active-timeout", "active-timeout"),
        ("active-timeout 5x", "5x"),
        ("idle-timeout 99999999999", "99999999999"),
        ("interface", "interface"),
        ("interface tap* sideways", "sideways"),
        ("collector 192.0.2.1", "src"),
        ("collector 192.0.2.300 src 192.0.2.2", "192.0.2.300"),
        ("collector 192.0.2.1 port 70000 src 192.0.2.2", "70000"),
        ("collector 192.0.2.1 src 2001:db8::1", "2001:db8::1"),
        ("src 192.0.2.2", "collector"),
        ("collector 192.0.2.1 src 192.0.2.2/99", "192.0.2.2/99"),
        ("collector 192.0.2.1 src", "src"),
        ("observation-domain 0", "0"),
        ("observation-domain 4294967295", "4294967294"),
        ("nonsense", "nonsense"),
    ],
)
def test_a_wrong_stanza_ends_the_start(new_namespace, stanza, part):
    namespace = new_namespace()
    with pytest.raises(VppDied) as died:
        Vpp(namespace, stanzas=f"flowmeter {{ {stanza} }}").kill()
    lines = [line for line in str(died.value).splitlines() if "flowmeter" in line]
    assert len(lines) == 1, died.value
    assert part in lines[0], lines[0]
    assert "exited with status" in str(died.value), "it must not crash"
