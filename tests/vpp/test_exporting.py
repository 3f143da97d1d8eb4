# SPDX-License-Identifier: Apache-2.0
"""Exporting: collectors, path MTU, the plugin's and VPP's exporter, and messages that must not be
metered."""

import pytest

from support import accounts, generator, meter, routing, traffic
from support.collector import PORT, Nfcapd, UdpSink, Wiretap
from support.flows import Flows, of_records
from support.link import add_addresses, add_link
from support.traffic import Traffic, many_flows, mixed
from support.waiting import until


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_nfcapd_shows_routed_flows(start_vpp, tmp_path, workers, version):
    vpp = start_vpp(workers=workers)
    link = add_link(vpp, 0)
    collector, _ = meter.addresses(link, version)
    nfcapd = Nfcapd(link.namespace, collector, tmp_path)
    try:
        meter.set_exporter(vpp, link, version)
        source = routing.add_source(vpp)
        vpp.configure(
            f"flowmeter interface {source} ip4 rx", f"flowmeter interface {source} ip6 rx"
        )
        sent = mixed()
        streams = [
            generator.Stream(vpp, source, sent.frames, worker=worker)
            for worker in range(max(workers, 1))
        ]
        for stream in streams:
            stream.start()
        for stream in streams:
            stream.wait()
        nfcapd.wait_for_messages(accounts.flush(vpp).messages)
        shown = nfcapd.stop()
    finally:
        nfcapd.kill()
    expected = Flows()
    for _ in streams:
        expected.add(sent.flows.items())
    shown.assert_equal(expected, "nfcapd")


@pytest.mark.smoke
@pytest.mark.parametrize("version", [4, 6])
def test_messages_are_as_long_as_the_path_allows(start_vpp, version):
    """They fit the path MTU, and are not much shorter, which would waste packets."""
    vpp = start_vpp()
    link = add_link(vpp, 0)
    for path_mtu in (1280, 1500):
        wiretap = Wiretap(link, path_mtu)
        meter.set_exporter(vpp, link, version, f"path-mtu {path_mtu}")
        source = routing.add_source(vpp, path_mtu)
        vpp.configure(f"flowmeter interface {source} ip4 rx")
        sent = many_flows(1000)
        generator.replay(vpp, source, sent.frames)
        accounts.flush(vpp)
        reader = wiretap.poll()
        of_records(reader.flow_records).assert_equal(sent.flows, f"path MTU {path_mtu}")
        room = path_mtu - {4: 28, 6: 48}[version]
        full = [message.length for message in reader.messages if 256 in message.sets]
        assert room - 100 < max(full) <= room, full
        vpp.configure(f"flowmeter interface {source} ip4 rx disable")
        vpp.configure(f"set interface state {source} down")
        for address in traffic.GATEWAY.values():
            vpp.configure(f"set interface ip address del {source} {address}")
        wiretap.close()


def test_the_checksum_of_messages(start_meter):
    """Linux accepts the datagrams, and counts none as bad."""
    for version in (4, 6):
        metered = start_meter(version)
        source = routing.add_source(metered.vpp)
        metered.vpp.configure(f"flowmeter interface {source} ip4 rx")
        generator.replay(metered.vpp, source, many_flows(100).frames)
        assert len(metered.flushed()) == 100
        with metered.link.namespace.entered():
            counters = open("/proc/thread-self/net/snmp6").read().split()
        assert counters[counters.index("Udp6InErrors") + 1] == "0"
        assert counters[counters.index("Udp6InCsumErrors") + 1] == "0"


@pytest.mark.smoke
def test_vpps_own_exporter_is_used(start_vpp):
    """If the plugin's exporter is not set, VPP's is used, with its path MTU."""
    path_mtu = 600
    vpp = start_vpp()
    link = add_link(vpp, 0)
    sink = meter.add_sink(link, path_mtu=path_mtu)
    vpp.cli(
        f"set ipfix exporter collector {link.host_address} src {link.vpp_address}"
        f" path-mtu {path_mtu} template-interval 20"
    )
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    sent = many_flows(200)
    generator.replay(vpp, source, sent.frames)
    after = accounts.flush(vpp)
    records = sink.wait_for_records(after.exported_records)
    of_records(records).assert_equal(sent.flows, "with VPP's exporter")
    assert {source for source, _ in sink.sources} == {link.vpp_address}


def test_vpps_own_exporter_over_ipv6(start_vpp):
    """It can only be set by the API."""
    vpp = start_vpp()
    link = add_link(vpp, 0)
    sink = meter.add_sink(link, 6, path_mtu=1280)
    vpp.api(
        "ipfix_exporter_create_delete",
        {
            "is_create": True,
            "collector_address": link.host_address6,
            "collector_port": PORT,
            "src_address": link.vpp_address6,
            "vrf_id": 0,
            "path_mtu": 1280,
            "template_interval": 20,
            "udp_checksum": True,
        },
    )
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip6 rx")
    sent = many_flows(200, 6)
    generator.replay(vpp, source, sent.frames)
    after = accounts.flush(vpp)
    records = sink.wait_for_records(after.exported_records)
    of_records(records).assert_equal(sent.flows, "with VPP's exporter")


def test_the_plugins_exporter_has_precedence(start_vpp):
    vpp = start_vpp()
    link = add_link(vpp, 0)
    sink = meter.add_sink(link)
    other = meter.add_sink(link, port=PORT + 1)
    vpp.cli(
        f"set ipfix exporter collector {link.host_address} port {PORT + 1} src {link.vpp_address}"
    )
    meter.set_exporter(vpp, link)
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    sent = many_flows(50)
    generator.replay(vpp, source, sent.frames)
    sink.wait_for_records(accounts.flush(vpp).exported_records)
    assert not other.poll().messages
    # When it is disabled, VPP's exporter is used.
    vpp.configure("set flowmeter exporter disable")
    generator.replay(vpp, source, sent.frames)
    accounts.flush(vpp)
    records = until("records at VPP's collector", lambda: other.flow_records)
    assert len(records) == 50
    assert len(sink.flow_records) == 50


def test_the_exporters_fib(start_vpp):
    """The collector is looked up in the exporter's table."""
    vpp = start_vpp()
    vpp.configure("ip table add 5")
    link = add_link(vpp, 0, addresses=False)
    vpp.configure(f"set interface ip table {link.vpp} 5")
    add_addresses(vpp, link)
    sink = meter.add_sink(link)
    meter.set_exporter(vpp, link, words="fib 5")
    source = routing.add_source(vpp)
    vpp.configure(f"flowmeter interface {source} ip4 rx")
    sent = many_flows(50)
    generator.replay(vpp, source, sent.frames)
    records = sink.wait_for_records(accounts.flush(vpp).exported_records)
    of_records(records).assert_equal(sent.flows, "in table 5")


@pytest.mark.smoke
def test_own_messages_are_never_metered(start_meter):
    """Not on the interface that sends them, on any arc; but packets of others to the same collector
    are."""
    # At tx: received packets are Linux's.
    for words in (["l2 tx"], ["ip4 tx", "ip6 tx"]):
        for version in (4, 6):
            metered = start_meter(version)
            vpp, link = metered.vpp, metered.link
            source = routing.add_source(vpp)
            for word in words:
                vpp.configure(f"flowmeter interface {link.vpp} {word}")
            others = Traffic()
            collector, _ = meter.addresses(link, version)
            for number in range(30):
                others.add_udp(version, (1000 + number, PORT + 1), 50, destination=collector)
            closed = UdpSink(link.namespace, collector, PORT + 1)
            vpp.configure("set flowmeter active-timeout 1 idle-timeout 1")
            for _ in range(3):
                generator.replay(vpp, source, others.frames)
                metered.flushed()
            records = metered.flushed()
            expected = Flows()
            for _ in range(3):
                expected.add(others.flows.items())
            of_records(records).assert_equal(expected, f"{words}, IPv{version}")
            assert metered.others_packets == 3 * len(others.frames), "nothing else is observed"
            ports = {record["destinationTransportPort"] for record in metered.sink.flow_records}
            assert PORT not in ports
            closed.close()
            vpp.stop()


def test_a_source_with_a_prefix_length(start_vpp):
    """The prefix length is accepted and ignored."""
    for version in (4, 6):
        vpp = start_vpp()
        link = add_link(vpp, 0)
        sink = meter.add_sink(link, version)
        collector, address = meter.addresses(link, version)
        vpp.configure(f"set flowmeter exporter collector {collector} src {address}/24")
        source = meter.add_metered(vpp)
        generator.replay(vpp, source, many_flows(10).frames)
        sink.wait_for_records(accounts.flush(vpp).exported_records)
        assert {source for source, _ in sink.sources} == {address}


@pytest.mark.parametrize("version", [4, 6])
def test_an_interface_as_source(start_vpp, version):
    """The source is its current first address of the collector's family. If it has none, one line
    says so, and flows are kept."""
    vpp = start_vpp()
    link = add_link(vpp, 0)
    sink = meter.add_sink(link, version)
    collector, address = meter.addresses(link, version)
    length, other = {4: (29, "192.0.2.5"), 6: (64, "2001:db8:a0::5")}[version]
    vpp.configure(f"set flowmeter exporter collector {collector} src {link.vpp}")
    shown = vpp.cli("show flowmeter exporter")
    assert f"from {link.vpp} ({address})" in shown, shown
    source = meter.add_metered(vpp)
    sent = many_flows(10)
    generator.replay(vpp, source, sent.frames)
    of_records(sink.wait_for_records(accounts.flush(vpp).exported_records)).assert_equal(
        sent.flows, "the first address"
    )
    # Another address.
    vpp.configure(
        f"set interface ip address del {link.vpp} {address}/{length}",
        f"set interface ip address {link.vpp} {other}/{length}",
    )
    until("the other address", lambda: f"({other})" in vpp.cli("show flowmeter exporter"))
    vpp.configure(f"set ip neighbor {link.vpp} {collector} {link.host_mac} static")
    until("a reachable collector", lambda: "; reachable" in vpp.cli("show flowmeter exporter"))
    assert {source for source, _ in sink.sources} == {address}
    generator.replay(vpp, source, sent.frames)
    # The new session restarts the sequence, so it needs a new reader.
    sink.close()
    sink = meter.add_sink(link, version)
    before = accounts.read(vpp).exported_records
    sink.wait_for_records(accounts.flush(vpp).exported_records - before)
    assert {source for source, _ in sink.sources} == {other}
    # No address.
    vpp.configure(f"set interface ip address del {link.vpp} {other}/{length}")
    family = {4: "IPv4", 6: "IPv6"}[version]
    line = f"src {link.vpp}: no {family} address on this interface; flows are kept"
    until("the message", lambda: line in vpp.cli("show flowmeter exporter"))
    generator.replay(vpp, source, sent.frames)
    now = accounts.accounts(vpp)
    assert (now.live_flows, now.lost.records) == (10, 0)
    # An address again.
    vpp.configure(
        f"set interface ip address {link.vpp} {address}/{length}",
        f"set ip neighbor {link.vpp} {collector} {link.host_mac} static",
    )
    until("a reachable collector", lambda: "; reachable" in vpp.cli("show flowmeter exporter"))
    after = accounts.flush(vpp)
    assert (after.live_flows, after.lost.records) == (0, 0)


def test_an_interface_that_is_deleted(start_vpp):
    """It is identified by its name: a new interface with the same name is used."""
    vpp = start_vpp()
    link = add_link(vpp, 0)
    name = vpp.cli("create loopback interface").strip()
    vpp.configure(
        f"set interface ip address {name} 10.99.0.1/32",
        f"set flowmeter exporter collector {link.host_address} src {name}",
    )
    assert f"from {name} (10.99.0.1)" in vpp.cli("show flowmeter exporter")
    vpp.configure(f"delete loopback interface intfc {name}")
    line = f"src {name}: no such interface; flows are kept"
    until("the message", lambda: line in vpp.cli("show flowmeter exporter"))
    assert vpp.cli("create loopback interface").strip() == name
    vpp.configure(f"set interface ip address {name} 10.99.0.2/32")
    until("the new interface", lambda: f"{name} (10.99.0.2)" in vpp.cli("show flowmeter exporter"))


@pytest.mark.parametrize("workers", [0, 2])
def test_observation_domains(start_meter, workers):
    """The main thread has the configured domain, each worker that plus its thread index. Each
    domain starts with its own templates and with sequence number 0, which the reader checks;
    messages under construction are sent in the previous domain."""
    metered = start_meter(workers=workers)
    vpp = metered.vpp
    source = meter.add_metered(vpp)
    sent = many_flows(50)
    last = max(workers, 1)
    thread = min(workers, 1)

    def domains() -> set[int]:
        """The domains of new records."""
        before = len(metered.sink.flow_records)
        for worker in range(last):
            generator.replay(vpp, source, sent.frames, worker=worker)
        metered.flushed()
        messages = metered.sink.reader.messages
        records = [
            (message.domain, record)
            for message in messages
            for record in message.records
            if record.is_flow
        ]
        return {domain for domain, _ in records[before:]}

    expected = lambda first: {first + thread + worker for worker in range(last)}  # noqa: E731
    assert domains() == expected(1)
    vpp.configure("set flowmeter observation-domain 4000000000")
    shown = vpp.cli("show flowmeter")
    assert "observation domain" in shown and "4000000000" in shown, shown
    assert domains() == expected(4_000_000_000)
    # The largest domain, and one above it.
    most = 2**32 - 1 - (1 + workers)
    answer = vpp.cli(f"set flowmeter observation-domain {most + 1}")
    assert str(most) in answer, answer
    vpp.configure(f"set flowmeter observation-domain {most}")
    assert domains() == expected(most)
    vpp.configure("set flowmeter observation-domain 1")
    assert str(most) not in vpp.cli("show flowmeter")


def test_a_domain_changes_under_traffic(start_meter):
    """Messages under construction are sent in the domain in which they were started: no loss."""
    metered = start_meter(workers=1)
    vpp = metered.vpp
    source = meter.add_metered(vpp)
    vpp.configure("set flowmeter active-timeout 1 idle-timeout 1")
    sent = many_flows(300)
    stream = generator.Stream(vpp, source, sent.frames, limit=10**9, rate=20_000)
    stream.start()
    for domain in (10, 20, 30):
        vpp.configure(f"set flowmeter observation-domain {domain}")
        until(
            f"records in domain {domain + 1}",
            lambda domain=domain: domain + 1 in metered.sink.poll().domains,
        )
    stream.pause()
    records = metered.flushed()
    assert of_records(records).total().packets == stream.sent()
    assert accounts.accounts(vpp).lost.records == 0
    assert {11, 21, 31} <= metered.sink.reader.domains
