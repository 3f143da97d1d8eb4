# SPDX-License-Identifier: Apache-2.0
"""The binary API with valid input: each message has the effect of its command."""

import struct
from ipaddress import ip_address

import pytest

from support import accounts, generator, meter, routing
from support import api_errors as errors
from support.client import connected
from support.flows import Flows, Key, L2Key, Tally
from support.link import add_link
from support.raw_client import RawClient
from support.traffic import DESTINATION, SOURCE, Traffic, mixed
from support.waiting import until

ALL, IP4, IP6, L2 = range(4)
RX, TX, BOTH = range(3)
BY_PACKETS, BY_OCTETS = 1, 2
KEEP, DEFAULT = 0, 0xFFFFFFFF
FAMILY_IP4, FAMILY_IP6, FAMILY_L2 = 1, 2, 4


@pytest.fixture
def metered(start_meter):
    return start_meter(workers=1)


@pytest.fixture
def source(metered):
    return routing.add_source(metered.vpp)


@pytest.fixture
def client(metered):
    with connected(metered.vpp) as opened:
        yield opened


@pytest.fixture
def api(client):
    return client.api


def places(api, **which) -> set[tuple[int, int, int]]:
    reply, details = api.flowmeter_interface_dump(**which)
    assert reply.retval == 0
    found = [(each.sw_if_index, int(each.variant), int(each.direction)) for each in details]
    assert len(found) == len(set(found))
    return set(found)


@pytest.mark.smoke
def test_interfaces(metered, source, client, api):
    vpp = metered.vpp
    index = vpp.interface_index(source)
    call = api.flowmeter_interface_add_del
    assert places(api) == set()
    assert client.done(call(sw_if_index=index)) == 0
    assert places(api) == {(index, L2, RX)}
    assert "l2 rx" in vpp.cli("show flowmeter interfaces")
    assert call(sw_if_index=index, variant=IP4, direction=TX).retval == 0
    assert call(sw_if_index=index, variant=IP6, direction=TX).retval == 0
    assert places(api) == {(index, L2, RX), (index, IP4, TX), (index, IP6, TX)}
    assert places(api, sw_if_index=index) == places(api)
    assert places(api, sw_if_index=vpp.interface_index(metered.link.vpp)) == set()
    _, details = api.flowmeter_interface_dump()
    assert {each.interface_name for each in details} == {source}
    assert call(is_add=False, sw_if_index=index, variant=IP4, direction=BOTH).retval == 0
    assert places(api) == {(index, L2, RX), (index, IP6, TX)}
    # ALL stops whatever is metered.
    assert call(is_add=False, sw_if_index=index, direction=BOTH).retval == 0
    assert places(api) == set()
    assert "none is metered" in vpp.cli("show flowmeter interfaces")


def test_rules(metered, source, client, api):
    vpp = metered.vpp
    call = api.flowmeter_rule_add_del

    def rules():
        reply, details = api.flowmeter_rule_dump()
        assert reply.retval == 0
        return [(each.pattern, int(each.variant), int(each.direction)) for each in details]

    assert rules() == []
    assert client.done(call(pattern="pg*", variant=IP4, direction=BOTH)) == 0
    assert call(pattern="loop1", direction=TX).retval == 0
    index = vpp.interface_index(source)
    assert places(api) == {(index, IP4, RX), (index, IP4, TX)}
    assert rules() == [("pg*", IP4, BOTH), ("loop1", ALL, TX)]
    assert "pg* ip4 both" in vpp.cli("show flowmeter interfaces")
    later = generator.add_interface(vpp, 7)
    assert (vpp.interface_index(later), IP4, TX) in places(api)
    # The longest possible name.
    assert call(pattern="x" * 62 + "*").retval == 0
    assert call(is_add=False, pattern="x" * 62 + "*").retval == 0
    assert call(is_add=False, pattern="pg*", direction=BOTH).retval == 0
    assert rules() == [("loop1", ALL, TX)]
    assert places(api) == set()


def test_parameters(metered, source, client, api):
    vpp = metered.vpp

    def now() -> tuple[int, int, int]:
        reply = api.flowmeter_get_parameters()
        assert (reply.retval, reply.observation_domain) == (0, domain)
        return reply.active_timeout, reply.idle_timeout, reply.flows_per_worker

    domain = 1
    assert now() == (60, 15, 65536)
    call = api.flowmeter_set_parameters
    assert call(active_timeout=600, idle_timeout=1).retval == 0
    assert now() == (600, 1, 65536)
    assert "active timeout 600 s, idle timeout 1 s" in vpp.cli("show flowmeter")
    assert call(idle_timeout=DEFAULT).retval == 0
    assert now() == (600, 15, 65536)
    # With existing tables.
    vpp.configure(f"flowmeter interface {source}")
    before = vpp.cli("show flowmeter memory")
    assert client.done(call(flows_per_worker=100_000)) == 0
    assert now() == (600, 15, 100_000)
    assert vpp.cli("show flowmeter memory") != before
    assert client.done(call(active_timeout=DEFAULT, flows_per_worker=1000)) == 0
    assert now() == (60, 15, 1000)
    domain = 2**32 - 1 - vpp.threads
    assert call(observation_domain=domain).retval == 0
    assert now() == (60, 15, 1000)
    assert str(domain) in vpp.cli("show flowmeter")
    assert call(observation_domain=domain + 1).retval == errors.INVALID_VALUE
    assert now() == (60, 15, 1000)
    domain = 1
    assert call(observation_domain=DEFAULT).retval == 0
    assert now() == (60, 15, 1000)


@pytest.mark.parametrize("version", (4, 6))
def test_an_interface_as_source(start_vpp, version):
    vpp = start_vpp()
    link = add_link(vpp, 0)
    collector, source = (ip_address(each) for each in meter.addresses(link, version))
    index = vpp.interface_index(link.vpp)
    with connected(vpp) as client:
        api = client.api
        call = api.flowmeter_set_exporter
        # `source` is ignored.
        assert call(collector=collector, source_interface=index).retval == 0
        reply = api.flowmeter_get_exporter()
        assert (reply.source, reply.source_interface) == (source, index)
        length = {4: 29, 6: 64}[version]
        vpp.configure(f"set interface ip address del {link.vpp} {source}/{length}")
        until("no address", lambda: int(api.flowmeter_get_exporter().source) == 0)
        reply = api.flowmeter_get_exporter()
        assert (reply.source.version, reply.source_interface) == (version, index)
        assert (int(reply.origin), reply.reachable, reply.collector) == (1, False, collector)
        assert call(collector=collector, source_interface=999).retval == errors.INVALID_SW_IF_INDEX
        assert api.flowmeter_get_exporter().source_interface == index
        # Index 0 means none, as ~0.
        assert call(collector=collector, source=source, source_interface=0).retval == 0
        reply = api.flowmeter_get_exporter()
        assert (reply.source, reply.source_interface) == (source, 0xFFFFFFFF)


@pytest.mark.parametrize("version", (4, 6))
def test_exporter(start_vpp, version):
    vpp = start_vpp()
    link = add_link(vpp, 0)
    collector, source = (ip_address(each) for each in meter.addresses(link, version))
    with connected(vpp) as client:
        api = client.api
        reply = api.flowmeter_get_exporter()
        assert (reply.retval, int(reply.origin), reply.reachable) == (0, 0, False)
        call = api.flowmeter_set_exporter
        assert call(collector=collector, source=source).retval == 0
        until("a reachable collector", lambda: api.flowmeter_get_exporter().reachable)
        reply = api.flowmeter_get_exporter()
        assert int(reply.origin) == 1
        assert (reply.collector, reply.source) == (collector, source)
        assert (reply.collector_port, reply.table_id) == (4739, 0)
        assert (reply.path_mtu, reply.template_interval) == (1400, 30)
        rest = dict(collector_port=9995, path_mtu=65535, template_interval=86400)
        assert call(collector=collector, source=source, **rest).retval == 0
        reply = api.flowmeter_get_exporter()
        assert {name: getattr(reply, name) for name in rest} == rest
        assert "9995" in vpp.cli("show flowmeter exporter")
        assert call(is_add=False).retval == 0
        assert int(api.flowmeter_get_exporter().origin) == 0
        if version == 6:
            # VPP's command takes IPv4 only.
            return
        vpp.cli(f"set ipfix exporter collector {collector} src {source} template-interval 7")
        until("VPP's exporter", lambda: int(api.flowmeter_get_exporter().origin) == 2)
        reply = api.flowmeter_get_exporter()
        assert (reply.collector, reply.template_interval) == (collector, 7)
        assert reply.table_id == 0xFFFFFFFF


@pytest.mark.smoke
def test_statistics_and_flush(metered, source, client, api):
    vpp = metered.vpp
    assert client.done(api.flowmeter_interface_add_del(sw_if_index=vpp.interface_index(source))) == 0
    sent = mixed()
    generator.replay(vpp, source, sent.frames + [bytes(12) + b"\x08\x00" + b"\x45" + bytes(9)])
    now = accounts.accounts(vpp)
    reply, threads = api.flowmeter_statistics_dump()
    assert reply.retval == 0
    assert [each.thread_index for each in threads] == [0, 1]
    for each in threads:
        for unit in ("packets", "octets"):
            of = lambda tally, unit=unit: getattr(tally, unit)  # noqa: E731
            assert of(each.observed) == of(each.metered) + sum(map(of, each.ignored))
            left = sum(map(of, each.exported)) + sum(map(of, each.lost))
            assert of(each.metered) == of(each.live) + left
        assert each.table_octets > 0
    worker = threads[1]
    assert worker.observed.packets == now.observed.packets == len(sent.frames) + 1
    assert worker.ignored[4].packets == 1, "ip_header_truncated"
    assert worker.live_flows == worker.flows == now.live_flows
    assert worker.live.octets == sent.flows.total().octets
    assert client.done(api.flowmeter_flush()) == 0
    reply, [worker] = api.flowmeter_statistics_dump(thread_index=1)
    assert worker.live_flows == 0
    # flowEndReason 4, forced end.
    assert worker.exported[3].records == now.live_flows
    assert worker.exported[3].packets == len(sent.frames)
    state = api.flowmeter_get_exporter()
    assert (state.messages, state.records) == (worker.messages, worker.records)
    metered.sink.wait_for_records(worker.records)
    assert api.flowmeter_clear_statistics().retval == 0
    _, threads = api.flowmeter_statistics_dump()
    assert all(each.observed.packets == each.records == 0 for each in threads)


def of_details(details) -> Flows:
    """The flows of a dump, to be compared with those sent."""
    flows = Flows()
    for each in details:
        family = int(each.family)
        if family == FAMILY_L2:
            key = L2Key(
                str(each.source_mac), str(each.destination_mac), each.ether_type, each.vlan_id
            )
        else:
            ends = str(each.source), str(each.destination)
            ports = each.source_port, each.destination_port
            key = Key(*ends, each.protocol, *ports, each.vlan_id)
        flows.add([(key, Tally(each.packets, each.octets, each.tcp_flags))])
    return flows


@pytest.mark.smoke
def test_flows(metered, source, client, api):
    vpp = metered.vpp
    index = vpp.interface_index(source)
    assert client.done(api.flowmeter_interface_add_del(sw_if_index=index)) == 0
    sent = mixed()
    sent.add_l2(0x88CC, bytes(64))
    sent.tagged((0x8100, 17)).add_udp(4, (7, 7))
    generator.replay(vpp, source, sent.frames)
    reply, details = api.flowmeter_flow_dump()
    assert (reply.retval, reply.matched) == (0, len(details)) and len(details) == len(sent.flows)
    of_details(details).assert_equal(sent.flows, "all flows")
    assert {each.ingress_interface for each in details} == {index}
    assert {int(each.direction) for each in details} == {RX}
    assert all(each.start_milliseconds <= each.end_milliseconds for each in details)

    for family, count in (
        (FAMILY_IP4, sum(":" not in key.source for key in sent.flows)),
        (FAMILY_IP6, sum(":" in key.source and isinstance(key, Key) for key in sent.flows)),
        (FAMILY_L2, 1),
    ):
        _, details = api.flowmeter_flow_dump(families=family)
        assert {int(each.family) for each in details} == {family}
        assert len(details) == count
    _, details = api.flowmeter_flow_dump(families=FAMILY_IP4 | FAMILY_L2)
    assert {int(each.family) for each in details} == {FAMILY_IP4, FAMILY_L2}

    for version in (4, 6):
        for end in (SOURCE, DESTINATION):
            match = ip_address(end[version])
            reply, details = api.flowmeter_flow_dump(is_match=True, match=match)
            assert reply.matched == len(details) > 0
            assert all(match in (each.source, each.destination) for each in details)
    reply, details = api.flowmeter_flow_dump(is_match=True, match=ip_address("203.0.113.99"))
    assert (reply.retval, reply.matched, details) == (0, 0, [])


@pytest.mark.parametrize("order, measure", ((BY_PACKETS, "packets"), (BY_OCTETS, "octets")))
def test_the_largest_flows(metered, source, client, api, order, measure):
    vpp = metered.vpp
    assert client.done(api.flowmeter_interface_add_del(sw_if_index=vpp.interface_index(source))) == 0
    sent = Traffic()
    for number in range(60):
        for _ in range(1 + number * 7 % 60):
            sent.add_udp(4, (1000 + number, 53), 10 * (60 - number))
    generator.replay(vpp, source, sent.frames)
    sizes = sorted((getattr(tally, measure) for tally in sent.flows.values()), reverse=True)
    for top in (1, 10, 60, 10_000):
        reply, details = api.flowmeter_flow_dump(order=order, top=top)
        assert (reply.retval, reply.matched) == (0, 60)
        assert [getattr(each, measure) for each in details] == sizes[:top]


def test_requests_keep_their_order(metered, source, client):
    """A client that does not wait for answers gets them in order. In another order, there would be
    nothing to disable."""
    index = metered.vpp.interface_index(source)
    # Create the tables first, so that no request takes long.
    metered.vpp.configure(f"flowmeter interface {source}", f"flowmeter interface {source} disable")
    raw = RawClient(metered.vpp, client.papi)
    for turn in range(40):
        fields = {"is_add": turn % 2 == 0, "sw_if_index": index}
        raw.send(raw.message("flowmeter_interface_add_del", context=turn, **fields))
    for turn in range(40):
        _, context, retval = struct.unpack_from("!HIi", raw.receive())
        assert (context, retval) == (turn, 0)
    raw.close()
